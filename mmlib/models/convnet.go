package models

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/models/convnet"
)

// convnetKind is the judge of drawings.
func convnetKind() Kind {
	return Kind{
		About:   "a small convolutional network on pictures and their classes: the judge of what other models draw",
		Trained: Pretrained,
		Presets: map[string]func() Settings{"mnist": func() Settings {
			config, training := convnet.Digits(), adamW(1500, 2e-3, 50)
			training.BatchSize = 128
			return Settings{
				Data: &mnist.Source{Name: mnist.MNIST, Validation: 5000, Augment: none}, Training: &training, Model: &config,
			}
		}},
		Default: "mnist",
		Config:  func() Config { return new(convnet.Config) },
		Train:   trainConvnet,
		Open: func(s Settings, files Files, weights *model.Store) (*Model, error) {
			return NewModel(&convnet.Predictor{Config: *s.Model.(*convnet.Config), Weights: weights}, s, files, PreprocessFile, ClassesFile)
		},
		Label:   func(Settings) string { return "convolutional network" },
		Measure: "classes",
	}
}

func trainConvnet(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*convnet.Config)
	splits, err := loadPlain(ctx, s, files, o, config.ImageSize, config.ImageChannels)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(interface {
		convnet.Pictures
		named
	})
	if !ok {
		return nil, fmt.Errorf("models: the data set %s has no classes, and a convnet learns them", s.Data)
	}
	if names := set.Classes().Names(); len(names) != config.Classes {
		return nil, fmt.Errorf("models: model.classes is %d, and the data set %s has %d", config.Classes, s.Data, len(names))
	}
	t, err := convnet.NewTraining(config, set)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}
