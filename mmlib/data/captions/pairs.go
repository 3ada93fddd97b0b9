package captions

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Settings say how pictures get their captions: the settings "data.captions.…" of a run.
type Settings struct {
	Languages []string `json:"languages"` // "en", "zh"
	PerBatch  int      `json:"per_batch"` // different captions in a batch, each of them encoded once; of captions by class
	Sharing   string   `json:"sharing"`   // "pairs", "captions" or "meanings"
}

// The kinds of sharing: among which captions of a batch a picture's target mass is shared. Equal captions have equal
// embeddings and so equal logits: sharing among them changes neither the loss nor its gradient. Only sharing by meaning
// trains a different model.
const (
	SharePairs    = "pairs"    // none: plain InfoNCE, every other pair of the batch is a negative
	ShareCaptions = "captions" // among captions that are equal
	ShareMeanings = "meanings" // among captions that say the same, in any template or language
)

// Validate names the setting and the value at fault.
func (s Settings) Validate() error {
	switch {
	case len(s.Languages) == 0:
		return errors.New("captions.languages is empty: name at least one, such as en")
	case s.PerBatch < 0:
		return fmt.Errorf("captions.per_batch is %d: it must be at least 0", s.PerBatch)
	case s.Sharing != SharePairs && s.Sharing != ShareCaptions && s.Sharing != ShareMeanings:
		return fmt.Errorf("captions.sharing is %q: it must be %q, %q or %q", s.Sharing, SharePairs, ShareCaptions, ShareMeanings)
	}
	return nil
}

// Pictures are examples that write their own pixels.
type Pictures interface {
	Len() int

	// Shape is what Picture writes; frames is 1 except for video.
	Shape() (frames, height, width, channels int)

	// Picture writes example i into dst, channels last, normalised; with r not nil it is changed at random.
	Picture(dst []float32, i int, r *rand.Rand)
}

// Labelled are pictures of known classes.
type Labelled interface {
	Pictures
	Class(i int) int
}

// Pairs are pictures and the texts that go with them.
type Pairs struct {
	Pictures
	texts drawing
}

// drawing draws the texts of a batch; see [Pairs.Texts].
type drawing func(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32)

// Texts draws the texts of a batch: the ids of the distinct texts, for each example the number of its own text among them,
// and its group: examples of equal groups share their target mass. The number of texts is the same for every batch.
func (p *Pairs) Texts(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32) {
	return p.texts(examples, r)
}

// Encode turns a text into the ids that a model reads.
type Encode func(string) ([]int32, error)

// ByClass captions pictures by their classes. To encode no caption twice, a batch draws PerBatch/classes captions for each
// class, and its pictures choose among them: the text tower reads PerBatch texts and not one for each picture.
func ByClass(p Labelled, c Classes, s Settings, encode Encode) (*Pairs, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("data.%w", err)
	}
	chosen, err := c.Select(s.Languages)
	if err != nil {
		return nil, err
	}
	byClass, err := chosen.encoded(encode)
	if err != nil {
		return nil, err
	}
	classes := len(byClass)
	if s.PerBatch < classes || s.PerBatch%classes != 0 {
		return nil, fmt.Errorf("data.captions.per_batch is %d: it must be a multiple of the %d classes", s.PerBatch, classes)
	}
	each := s.PerBatch / classes
	for class, list := range byClass {
		if len(list) < each {
			return nil, fmt.Errorf("data.captions.per_batch is %d, %d for each class, but class %d has only %d captions", s.PerBatch, each, class,
				len(list))
		}
	}
	for i := range p.Len() {
		if class := p.Class(i); class < 0 || class >= classes {
			return nil, fmt.Errorf("captions: example %d has class %d; there are captions for %d classes", i, class, classes)
		}
	}
	return &Pairs{p, func(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32) {
		for _, list := range byClass { // each of every class, drawn without repetition
			for _, k := range r.Perm(len(list))[:each] {
				ids = append(ids, list[k])
			}
		}
		own, group = make([]int32, len(examples)), make([]int32, len(examples))
		for n, i := range examples {
			class := int32(p.Class(i))
			own[n] = class*int32(each) + r.Int32N(int32(each))
			switch s.Sharing {
			case SharePairs:
				group[n] = int32(n)
			case ShareCaptions:
				group[n] = own[n]
			case ShareMeanings:
				group[n] = class
			}
		}
		return ids, own, group
	}}, nil
}

