package models

import (
	"context"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/dalle"
)

// dalleKind is the drawing of pictures from captions, code by code.
func dalleKind() Kind {
	return Kind{
		About:   "DALL-E on pictures and captions, from the codes of a vqvae",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"mnist":      dallePreset("mnist", 3000),
			"mnist-tiny": dallePreset("mnist-tiny", 300),
			"scenes":     dalleScenes,
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

// dallePreset is the model of that name in dalle.Presets on MNIST.
func dallePreset(name string, steps int) func() Settings {
	return func() Settings {
		config, s := dalle.Presets[name], drawingPreset(steps)
		s.Model = &config
		return s
	}
}

// dalleScenes is the preset for scenes.
func dalleScenes() Settings {
	config, s := dalle.Presets["scenes"], sceneDrawing(4000)
	s.Model = &config
	return s
}

// beginDALLE takes over the first stage and the data set.
func beginDALLE(s *Settings, from Settings) error {
	first, err := firstStage(s, from)
	s.Model.(*dalle.Config).Image = first.Autoencoder
	return err
}

func trainDALLE(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*dalle.Config)
	_, resumed := files[TokenizerFile]
	splits, tokenizer, pairs, err := loadDrawn(ctx, s, files, o, config.Image.ImageSize, config.Image.Channels,
		&config.Text.Vocab, &config.Text.Context)
	if err != nil {
		return nil, err
	}
	if !resumed {
		if err := special(tokenizer, text.Pad, &config.Text.Pad, text.Start, &config.Text.Start); err != nil {
			return nil, err
		}
	}
	s.Model = &config
	t, err := dalle.NewPretraining(config, pairs)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

func openDALLE(s Settings, files Files, weights *model.Store) (*Model, error) {
	return NewModel(&dalle.Predictor{Config: *s.Model.(*dalle.Config), Weights: weights}, s, files, TokenizerFile, PreprocessFile)
}
