package experiment

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data"
	"gomm/mmlib/data/questions"
	"gomm/mmlib/data/text"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
	"gomm/mmlib/task"
)

// pictured is a set of pictures that are also shown to people.
type pictured interface {
	data.Set
	Picture(dst []float32, i int, r *rand.Rand)
	Original(i int) image.Image
}

// facts are pictures whose captions can be read back.
type facts interface {
	pictured
	Captions(i int) []string // references

	// Facts counts the facts that a caption states, those of them that are right, and all there are.
	Facts(i int, caption string) (right, stated, present int)
}

// writer is a model that writes.
type writer interface{ Decoder() task.Decoder }

func acceptsCaptions(m *models.Model, set data.Set) error {
	if _, ok := set.(facts); !ok {
		return errors.New("experiment: the examples have no captions that can be read back, by which a captioner is measured")
	}
	return nil
}

// captioning is the result of measuring captions.
type captioning struct {
	set                    facts
	captions               []string
	right, stated, present int
	exact                  int
	bleu                   float64
}

// measureCaptions measures the facts that captions state: precision, recall and their harmonic mean, F1, over all facts of all
// pictures; the share of captions with all facts and no others; and BLEU-4.
func measureCaptions(ctx context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(facts)
	if !ok {
		return nil, acceptsCaptions(m, set)
	}
	w, ok := m.Predictor.(writer)
	if !ok {
		return nil, fmt.Errorf("experiment: a %s writes no captions", m.Settings.Kind)
	}
	c := &captioning{set: pictures}
	var texts [][]string
	var references [][][]string
	for start := 0; start < set.Len(); start += batch {
		n := min(batch, set.Len()-start)
		about, err := onPictures(s, "picture", n, func(dst []float32, i int) { pictures.Picture(dst, start+i, nil) })
		if err != nil {
			return nil, err
		}
		prompts := make([][]int32, n)
		for i := range prompts {
			prompts[i] = []int32{w.Decoder().Start}
		}
		written, err := infer.Generate(ctx, s, w.Decoder(), []*tensors.Tensor{about}, prompts, infer.Sampling{}, nil)
		if err = errors.Join(err, about.FinalizeAll()); err != nil {
			return nil, err
		}
		for i, ids := range written {
			caption := m.Tokenizer.Decode(ids)
			c.captions = append(c.captions, caption)
			right, stated, present := pictures.Facts(start+i, caption)
			c.right, c.stated, c.present = c.right+right, c.stated+stated, c.present+present
			if right == stated && right == present {
				c.exact++
			}
			texts, references = append(texts, strings.Fields(caption)), append(references, nil)
			for _, ref := range pictures.Captions(start + i) {
				ids, err := m.Tokenizer.Encode(ref)
				if err != nil {
					return nil, err
				}
				references[len(references)-1] = append(references[len(references)-1], strings.Fields(m.Tokenizer.Decode(ids)))
			}
		}
	}
	var err error
	c.bleu, err = eval.BLEU(texts, references)
	return c, err
}

// onPictures calls a function of pictures alone and one result on n of them.
func onPictures(s *infer.Session, name string, n int, picture func(dst []float32, i int)) (*tensors.Tensor, error) {
	f, ok := s.Func(name)
	if !ok {
		return nil, fmt.Errorf("experiment: the session has no function %q", name)
	}
	size := f.In[0].Size()
	pixels := make([]float32, n*size)
	for i := range n {
		picture(pixels[i*size:(i+1)*size], i)
	}
	in := tensors.FromFlatDataAndDimensions(pixels, append([]int{n}, f.In[0].Dimensions...)...)
	out, err := s.Call(name, in)
	if err = errors.Join(err, in.FinalizeAll()); err != nil {
		return nil, err
	}
	return out[0], nil
}

// Figures implements [Result].
func (c *captioning) Figures() []Figure {
	share := func(a, b int) float64 { return float64(a) / float64(max(b, 1)) }
	n := len(c.captions)
	return []Figure{
		{Key: "facts_f1", Name: "facts, F1", Value: share(2*c.right, c.stated+c.present), Unit: Share},
		{Key: "facts_precision", Value: share(c.right, c.stated), Unit: Share},
		{Key: "facts_recall", Value: share(c.right, c.present), Unit: Share},
		{Key: "accuracy_exact", Name: "whole scene exact", Value: share(c.exact, n), Unit: Share, Right: c.exact, Total: n},
		{Key: "bleu_4", Name: "BLEU-4", Value: c.bleu, Unit: Plain},
	}
}

