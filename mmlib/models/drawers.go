package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/vqvae"
	"gomm/mmlib/task"
)

// What the rows of models that draw have in common.

// Drawer is a predictor that draws pictures from captions, code by code.
type Drawer interface {
	task.Predictor
	Decoder() task.Decoder
	CaptionLength() int          // of the captions that it reads, in ids
	Caption(ids []int32) []int32 // a caption's ids as its function "score" reads them
	FirstCode() int32            // the token that stands for code 0

	// Begin is what drawing from captions' ids begins with: what the function that the Decoder calls its Memory reads, nil for none, and
	// the prompt of each picture. guidance is how much of what the caption says is exaggerated; 1 is none.
	Begin(ids [][]int32, guidance float64) (about []*tensors.Tensor, prompts [][]int32, err error)
}

// Drawing encodes a caption for a model that draws.
func (m *Model) Drawing(caption string) (ids []int32, err error) {
	d, ok := m.Predictor.(Drawer)
	if !ok || m.Tokenizer == nil {
		return nil, fmt.Errorf("models: a %s draws no pictures", m.Settings.Kind)
	}
	return drawn(m.Tokenizer, caption, d.CaptionLength())
}

// drawn encodes a caption as models that draw read it: with its end, padded, without a start.
func drawn(t text.Tokenizer, caption string, length int) ([]int32, error) {
	ids, err := text.Fixed(t, caption, length+1, text.Refuse)
	if err != nil {
		return nil, err
	}
	return ids[1:], nil
}

// drawingPreset are the data and the training of a model that draws MNIST's digits, from captions in two languages.
func drawingPreset(steps int) Settings {
	training := adamW(steps, 1.5e-3, 100)
	training.BatchSize, training.SaveEvery, training.Frozen = 64, 1000, []string{codesPath}
	return Settings{
		Data: &mnist.Source{
			Name: mnist.MNIST, Validation: 5000, Augment: none,
			Captions: &captions.Settings{Languages: []string{"en", "zh"}, PerBatch: 40, Sharing: captions.ShareMeanings},
		},
		Training: &training,
	}
}

// scenesDrawn are the data of models that draw scenes: every fifth pair of a color and a place, and one wording of captions, are never
// seen in training.
func scenesDrawn() *scenes.Source {
	s := sceneSource(2)
	s.Augment, s.HeldOutPlaces, s.HeldOutCaption, s.Relations = none, 4, 2, 0.25
	return s
}

// sceneDrawing are the data and the training of a model that draws scenes.
func sceneDrawing(steps int) Settings {
	s := drawingPreset(steps)
	s.Data = scenesDrawn()
	return s
}

// firstStage takes over the codes of a vqvae and its data set.
func firstStage(s *Settings, from Settings) (vqvae.Config, error) {
	first, ok := from.Model.(*vqvae.Config)
	if !ok {
		return vqvae.Config{}, fmt.Errorf("models: it holds a %s: a %s is trained on the codes of a vqvae", from.Kind, s.Kind)
	}
	if source, ok := from.Data.(*scenes.Source); ok { // whose captions are no settings of their own
		s.Data = source
		return *first, nil
	}
	if _, ok := s.Data.(*scenes.Source); ok {
		return vqvae.Config{}, fmt.Errorf("models: it holds codes of %s, and the preset %s is for scenes: choose another preset, or codes of "+
			"scenes", from.Data, s.Preset)
	}
	return *first, s.UseData(from.Data.String())
}

// codesPath is where the weights of the first stage are.
const codesPath = "/codes"

// keepCodes removes what learnt the codes and does not make them.
func keepCodes(weights *model.Store) error {
	var others []string
	for v := range weights.IterVariables() {
		// The random state belongs to the training, not to the codes.
		if path := v.Path(); !strings.HasPrefix(path, codesPath+"/") && path != "/"+model.RNGStateVariableName {
			others = append(others, path)
		}
	}
	for _, path := range others {
		if err := weights.DeleteVariable(path); err != nil {
			return err
		}
	}
	return nil
}

// loadDrawn loads pictures with captions for a model that draws, and the tokenizer, by which a new run gets its vocabulary and the length
// of its captions.
func loadDrawn(ctx context.Context, s Settings, files Files, o data.Options, size, channels int, vocab, length *int) (
	map[string]data.Set, text.Tokenizer, *captions.Pairs, error) {
	switch {
	case s.Init == "":
		return nil, nil, nil, fmt.Errorf("models: a %s is trained on the codes of pictures: train a vqvae first, and start from its run", s.Kind)
	case !slices.Contains(s.Training.Frozen, codesPath):
		return nil, nil, nil, fmt.Errorf("models: training.frozen is %q: it must have %s, because codes that change cannot be learned",
			strings.Join(s.Training.Frozen, ","), codesPath)
	}
	if err := colored(s.Data, false); err != nil {
		return nil, nil, nil, err
	}
	splits, err := loadPlain(ctx, s, files, o, size, channels)
	if err != nil {
		return nil, nil, nil, err
	}
	set, ok := splits[data.Train].(captioned)
	if !ok {
		return nil, nil, nil, fmt.Errorf("models: the data set %s has no captions, and a %s learns from them", s.Data, s.Kind)
	}
	_, resumed := files[TokenizerFile]
	tokenizer, err := tokenizerOf(set, files, vocab, length)
	if err != nil {
		return nil, nil, nil, err
	}
	if !resumed {
		*length-- // captions have no start here
	}
	pairs, err := set.Pairs(func(caption string) ([]int32, error) { return drawn(tokenizer, caption, *length) })
	return splits, tokenizer, pairs, err
}

// special finds ids of special tokens by their names.
func special(t text.Tokenizer, first string, a *int, second string, b *int) error {
	for _, x := range []struct {
		name string
		id   *int
	}{{first, a}, {second, b}} {
		id, ok := t.Special(x.name)
		if !ok {
			return fmt.Errorf("models: the tokenizer has no token %q", x.name)
		}
		*x.id = int(id)
	}
	return nil
}
