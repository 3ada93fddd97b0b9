package models

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/models/vqvae"
	"gomm/mmlib/task"
)

// vqvaeKind is the first stage of models that draw: pictures as codes.
func vqvaeKind() Kind {
	return Kind{
		About:   "a VQ-VAE or dVAE on pictures alone: pictures as discrete codes, on which models that draw are trained",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"mnist":      vqvaePreset("mnist", 3000, 3e-3),
			"mnist-dvae": vqvaePreset("mnist-dvae", 3000, 3e-3),
			"mnist-tiny": vqvaePreset("mnist-tiny", 300, 2e-3),
			"scenes": func() Settings {
				s := vqvaePreset("scenes", 4000, 2e-3)()
				s.Data, s.Training.BatchSize = scenesDrawn(), 64
				return s
			},
		},
		Default: "mnist",
		Config:  func() Config { return new(vqvae.Config) },
		Train:   trainVQVAE,
		Open: func(s Settings, files Files, weights *model.Store) (*Model, error) {
			return NewModel(&vqvae.Predictor{Config: *s.Model.(*vqvae.Config), Weights: weights}, s, files, PreprocessFile)
		},
		Label:   func(s Settings) string { return string(s.Model.(*vqvae.Config).Method) + " codes" },
		Measure: "codes",
	}
}

// vqvaePreset is the model of that name in vqvae.Presets on MNIST.
func vqvaePreset(name string, steps int, rate float64) func() Settings {
	return func() Settings {
		config, training := vqvae.Presets[name], adamW(steps, rate, 100)
		training.BatchSize, training.WeightDecay = 128, 0
		return Settings{
			Data: &mnist.Source{Name: mnist.MNIST, Validation: 5000, Augment: none}, Training: &training, Model: &config,
		}
	}
}

func trainVQVAE(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*vqvae.Config)
	splits, err := loadPlain(ctx, s, files, o, config.ImageSize, config.Channels)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(task.Pictures)
	if !ok {
		return nil, fmt.Errorf("models: the data set %s has no pictures, and a vqvae learns from those", s.Data)
	}
	t, err := vqvae.NewPretraining(config, set)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

// loadPlain is [Load] for pictures that are not normalised: black is 0 and white 1.
func loadPlain(ctx context.Context, s Settings, files Files, o data.Options, size, channels int) (map[string]data.Set, error) {
	if _, ok := files[PreprocessFile]; !ok {
		p := picture.Preprocess{
			Size: size, Channels: channels, Mean: slices.Repeat([]float32{0}, channels), Std: slices.Repeat([]float32{1}, channels),
		}
		file, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
		files[PreprocessFile] = file
	}
	return Load(ctx, s, files, o, size, channels)
}
