package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// check refuses settings of fine-tuning that could do nothing.
func (r *Run) check() error {
	s := r.job.Settings
	if _, ok := r.job.Splits[data.Validation]; !ok && s.Training.Patience > 0 {
		return fmt.Errorf("experiment: training.patience is %d, and %s has no validation split to be measured on: set data.validation, "+
			"or training.patience to 0", s.Training.Patience, s.Data)
	}
	if s.Init != "" {
		return nil
	}
	wants, err := r.weights()
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(wants)) {
		if train.IsLoRA(path) {
			stack, _, _ := strings.Cut(path, "/block")
			return fmt.Errorf("experiment: lora.rank of %s is not 0, and there are no pretrained weights that LoRA could adapt: "+
				"start from another run, or set it to 0", stack)
		}
	}
	return nil
}

// weights are the shapes of the model's weights.
func (r *Run) weights() (map[string]shapes.Shape, error) {
	s := r.job.Settings
	return train.Weights(r.backend, r.job.Task, *s.Training, s.Seed)
}

// initial returns a function that fills a store with the weights of the run's Init, or nil for random weights. Where LoRA
// adapts the model, these weights are frozen: what is trained then is the low-rank terms, and what the weights do not have,
// such as a new head.
func (r *Run) initial(tell func(string)) func(*model.Store) error {
	s := r.job.Settings
	if s.Init == "" {
		return nil
	}
	return func(store *model.Store) error {
		step, err := loadMerged(s.Init, store, tell)
		if err != nil {
			return err
		}
		wants, err := r.weights()
		if err != nil {
			return err
		}
		fit := train.Compare(store, wants)
		if err := fit.Err(); err != nil {
			return fmt.Errorf("starting from the weights of %s: %w", s.Init, err)
		}
		if err := r.kind.Keep(store); err != nil {
			return err
		}
		low, others := split(fit.Missing)
		if len(low) > 0 && !slices.ContainsFunc(low, func(w train.Weight) bool { return !r.frozen(w.Path) }) {
			return fmt.Errorf("training.frozen is %q, and the terms of LoRA lie there: set it to nothing, because LoRA itself freezes "+
				"what is pretrained", s.Training.Frozen)
		}
		if len(low) > 0 {
			for v := range store.IterVariables() {
				v.SetTrainable(false)
			}
		}
		tell(fmt.Sprintf("starting from %d weights of %s after step %d", len(fit.Fitting), s.Init, step))
		if len(fit.Unused) > 0 {
			tell("of no use here: " + train.Summary(fit.Unused))
		}
		if len(others) > 0 {
			tell("new, from random values: " + train.Summary(others))
		}
		if trained, all := r.trained(store, wants); trained < all {
			tell(fmt.Sprintf("training %s of %s parameters, %.3g %%", count(trained), count(all), 100*float64(trained)/float64(all)))
		}
		return nil
	}
}

// loadMerged loads the best weights of a run, its low-rank terms folded into the others.
func loadMerged(dir string, store *model.Store, tell func(string)) (step int64, err error) {
	from, err := run.Open(dir)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	from.Warn = tell
	if step, err = from.LoadWeights(store); err != nil {
		return 0, err
	}
	settings, err := models.Decode(from.Config())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return step, settings.Merge(store)
}

// trained counts the parameters of the model, and those of them that training may change; store has those that it starts from.
func (r *Run) trained(store *model.Store, wants map[string]shapes.Shape) (trained, all int) {
	for path, shape := range wants {
		all += shape.Size()
		if v := store.GetVariable(path); !r.frozen(path) && (v == nil || v.Trainable) {
			trained += shape.Size()
		}
	}
	return trained, all
}

// frozen reports whether training.frozen names a weight.
func (r *Run) frozen(path string) bool {
	return slices.ContainsFunc(r.job.Settings.Training.Frozen, func(p string) bool { return strings.HasPrefix(path+"/", p+"/") })
}

// split tells the low-rank terms of LoRA from other weights.
func split(weights []train.Weight) (low, others []train.Weight) {
	for _, w := range weights {
		if train.IsLoRA(w.Path) {
			low = append(low, w)
		} else {
			others = append(others, w)
		}
	}
	return low, others
}