// encoded returns the ids of all captions of each class, language after language.
func (c Classes) encoded(encode Encode) ([][][]int32, error) {
	byClass := make([][][]int32, len(c[0].Names))
	for _, v := range c {
		for class, prompts := range v.Prompts() {
			for _, prompt := range prompts {
				ids, err := encode(prompt)
				if err != nil {
					return nil, err
				}
				byClass[class] = append(byClass[class], ids)
			}
		}
	}
	return byClass, nil
}

// Each captions pictures by texts of their own: texts[i] are the captions of example i, of which a batch draws one.
// meanings, if not nil, numbers what the captions of each example say, for sharing by meaning; without it captions mean
// the same only if they are equal.
func Each(p Pictures, texts [][]string, meanings []int32, sharing string, encode Encode) (*Pairs, error) {
	if err := (Settings{Languages: []string{"any"}, Sharing: sharing}).Validate(); err != nil {
		return nil, fmt.Errorf("data.%w", err)
	}
	switch n := p.Len(); {
	case len(texts) != n:
		return nil, fmt.Errorf("captions: there are %d pictures and captions for %d", n, len(texts))
	case meanings != nil && len(meanings) != n:
		return nil, fmt.Errorf("captions: there are %d pictures and %d meanings", n, len(meanings))
	}
	encoded := make([][]caption, len(texts))
	numbers := map[string]int32{}
	for i, list := range texts {
		if len(list) == 0 {
			return nil, fmt.Errorf("captions: example %d has no caption", i)
		}
		for _, text := range list {
			if strings.TrimSpace(text) == "" {
				return nil, fmt.Errorf("captions: example %d has an empty caption", i)
			}
			ids, err := encode(text)
			if err != nil {
				return nil, fmt.Errorf("captions: example %d: %w", i, err)
			}
			number, seen := numbers[text]
			if !seen {
				number = int32(len(numbers))
				numbers[text] = number
			}
			encoded[i] = append(encoded[i], caption{ids, number})
		}
	}
	return &Pairs{p, func(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32) {
		for n, i := range examples {
			drawn := encoded[i][r.IntN(len(encoded[i]))]
			ids, own = append(ids, drawn.ids), append(own, int32(n))
			switch {
			case sharing == SharePairs:
				group = append(group, int32(n))
			case sharing == ShareMeanings && meanings != nil:
				group = append(group, meanings[i])
			default:
				group = append(group, drawn.number)
			}
		}
		return ids, own, group
	}}, nil
}

// Drawn captions pictures by texts that are drawn when a batch is made, for more of them than could be kept. Examples of the same
// meaning share their target mass. A text that cannot be encoded is an error for the first example and a panic later, so encode
// must take all that caption draws.
func Drawn(p Pictures, caption func(i int, r *rand.Rand) string, meaning func(i int) string, encode Encode) (*Pairs, error) {
	if p.Len() > 0 {
		if _, err := encode(caption(0, nil)); err != nil {
			return nil, err
		}
	}
	return &Pairs{p, func(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32) {
		numbers := map[string]int32{}
		for n, i := range examples {
			text, m := caption(i, r), meaning(i)
			encoded, err := encode(text)
			if err != nil {
				panic(fmt.Sprintf("captions: example %d: %v", i, err))
			}
			if _, seen := numbers[m]; !seen {
				numbers[m] = int32(len(numbers))
			}
			ids, own, group = append(ids, encoded), append(own, int32(n)), append(group, numbers[m])
		}
		return ids, own, group
	}}, nil
}

// caption is an encoded text and its number among the different texts.
type caption struct {
	ids    []int32
	number int32
}
