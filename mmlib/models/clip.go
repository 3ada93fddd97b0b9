package models

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// clipKind is contrastive pretraining of pictures and captions.
func clipKind() Kind {
	return Kind{
		About:   "CLIP on pairs of pictures and captions, from random weights",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"mnist":      clipPreset("mnist", strong, adamW(3000, 1.5e-3, 200)),
			"mnist-demo": clipPreset("mnist-demo", gentle, adamW(2000, 2e-3, 150)),
			"mnist-tiny": clipPreset("mnist-tiny", slight, adamW(700, 3e-3, 50)),
			"films":      filmPreset("films", adamW(700, 2e-3, 100)),
			"films-mean": filmPreset("films-mean", adamW(700, 2e-3, 100)),
		},
		Default: "mnist-demo",
		Config:  func() Config { return new(clip.Config) },
		Train:   trainCLIP,
		Open:    openCLIP,
		Label:   func(Settings) string { return "CLIP" },
		Measure: "zero-shot",
		MeasureOf: func(s Settings) string {
			if s.Model.(*clip.Config).Film.Frames > 0 {
				return "retrieval"
			}
			return "zero-shot"
		},
	}
}

// filmPreset is the model of that name in clip.Presets on films of moving digits.
func filmPreset(name string, t run.Training) func() Settings {
	t.BatchSize = 128
	return func() Settings {
		config, training := clip.Presets[name], t
		return Settings{Data: scenes.DefaultFilms(), Training: &training, Model: &config}
	}
}

// clipPreset is the model of that name in clip.Presets on MNIST, with captions in two languages. The numbers are first
// guesses that did well on the validation split, not the best of a search; recipes/ has what they reach.
func clipPreset(name string, a mnist.Augment, t run.Training) func() Settings {
	return func() Settings {
		config, training := clip.Presets[name], t
		return Settings{
			Data: &mnist.Source{
				Name: mnist.MNIST, Validation: 5000, Augment: a,
				Captions: &captions.Settings{Languages: []string{"en", "zh"}, PerBatch: 40, Sharing: captions.ShareMeanings},
			},
			Training: &training, Model: &config,
		}
	}
}

func trainCLIP(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*clip.Config)
	o.Picture.Frames = config.Film.Frames
	splits, err := Load(ctx, s, files, o, config.Vision.ImageSize, config.Vision.Channels)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(captioned)
	if !ok {
		return nil, fmt.Errorf("models: the data set %s has no captions, and a clip learns from them", s.Data)
	}
	tokenizer, err := tokenizerOf(set, files, &config.Text.Vocab, &config.Text.Context)
	if err != nil {
		return nil, err
	}
	pairs, err := set.Pairs(func(s string) ([]int32, error) { return text.Fixed(tokenizer, s, config.Text.Context, text.Refuse) })
	if err != nil {
		return nil, err
	}
	s.Model = &config
	t, err := clip.NewPretraining(config, pairs)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

// tokenizerOf reads the tokenizer of the run, or makes one of all words in the captions, with which the model gets its vocabulary and
// the length of the longest caption.
func tokenizerOf(set captioned, files Files, vocab, context *int) (text.Tokenizer, error) {
	if file, ok := files[TokenizerFile]; ok {
		return text.Read(file)
	}
	texts, err := set.Texts()
	if err != nil {
		return nil, err
	}
	t := text.NewWords(texts)
	if *context, err = text.Longest(t, texts); err != nil {
		return nil, err
	}
	*vocab = t.VocabSize()
	files[TokenizerFile], err = text.File(t)
	return t, err
}

func openCLIP(s Settings, files Files, weights *model.Store) (*Model, error) {
	return NewModel(&clip.Predictor{Config: *s.Model.(*clip.Config), Weights: weights}, s, files, TokenizerFile, PreprocessFile)
}
