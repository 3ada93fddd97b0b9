package models

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"gomm/mmlib/data"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/fusion"
)

// spoken joins a set of scenes to models that read and write: texts become ids of fixed lengths.
type spoken struct {
	*scenes.Set
	tokenizer                 text.Tokenizer
	question, answer, caption int  // lengths, with start and end
	dialogue                  int  // …, with an end behind each answer
	counting                  bool // counts are grounded; see fusion.WriterConfig
}

// captionedScenes implements fusion.Captioned.
type captionedScenes struct{ spoken }

// Caption implements fusion.Captioned.
func (s captionedScenes) Caption(i int, r *rand.Rand) ([]int32, error) {
	ids, _, err := s.describe(i, r)
	return ids, err
}

// GroundedCaption implements fusion.Grounded.
func (s captionedScenes) GroundedCaption(i int, r *rand.Rand) (fusion.Passage, error) {
	ids, look, err := s.describe(i, r)
	return fusion.Passage{IDs: ids, Look: look}, err
}

// describe draws a caption of scene i, with start, end and padding, and the cell that each of its tokens tells of.
func (s spoken) describe(i int, r *rand.Rand) (ids []int32, look [][]int, err error) {
	caption := s.Set.Caption(i, r)
	if ids, err = text.Fixed(s.tokenizer, caption, s.caption, text.Refuse); err != nil {
		return nil, nil, err
	}
	look = make([][]int, len(ids))
	at := 1 // behind the start
	for _, clause := range scenes.Clauses(caption, s.Grid()) {
		tokens, err := s.tokenizer.Encode(clause.Text)
		if err != nil {
			return nil, nil, err
		}
		for k := range tokens {
			if at+k >= len(ids) || ids[at+k] != tokens[k] {
				return nil, nil, fmt.Errorf("models: the tokens of %q are not those of its clause %q", caption, clause.Text)
			}
			if clause.Cell >= 0 {
				look[at+k] = []int{clause.Cell}
			}
		}
		at += len(tokens)
	}
	return ids, look, nil
}

// sceneRegions are the cells of a scene, with their attributes.
func sceneRegions(grid int) fusion.Regions {
	r := fusion.Regions{Grid: grid}
	for a := range scenes.Attribute(scenes.NumAttributes) {
		r.Classes = append(r.Classes, a.Values())
	}
	return r
}

// measure finds the lengths of texts. Of captions the longest are known, and there is a list of answers; questions are measured on
// many, with some room, for a longer one would be an error in the middle of a training run.
func (s *spoken) measure() error {
	const scenesAsked, each, room = 1000, 8, 2
	answers, err := s.Answers()
	if err != nil {
		return err
	}
	captions, err := s.LongestCaptions(func(caption string) (int, error) {
		ids, err := s.tokenizer.Encode(caption)
		return len(ids), err
	})
	if err != nil {
		return err
	}
	var asked []string
	for i := range min(scenesAsked, s.Len()) {
		for _, q := range s.Questions(i, each, nil) {
			asked = append(asked, q.Text)
		}
	}
	for _, x := range []struct {
		length *int
		texts  []string
	}{{&s.question, asked}, {&s.answer, answers}, {&s.caption, captions}} {
		if *x.length, err = text.Longest(s.tokenizer, x.texts); err != nil {
			return err
		}
	}
	s.question += room
	if _, ok := s.tokenizer.(*text.Words); !ok { // a word may have several tokens
		s.question += s.question / 4
	}
	for i := range min(scenesAsked, s.Len()) {
		ids, _, err := text.Dialogue(s.tokenizer, turnsOf(s.Dialogue(i, nil)))
		if err != nil {
			return err
		}
		s.dialogue = max(s.dialogue, len(ids))
	}
	return nil
}