// Sections implements [Result].
func (c *captioning) Sections() ([]report.Section, error) {
	const shown = 12
	g := report.Gallery{}
	for i := range min(shown, len(c.captions)) {
		right, stated, present := c.set.Facts(i, c.captions[i])
		g.Pictures = append(g.Pictures, report.Picture{
			Image: c.set.Original(i), Caption: c.captions[i], Note: fmt.Sprintf("%d of %d facts; %d wrong", right, present, stated-right),
		})
	}
	const text = "The first examples of the split, described by the model."
	return []report.Section{{Title: "Captions", Text: text, Blocks: []report.Block{g}}}, nil
}

// talked is what the measure of dialogues needs of a set.
type talked interface {
	pictured
	Dialogue(i int, r *rand.Rand) []questions.Question
	BlindDialogue() *questions.Blind
}

func acceptsDialogues(m *models.Model, set data.Set) error {
	if _, ok := set.(talked); !ok {
		return errors.New("experiment: the examples have no dialogues, by which a model that holds them is measured")
	}
	return nil
}

// measureDialogues measures answers word for word, each with the true dialogue before it, as the data sets of visual dialogue are
// measured (Das et al. 2017, §4.3).
func measureDialogues(_ context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(talked)
	if !ok {
		return nil, acceptsDialogues(m, set)
	}
	f, ok := s.Func("next")
	if !ok {
		return nil, fmt.Errorf("experiment: a %s holds no dialogues", m.Settings.Kind)
	}
	length := f.In[1].Dim(0)
	a := &answering{set: pictures}
	blind := pictures.BlindDialogue()
	for start := 0; start < set.Len(); start += batch {
		n := min(batch, set.Len()-start)
		about, err := onPictures(s, "picture", n, func(dst []float32, i int) { pictures.Picture(dst, start+i, nil) })
		if err != nil {
			return nil, err
		}
		flat := make([]int32, n*length)
		spans := make([][]span, n)
		for i := range n {
			if spans[i], err = lay(m.Tokenizer, pictures.Dialogue(start+i, nil), flat[i*length:(i+1)*length]); err != nil {
				return nil, err
			}
		}
		prefix := tensors.FromFlatDataAndDimensions(make([]int32, n), n)
		said, err := nextTokens(s, about, tensors.FromFlatDataAndDimensions(slices.Clone(flat), n, length), prefix)
		if err = errors.Join(err, about.FinalizeAll(), prefix.FinalizeAll()); err != nil {
			return nil, err
		}
		for i, list := range spans {
			row := said[i*length : (i+1)*length]
			for _, x := range list {
				a.add(start+i, x.question, x.answer(m.Tokenizer, row, flat[i*length:(i+1)*length]), blind.Answer(x.question))
			}
		}
	}
	return a, nil
}

// span is where the answer to a question, with its end, stands in a dialogue.
type span struct {
	question questions.Question
	from, to int
}

// lay writes a dialogue into ids; rounds that do not fit are left out.
func lay(t text.Tokenizer, asked []questions.Question, ids []int32) (spans []span, err error) {
	var turns []text.Turn
	for _, q := range asked {
		before, err := text.Ask(t, turns, q.Text)
		if err != nil {
			return nil, err
		}
		turns = append(turns, text.Turn{Question: q.Text, Answer: q.Answer})
		whole, _, err := text.Dialogue(t, turns)
		if err != nil {
			return nil, err
		}
		if len(whole) > len(ids) {
			break
		}
		copy(ids, whole)
		spans = append(spans, span{q, len(before), len(whole)})
	}
	return spans, nil
}

// answer is what was said: the true answer if every token of it is the one to follow, and else the words up to the first wrong one.
func (x span) answer(t text.Tokenizer, next, ids []int32) string {
	var said []int32
	for at := x.from; at < x.to; at++ {
		said = append(said, next[at-1])
		if next[at-1] != ids[at] {
			return t.Decode(said) + " …"
		}
	}
	return x.question.Answer
}
