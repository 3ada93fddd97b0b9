package models

import (
	"context"
	"fmt"
	"math/rand/v2"

	"gomm/mmlib/data"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/fusion"
)

// spoken joins a set of scenes to the models of package fusion: texts become ids of fixed lengths.
type spoken struct {
	*scenes.Set
	tokenizer                 text.Tokenizer
	question, answer, caption int // lengths, with start and end
	dialogue                  int // …, with an end behind each answer
}

// captionedScenes implements fusion.Captioned.
type captionedScenes struct{ spoken }

// Caption implements fusion.Captioned.
func (s captionedScenes) Caption(i int, r *rand.Rand) ([]int32, error) {
	return text.Fixed(s.tokenizer, s.Set.Caption(i, r), s.caption, text.Refuse)
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
	answers, err := scenes.Answers(s.Grid(), s.Languages())
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
	}{{&s.question, asked}, {&s.answer, answers}, {&s.caption, s.LongestCaptions()}} {
		if *x.length, err = text.Longest(s.tokenizer, x.texts); err != nil {
			return err
		}
	}
	s.question += room
	for i := range min(scenesAsked, s.Len()) {
		ids, _, err := text.Dialogue(s.tokenizer, turnsOf(s.Dialogue(i, nil)))
		if err != nil {
			return err
		}
		s.dialogue = max(s.dialogue, len(ids))
	}
	return nil
}

// loadSpoken loads the splits of a source of scenes, with a tokenizer: that of the run, or one of all words that are said.
func loadSpoken(ctx context.Context, s Settings, files Files, o data.Options, c *fusion.Config) (map[string]data.Set, spoken, error) {
	splits, err := Load(ctx, s, files, o, c.Vision.ImageSize, c.Vision.Channels)
	if err != nil {
		return nil, spoken{}, err
	}
	set, ok := splits[data.Train].(*scenes.Set)
	if !ok {
		return nil, spoken{}, fmt.Errorf("models: the data set %s has no questions, and a %s learns from them: use %s", s.Data, s.Kind,
			scenes.Name)
	}
	x := spoken{Set: set}
	if file, ok := files[TokenizerFile]; ok {
		x.tokenizer, err = text.Read(file)
	} else {
		x.tokenizer = text.NewWords(set.Vocabulary(), text.Mask)
		files[TokenizerFile], err = text.File(x.tokenizer)
	}
	if err != nil {
		return nil, spoken{}, err
	}
	if err := x.measure(); err != nil {
		return nil, spoken{}, err
	}
	c.Text.Vocab = x.tokenizer.VocabSize()
	for _, special := range []struct {
		name string
		id   *int
	}{{text.Pad, &c.Text.Pad}, {text.Start, &c.Text.Start}, {text.End, &c.Text.End}, {text.Mask, &c.Text.Mask}} {
		id, ok := x.tokenizer.Special(special.name)
		if !ok {
			return nil, spoken{}, fmt.Errorf("models: the tokenizer has no token %q, which a %s needs", special.name, s.Kind)
		}
		*special.id = int(id)
	}
	return splits, x, nil
}
