package models

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/models/simclr"
	"gomm/mmlib/run"
)

// tower is where a classifier's weights of the vision tower are, as a CLIP's or a SimCLR's.
const tower = "/vision"

// classifierKind is supervised training of a vision tower with a linear layer on top: of that layer alone in the presets
// that end in "probe" (CLIP §3.2), of the whole tower with it in those that end in "full".
func classifierKind() Kind {
	return Kind{
		About:   "a classifier on the vision tower of a clip or a simclr, pretrained or not",
		Trained: Finetuned,
		Presets: map[string]func() Settings{
			"mnist-probe":      classifierPreset(none, frozen(adamW(500, 1e-2, 20), tower)),
			"mnist-full":       classifierPreset(strong, adamW(3000, 8e-4, 150)),
			"mnist-demo-probe": classifierPreset(none, frozen(adamW(200, 1e-2, 20), tower)),
			"mnist-demo-full":  classifierPreset(gentle, adamW(900, 1e-3, 50)),
			"mnist-tiny-probe": classifierPreset(none, frozen(adamW(100, 1e-2, 10), tower)),
			"mnist-tiny-full":  classifierPreset(slight, adamW(300, 2e-3, 20)),
			"mnist-few-probe":  fewLabels(views, frozen(adamW(300, 1e-2, 30), tower)),
			"mnist-few-full":   fewLabels(strong, adamW(300, 3e-4, 30)),
		},
		Default:  "mnist-demo-full",
		Config:   func() Config { return new(clip.ClassifierConfig) },
		Train:    trainClassifier,
		Open:     openClassifier,
		Begin:    beginClassifier,
		Keep:     clip.KeepVision,
		Inherits: []string{PreprocessFile},
		Label:    labelClassifier,
		Measure:  "classes",
	}
}

// classifierPreset has the tower of the demo's CLIP, so that training from random weights compares with the demo; a run to
// start from brings its own tower.
func classifierPreset(a mnist.Augment, t run.Training) func() Settings {
	return func() Settings {
		training := t
		training.Frozen = slices.Clone(t.Frozen)
		return Settings{
			Data:     &mnist.Source{Name: mnist.MNIST, Validation: 5000, Augment: a},
			Training: &training,
			Model:    &clip.ClassifierConfig{Vision: clip.Presets["mnist-demo"].Vision, Classes: mnist.NumClasses, Smoothing: 0.1},
		}
	}
}

// fewLabels is a preset for 100 labels, ten of each class, which data.draw draws. It makes one checkpoint, after the last
// step: to choose among several by the 5,000 labels of the validation split would be to use more than 100. A frozen tower
// takes larger changes of the pictures than one that learns, which soon knows 100 pictures by heart.
func fewLabels(a mnist.Augment, t run.Training) func() Settings {
	t.BatchSize, t.SaveEvery = 128, 1_000_000
	preset := classifierPreset(a, t)
	return func() Settings {
		s := preset()
		source := s.Data.(*mnist.Source)
		source.Limit, source.Draw = 100, 1
		return s
	}
}

func trainClassifier(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*clip.ClassifierConfig)
	splits, err := Load(ctx, s, files, o, config.Vision.ImageSize, config.Vision.Channels)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(interface {
		clip.Labelled
		named
	})
	if !ok {
		return nil, fmt.Errorf("models: the data set %s has no classes, and a classifier learns them", s.Data)
	}
	if names := set.Classes().Names(); len(names) != config.Classes {
		return nil, fmt.Errorf("models: model.classes is %d, and the data set %s has %d", config.Classes, s.Data, len(names))
	}
	t, err := clip.NewFinetuning(config, set)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

func openClassifier(s Settings, files Files, weights *model.Store) (*Model, error) {
	return NewModel(&clip.Classifier{Config: *s.Model.(*clip.ClassifierConfig), Weights: weights}, s, files, PreprocessFile, ClassesFile)
}

// beginClassifier takes over the tower's size and the data set of a pretrained CLIP or SimCLR.
func beginClassifier(s *Settings, from Settings) error {
	vision := &s.Model.(*clip.ClassifierConfig).Vision
	switch pretrained := from.Model.(type) {
	case *clip.Config:
		*vision = pretrained.Vision
	case *simclr.Config:
		*vision = pretrained.Vision
	default:
		return fmt.Errorf("models: it holds a %s: a classifier starts from a pretrained clip or simclr", from.Kind)
	}
	if from.Data == nil { // imported weights
		return nil
	}
	return s.UseData(from.Data.String())
}

func labelClassifier(s Settings) string {
	switch {
	case s.Training != nil && slices.Contains(s.Training.Frozen, tower):
		return "linear probe"
	case s.Model.(*clip.ClassifierConfig).Vision.LoRA.Rank > 0:
		return "fine-tuned with LoRA"
	case s.Init != "":
		return "fine-tuned"
	}
	return "trained from scratch"
}
