package run

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
)

// ErrNoCheckpoint is the error of Load and LoadWeights when nothing has been saved yet: a training then starts at step 0.
var ErrNoCheckpoint = errors.New("no checkpoint has been saved yet")

// Load loads the latest checkpoint that is whole: weights, optimizer, step and random state, each with its Trainable flag.
// It returns the checkpoint's step. Load before the model's graph is built, or after; the store's variables keep their paths.
//
// When the folder is open for training, metrics.jsonl is cut back to that step: the steps after it are to come again.
func (f *Folder) Load(s *model.Store) (step int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	latest := func(list []stored) []stored { return list }
	step, err = f.load(s, latest, func(string) bool { return true }, true)
	if f.lock == nil || f.closed {
		return step, err
	}
	if err != nil && !errors.Is(err, ErrNoCheckpoint) {
		return 0, err
	}
	if err != nil {
		step = -1
	}
	if uncut := f.cutMetrics(step); uncut != nil {
		return 0, uncut
	}
	return max(step, 0), err
}

// LoadWeights loads the weights of the best checkpoint that is whole, and nothing else: what a prediction or a fine-tuning
// needs. Without validation metrics it is the latest. Which weights are trainable is for the new model to say: existing
// variables keep their flag, new ones are trainable.
func (f *Folder) LoadWeights(s *model.Store) (step int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(s, byMerit, IsWeight, false)
}

// load tries checkpoints in the given order until one is whole. The list is read again each time, for a training process
// may save one and remove another meanwhile.
func (f *Folder) load(s *model.Store, order func([]stored) []stored, keep func(path string) bool, flags bool) (int64, error) {
	if s == nil {
		return 0, errors.New("run: the store is nil")
	}
	var damaged []string
	for tried := []string{}; ; {
		found, err := f.stored()
		if err != nil {
			return 0, err
		}
		found = order(found)
		next := slices.IndexFunc(found, func(x stored) bool { return !slices.Contains(tried, x.path) })
		if next < 0 {
			return 0, f.noneWhole(damaged)
		}
		x := found[next]
		tried = append(tried, x.path)
		list, err := x.read(keep)
		if gone, _ := exists(x.path); err != nil && !gone && errors.Is(err, fs.ErrNotExist) {
			continue // removed by a training process
		}
		if err != nil {
			damaged = append(damaged, err.Error())
			continue
		}
		for _, message := range damaged {
			f.warn("run: %s; step %d is used instead", message, x.step)
		}
		if err := put(s, list, flags); err != nil {
			return 0, fmt.Errorf("run: loading %s: %w", x.path, err)
		}
		return x.step, nil
	}
}

func (x stored) read(keep func(path string) bool) ([]variable, error) {
	if x.err != nil {
		return nil, x.err
	}
	return readState(x.path, x.manifest, keep)
}

func (f *Folder) noneWhole(damaged []string) error {
	if len(damaged) == 0 {
		return fmt.Errorf("run: %s: %w", f.dir, ErrNoCheckpoint)
	}
	return fmt.Errorf("run: no checkpoint in %s can be loaded: %s: restore one from a copy, or train again in another folder",
		f.Path("checkpoints"), strings.Join(damaged, "; "))
}

// Checkpoints describes the checkpoints that have a whole manifest, in the order of their steps.
func (f *Folder) Checkpoints() ([]Checkpoint, error) {
	found, err := f.stored()
	if err != nil {
		return nil, err
	}
	var list []Checkpoint
	for _, x := range slices.Backward(found) {
		if x.err == nil {
			list = append(list, x.manifest)
		}
	}
	return list, nil
}

// Steps lists the steps that are saved, in order.
func (f *Folder) Steps() ([]int64, error) {
	list, err := f.Checkpoints()
	steps := make([]int64, len(list))
	for i, c := range list {
		steps[i] = c.Step
	}
	return steps, err
}
