package models

import (
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/run"
)

// How much pictures are changed in training.
var (
	none   = mnist.Augment{}
	slight = mnist.Augment{Shift: 1}
	gentle = mnist.Augment{Shift: 2, Rotate: 8, Scale: 0.08, Shear: 4}
	strong = mnist.Augment{Shift: 2.5, Rotate: 12, Scale: 0.12, Shear: 8}
)

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