// utterances are captions, questions and answers of the first scenes, from which pieces of words are learnt.
func utterances(set *scenes.Set) iter.Seq[string] {
	const scenesSaid, each = 2000, 4
	return func(yield func(string) bool) {
		for i := range min(scenesSaid, set.Len()) {
			if !yield(set.Caption(i, nil)) {
				return
			}
			for _, q := range slices.Concat(set.Questions(i, each, nil), set.Dialogue(i, nil)) {
				if !yield(q.Text) || !yield(q.Answer) {
					return
				}
			}
		}
	}
}

// newTokenizer makes the tokenizer of a run from what is said of its scenes.
func newTokenizer(set *scenes.Set, r reading) (text.Tokenizer, error) {
	if r.tokenizer != text.KindBPE {
		return text.NewWords(set.Vocabulary(), text.Mask), nil
	}
	b, err := text.TrainBPE(utterances(set), text.BPEOptions{
		VocabSize: *r.vocab, MinFrequency: 2, Special: []string{text.Pad, text.Start, text.End, text.Mask},
	})
	if err != nil {
		return nil, fmt.Errorf("models: model.text.vocab is %d, and model.text.tokenizer %q: %w", *r.vocab, r.tokenizer, err)
	}
	return b, nil
}

// readTokenizer reads the tokenizer of a run, which must be of the kind that the settings say.
func readTokenizer(file []byte, kind text.Kind) (text.Tokenizer, error) {
	read, err := text.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TokenizerFile, err)
	}
	is := text.KindWords
	if _, ok := read.(*text.BPE); ok {
		is = text.KindBPE
	}
	if want := cmp.Or(kind, text.KindWords); want != is {
		return nil, fmt.Errorf("models: model.text.tokenizer is %q, and the run has a tokenizer already, of %q, which its weights belong to: "+
			"leave the setting as it is there", want, is)
	}
	return read, nil
}

// reading is what of a model's settings belongs to the reading of pictures and texts. Where it points to them they are filled in.
type reading struct {
	size, channels               int // of pictures
	tokenizer                    text.Kind
	vocab, pad, start, end, mask *int
}

// fusionReading points into the settings of a model of package fusion.
func fusionReading(c *fusion.Config) reading {
	t := &c.Text
	return reading{c.Vision.ImageSize, c.Vision.Channels, t.Tokenizer, &t.Vocab, &t.Pad, &t.Start, &t.End, &t.Mask}
}

// loadSpoken loads the splits of a source of scenes, with a tokenizer: that of the run, or one of what is said.
func loadSpoken(ctx context.Context, s Settings, files Files, o data.Options, r reading) (map[string]data.Set, spoken, error) {
	splits, err := Load(ctx, s, files, o, r.size, r.channels)
	if err != nil {
		return nil, spoken{}, err
	}
	set, ok := splits[data.Train].(*scenes.Set)
	if !ok {
		return nil, spoken{}, fmt.Errorf("models: the data set %s has no questions, and a %s learns from them: use %s", s.Data, s.Kind,
			scenes.Name)
	}
	if source, ok := s.Data.(*scenes.Source); ok && source.Relations > 0 {
		return nil, spoken{}, fmt.Errorf("models: data.relations is %g, and such captions are for models that draw: a %s has none",
			source.Relations, s.Kind)
	}
	x := spoken{Set: set}
	if file, ok := files[TokenizerFile]; ok {
		x.tokenizer, err = readTokenizer(file, r.tokenizer)
	} else if x.tokenizer, err = newTokenizer(set, r); err == nil {
		files[TokenizerFile], err = text.File(x.tokenizer)
	}
	if err != nil {
		return nil, spoken{}, err
	}
	if err := x.measure(); err != nil {
		return nil, spoken{}, err
	}
	*r.vocab = x.tokenizer.VocabSize()
	for _, special := range []struct {
		name string
		id   *int
	}{{text.Pad, r.pad}, {text.Start, r.start}, {text.End, r.end}, {text.Mask, r.mask}} {
		id, ok := x.tokenizer.Special(special.name)
		if !ok {
			return nil, spoken{}, fmt.Errorf("models: the tokenizer has no token %q, which a %s needs", special.name, s.Kind)
		}
		*special.id = int(id)
	}
	return splits, x, nil
}
