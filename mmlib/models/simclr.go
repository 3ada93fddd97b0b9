package models

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/models/simclr"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// views is how much pictures are changed to make two views of one: much more than for training by labels, because whatever
// the changes leave alone is enough to recognise a picture by.
var views = mnist.Augment{Shift: 3, Rotate: 20, Scale: 0.25, Shear: 20, Elastic: 2.5, Stroke: 1}

// simclrKind is contrastive pretraining on pictures alone.
func simclrKind() Kind {
	return Kind{
		About:   "SimCLR on pictures alone, two changed views of each, from random weights",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"mnist":      simclrPreset("mnist", adamW(2500, 1.5e-3, 200)),
			"mnist-demo": simclrPreset("mnist-demo", adamW(2000, 2e-3, 150)),
			"mnist-tiny": simclrPreset("mnist-tiny", adamW(700, 3e-3, 50)),
		},
		Default: "mnist-demo",
		Config:  func() Config { return new(simclr.Config) },
		Train:   trainSimCLR,
		Open:    openSimCLR,
		Label:   func(Settings) string { return "SimCLR" },
		Measure: "views",
	}
}

// simclrPreset is the model of that name in simclr.Presets on MNIST. The numbers did best of a few on the validation split;
// recipes/mnist-100-labels.json has what the preset "mnist" reaches.
func simclrPreset(name string, t run.Training) func() Settings {
	return func() Settings {
		config, training := simclr.Presets[name], t
		return Settings{
			Data:     &mnist.Source{Name: mnist.MNIST, Validation: 5000, Augment: views},
			Training: &training, Model: &config,
		}
	}
}

func trainSimCLR(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*simclr.Config)
	splits, err := Load(ctx, s, files, o, config.Vision.ImageSize, config.Vision.Channels)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(task.Pictures)
	if !ok {
		return nil, fmt.Errorf("models: the data set %s has no pictures that are changed at random, and a simclr learns from those", s.Data)
	}
	t, err := simclr.NewPretraining(config, set)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

func openSimCLR(s Settings, files Files, weights *model.Store) (*Model, error) {
	return NewModel(&simclr.Predictor{Config: *s.Model.(*simclr.Config), Weights: weights}, s, files, PreprocessFile)
}
