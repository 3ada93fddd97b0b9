package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// The tasks of the table.
const (
	CLIP       = "clip"       // contrastive pretraining of pictures and captions
	Classifier = "classifier" // supervised training of CLIP's vision tower with a linear layer on top
)

// Settings is what a preset fixes and a user may change: the parts of a run.Config with a meaning to the model. Model
// points to the model's own Config, *clip.Config or *clip.ClassifierConfig.
type Settings struct {
	Data     run.Data     `json:"data"`
	Training run.Training `json:"training"`
	Model    any          `json:"model"`
}

// Tasks lists the tasks that can be trained.
func Tasks() []string { return []string{CLIP, Classifier} }

// Presets lists a task's presets.
func Presets(task string) []string {
	switch task {
	case CLIP:
		return slices.Sorted(maps.Keys(pretrainings))
	case Classifier:
		return slices.Sorted(maps.Keys(finetunings))
	}
	return nil
}

// Preset returns a copy of the task's preset of that name, to be changed at will.
func Preset(task, name string) (Settings, error) {
	var s Settings
	var ok bool
	switch task {
	case CLIP:
		s, ok = pretrainings[name]
		model := clip.Presets[name]
		s.Model = &model
	case Classifier:
		s, ok = finetunings[name]
		s.Model = &clip.ClassifierConfig{Classes: 10, Smoothing: 0.1}
	default:
		return Settings{}, fmt.Errorf("models: task %q is unknown; there are %s", task, strings.Join(Tasks(), ", "))
	}
	if !ok {
		return Settings{}, fmt.Errorf("models: task %s has no preset %q; there are %s", task, name, strings.Join(Presets(task), ", "))
	}
	s.Training.Frozen = slices.Clone(s.Training.Frozen)
	s.Data.Captions.Languages = slices.Clone(s.Data.Captions.Languages)
	return s, nil
}

// pretrainings is the table of CLIP's trainings; the sizes are clip.Presets of the same names. The numbers are first guesses
// that did well on the validation split, not the best of a search; recipes/ has what they reach.
var pretrainings = map[string]Settings{
	"mnist":      {Data: digits(strong), Training: adamW(3000, 1.5e-3, 200)},
	"mnist-demo": {Data: digits(gentle), Training: adamW(2000, 2e-3, 150)},
	"mnist-tiny": {Data: digits(run.Augment{Shift: 1}), Training: adamW(700, 3e-3, 50)},
}

// finetunings is the table of the classifier's trainings. "probe" trains the linear layer alone (CLIP §3.2), the others the
// whole tower; all start from a pretrained run's weights and take its vision settings.
var finetunings = map[string]Settings{
	"mnist-probe":      {Data: digits(none), Training: frozen(adamW(500, 1e-2, 20), "/vision")},
	"mnist-full":       {Data: digits(strong), Training: adamW(3000, 8e-4, 150)},
	"mnist-demo-probe": {Data: digits(none), Training: frozen(adamW(200, 1e-2, 20), "/vision")},
	"mnist-demo-full":  {Data: digits(gentle), Training: adamW(900, 1e-3, 50)},
	"mnist-tiny-probe": {Data: digits(none), Training: frozen(adamW(100, 1e-2, 10), "/vision")},
	"mnist-tiny-full":  {Data: digits(run.Augment{Shift: 1}), Training: adamW(300, 2e-3, 20)},
}

// How much pictures are changed in training.
var (
	none   = run.Augment{}
	gentle = run.Augment{Shift: 2, Rotate: 8, Scale: 0.08, Shear: 4}
	strong = run.Augment{Shift: 2.5, Rotate: 12, Scale: 0.12, Shear: 8}
)

func digits(a run.Augment) run.Data {
	return run.Data{
		Name:       "mnist",
		Validation: 5000,
		Augment:    a,
		Captions:   run.Captions{Languages: []string{"en", "zh"}, PerBatch: 40, Sharing: string(clip.ShareMeanings)},
	}
}

func adamW(steps int, rate float64, warmup int) run.Training {
	return run.Training{
		Steps: steps, BatchSize: 256, LearningRate: rate, Warmup: warmup, WeightDecay: 0.05,
		Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1, // β₂ and ε are CLIP's for vision transformers (table 18)
		SaveEvery: 500, LogEvery: 20, Keep: 2,
		Devices: 1, // the virtual devices of a CPU only get in each other's way; 0 takes all GPUs
	}
}

func frozen(t run.Training, paths ...string) run.Training {
	t.Frozen = paths
	return t
}
