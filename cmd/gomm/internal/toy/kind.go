package toy

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// Register puts the model and the source into the tables.
func Register() {
	models.RegisterSource("quarters", func() data.Source { return &Source{Name: "quarters", Examples: 400, Noise: 0.2} })
	models.Register("toy", models.Kind{
		About:   "a dense layer that says which quarter of a picture is bright",
		Trained: models.Pretrained,
		Presets: map[string]func() models.Settings{"quarters": preset},
		Default: "quarters",
		Config:  func() models.Config { return new(Config) },
		Train:   train,
		Open:    open,
		Label:   func(models.Settings) string { return "toy" },
		Measure: "classes",
	})
}

func preset() models.Settings {
	return models.Settings{
		Data:  models.Sources()["quarters"](),
		Model: &Config{Quarters: 4},
		Training: &run.Training{
			Steps: 60, BatchSize: 32, LearningRate: 0.05, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, Devices: 1, SaveEvery: 20, LogEvery: 10, Keep: 1,
		},
	}
}

func train(ctx context.Context, s models.Settings, files models.Files, o data.Options) (*models.Job, error) {
	splits, err := models.Load(ctx, s, files, o, side, 1)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(*Set)
	if !ok {
		return nil, fmt.Errorf("toy: it learns from quarters, not from %s", s.Data)
	}
	return &models.Job{Settings: s, Task: &Task{*s.Model.(*Config), set}, Splits: splits, Files: files}, nil
}

func open(s models.Settings, files models.Files, weights *model.Store) (*models.Model, error) {
	return models.NewModel(&Predictor{*s.Model.(*Config), weights}, s, files, models.PreprocessFile, models.ClassesFile)
}
