package models

import (
	"context"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/parti"
)

// partiKind is the drawing of pictures from captions by an encoder of text and a decoder of codes.
func partiKind() Kind {
	return Kind{
		About:   "Parti on pictures and captions, from the codes of a vqvae",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"mnist":      partiPreset("mnist", 3000),
			"mnist-tiny": partiPreset("mnist-tiny", 300),
			"scenes":     partiScenes,
		},
		Default: "mnist",
		Config:  func() Config { return new(parti.Config) },
		Train:   trainParti,
		Open: func(s Settings, files Files, weights *model.Store) (*Model, error) {
			return NewModel(&parti.Predictor{Config: *s.Model.(*parti.Config), Weights: weights}, s, files, TokenizerFile, PreprocessFile)
		},
		Begin:    beginParti,
		Keep:     keepCodes,
		Inherits: []string{PreprocessFile},
		Label:    func(Settings) string { return "Parti" },
		Measure:  "drawings",
	}
}

// partiPreset is the model of that name in parti.Presets on MNIST, trained as a dalle is.
func partiPreset(name string, steps int) func() Settings {
	return func() Settings {
		config, s := parti.Presets[name], drawingPreset(steps)
		s.Model = &config
		return s
	}
}

// partiScenes is the preset for scenes.
func partiScenes() Settings {
	config, s := parti.Presets["scenes"], sceneDrawing(4000)
	s.Model = &config
	return s
}

// beginParti takes over the first stage and the data set.
func beginParti(s *Settings, from Settings) error {
	first, err := firstStage(s, from)
	s.Model.(*parti.Config).Image = first.Autoencoder
	return err
}

func trainParti(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*parti.Config)
	_, resumed := files[TokenizerFile]
	splits, tokenizer, pairs, err := loadDrawn(ctx, s, files, o, config.Image.ImageSize, config.Image.Channels,
		&config.Text.Vocab, &config.Text.Context)
	if err != nil {
		return nil, err
	}
	if !resumed {
		if err := special(tokenizer, text.Pad, &config.Text.Pad, text.End, &config.Text.End); err != nil {
			return nil, err
		}
	}
	s.Model = &config
	t, err := parti.NewPretraining(config, pairs)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}
