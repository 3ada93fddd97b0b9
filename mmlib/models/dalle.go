package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/dalle"
	"gomm/mmlib/models/vqvae"
	"gomm/mmlib/task"
)

// dalleKind is the drawing of pictures from captions, code by code.
func dalleKind() Kind {
	return Kind{
		About:   "DALL-E on pictures and captions, from the codes of a vqvae",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"mnist":      dallePreset("mnist", 3000),
			"mnist-tiny": dallePreset("mnist-tiny", 300),
		},
		Default:  "mnist",
		Config:   func() Config { return new(dalle.Config) },
		Train:    trainDALLE,
		Open:     openDALLE,
		Begin:    beginDALLE,
		Keep:     keepCodes,
		Inherits: []string{PreprocessFile},
		Label:    func(Settings) string { return "DALL-E" },
		Measure:  "drawings",
	}
}

// dallePreset is the model of that name in dalle.Presets on MNIST, with captions in two languages.
func dallePreset(name string, steps int) func() Settings {
	return func() Settings {
		config, training := dalle.Presets[name], adamW(steps, 1.5e-3, 100)
		training.BatchSize, training.Frozen = 64, []string{"/codes"}
		return Settings{
			Data: &mnist.Source{
				Name: mnist.MNIST, Validation: 5000, Augment: none,
				Captions: &captions.Settings{Languages: []string{"en", "zh"}, PerBatch: 40, Sharing: captions.ShareMeanings},
			},
			Training: &training, Model: &config,
		}
	}
}

// beginDALLE takes over the first stage and the data set.
func beginDALLE(s *Settings, from Settings) error {
	first, ok := from.Model.(*vqvae.Config)
	if !ok {
		return fmt.Errorf("models: it holds a %s: a %s is trained on the codes of a vqvae", from.Kind, s.Kind)
	}
	s.Model.(*dalle.Config).Image = first.Autoencoder
	return s.UseData(from.Data.String())
}

// keepCodes removes what learnt the codes and does not make them.
func keepCodes(weights *model.Store) error {
	var others []string
	for v := range weights.IterVariables() {
		// The random state belongs to the training, not to the codes.
		if path := v.Path(); !strings.HasPrefix(path, "/codes/") && path != "/"+model.RNGStateVariableName {
			others = append(others, v.Path())
		}
	}
	for _, path := range others {
		if err := weights.DeleteVariable(path); err != nil {
			return err
		}
	}
	return nil
}

func trainDALLE(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*dalle.Config)
	switch {
	case s.Init == "":
		return nil, fmt.Errorf("models: a %s is trained on the codes of pictures: train a vqvae first, and start from its run", s.Kind)
	case !slices.Contains(s.Training.Frozen, "/codes"):
		return nil, fmt.Errorf("models: training.frozen is %q: it must have /codes, for the codes that are learnt must stay what they are",
			strings.Join(s.Training.Frozen, ","))
	}
	splits, err := loadPlain(ctx, s, files, o, config.Image.ImageSize, config.Image.Channels)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(captioned)
	if !ok {
		return nil, fmt.Errorf("models: the data set %s has no captions, and a dalle learns from them", s.Data)
	}
	_, resumed := files[TokenizerFile]
	tokenizer, err := tokenizerOf(set, files, &config.Text.Vocab, &config.Text.Context)
	if err != nil {
		return nil, err
	}
	if !resumed {
		config.Text.Context-- // the start is the stream's
	}
	for name, id := range map[string]*int{text.Pad: &config.Text.Pad, text.Start: &config.Text.Start} {
		special, ok := tokenizer.Special(name)
		if !ok {
			return nil, fmt.Errorf("models: the tokenizer has no token %q", name)
		}
		*id = int(special)
	}
	pairs, err := set.Pairs(func(s string) ([]int32, error) { return drawn(tokenizer, s, config.Text.Context) })
	if err != nil {
		return nil, err
	}
	s.Model = &config
	t, err := dalle.NewPretraining(config, pairs)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

func openDALLE(s Settings, files Files, weights *model.Store) (*Model, error) {
	return NewModel(&dalle.Predictor{Config: *s.Model.(*dalle.Config), Weights: weights}, s, files, TokenizerFile, PreprocessFile)
}

// drawn encodes a caption as a dalle reads it: with its end, padded, without a start.
func drawn(t text.Tokenizer, caption string, length int) ([]int32, error) {
	ids, err := text.Fixed(t, caption, length+1, text.Refuse)
	if err != nil {
		return nil, err
	}
	return ids[1:], nil
}

// Drawer is a predictor that draws pictures from captions, code by code.
type Drawer interface {
	task.Predictor
	Decoder() task.Decoder
	CaptionLength() int          // of the captions that it reads, in ids
	Prompt(ids []int32) []int32  // the beginning of what it draws from a caption's ids
	Caption(ids []int32) []int32 // the same as its function "score" reads it
	FirstCode() int32            // the token that stands for code 0
}

// Drawing is what a model that draws is given for a caption.
func (m *Model) Drawing(caption string) (ids []int32, err error) {
	d, ok := m.Predictor.(Drawer)
	if !ok || m.Tokenizer == nil {
		return nil, fmt.Errorf("models: a %s draws no pictures", m.Settings.Kind)
	}
	return drawn(m.Tokenizer, caption, d.CaptionLength())
}
