package train

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// Weights returns the shapes of the weights that a task's model has, by path. It builds the graph of the loss and throws it
// away; nothing is compiled.
func Weights(b compute.Backend, t task.Task, c run.Training, seed uint64) (map[string]shapes.Shape, error) {
	tr, err := newTrainer(b, t, c, seed, Hooks{})
	if err != nil {
		return nil, err
	}
	wants := map[string]shapes.Shape{}
	err = task.Try(func() error {
		inputs, _, err := tr.firstInputs()
		if err != nil {
			return err
		}
		store, g := model.NewStore(), graph.NewGraph(b, "weights")
		defer store.Finalize()
		defer g.Finalize()
		if err := tr.begin(store); err != nil {
			return err
		}
		model.SetStore(g, store)
		store.SetTraining(g, true)
		t.Loss(store.RootScope(), parameters(g, inputs[1:]))
		for v := range store.IterVariables() {
			if run.IsWeight(v.Path()) {
				wants[v.Path()] = v.Shape()
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return wants, nil
}

// Fit says which weights of a checkpoint are of use to a model, and which are not: what [Compare] finds. Lists are in the order
// of paths.
type Fit struct {
	Fitting   []Weight // of both, in the same shape
	Missing   []Weight // the model has them and the checkpoint has not: they start at random, as those of a new head do
	Unused    []Weight // the checkpoint has them and the model has not
	Misshapen []Weight // of both, in different shapes: the checkpoint cannot be used
}

// Weight is a weight with the shapes that it has in the checkpoint and in the model; where there is none, the shape is invalid.
type Weight struct {
	Path       string
	Has, Wants shapes.Shape
}

// String is the path with the shape, or both shapes where they differ: "/head/biases [10]", "/head/biases [10] and not [20]".
func (w Weight) String() string {
	has, wants := w.Has, w.Wants
	switch {
	case !has.Ok():
		return fmt.Sprintf("%s %v", w.Path, wants.Dimensions)
	case !wants.Ok() || has.Equal(wants):
		return fmt.Sprintf("%s %v", w.Path, has.Dimensions)
	case slices.Equal(has.Dimensions, wants.Dimensions):
		return fmt.Sprintf("%s %s and not %s", w.Path, has, wants)
	}
	return fmt.Sprintf("%s %v and not %v", w.Path, has.Dimensions, wants.Dimensions)
}

// Compare holds the weights in a store, which were loaded, against those that a model has, see [Weights].
func Compare(loaded *model.Store, wants map[string]shapes.Shape) Fit {
	var f Fit
	found := map[string]bool{}
	for v := range loaded.IterVariables() {
		if !run.IsWeight(v.Path()) {
			continue
		}
		found[v.Path()] = true
		w := Weight{v.Path(), v.Shape(), wants[v.Path()]}
		switch {
		case !w.Wants.Ok():
			f.Unused = append(f.Unused, w)
		case w.Has.Equal(w.Wants):
			f.Fitting = append(f.Fitting, w)
		default:
			f.Misshapen = append(f.Misshapen, w)
		}
	}
	for path, shape := range wants {
		if !found[path] {
			f.Missing = append(f.Missing, Weight{Path: path, Wants: shape})
		}
	}
	for _, list := range [][]Weight{f.Fitting, f.Missing, f.Unused, f.Misshapen} {
		slices.SortFunc(list, func(a, b Weight) int { return cmp.Compare(a.Path, b.Path) })
	}
	return f
}

// Err is nil if training can start from the weights. It is an error that some are misshapen, or that none fits, and then
// everything that does not fit is listed by path and shape, the missing and the unused too: together they say why. The low-rank
// terms of LoRA, which no checkpoint has, are left out.
func (f Fit) Err() error {
	var text strings.Builder
	switch {
	case len(f.Misshapen) > 0:
		text.WriteString("the model's settings are not those that these weights were trained with: keep that run's settings of the model, " +
			"or start from another run")
		list(&text, "of another shape", f.Misshapen)
	case len(f.Fitting) == 0:
		text.WriteString("the model has no use for any of these weights: start from a run of the same kind of model")
	default:
		return nil
	}
	list(&text, "missing", slices.DeleteFunc(slices.Clone(f.Missing), func(w Weight) bool { return IsLoRA(w.Path) }))
	list(&text, "unused", f.Unused)
	return errors.New(text.String())
}

func list(text *strings.Builder, what string, weights []Weight) {
	if len(weights) == 0 {
		return
	}
	fmt.Fprintf(text, "\n  %s:", what)
	for _, w := range weights {
		fmt.Fprintf(text, "\n    %s", w)
	}
}

// Summary lists weights on one line. Where more than four lie below one path of a single element, they are counted instead:
// "/head/biases [10], /text/… (17)".
func Summary(weights []Weight) string {
	top := func(path string) string {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		return first
	}
	below := map[string]int{}
	for _, w := range weights {
		below[top(w.Path)]++
	}
	var parts []string
	for _, w := range weights {
		part := w.String()
		if n := below[top(w.Path)]; n > 4 {
			part = fmt.Sprintf("/%s/… (%d)", top(w.Path), n)
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// IsLoRA reports whether a path is that of a low-rank term, see nn.LoRA: they lie in scopes called "lora".
func IsLoRA(path string) bool { return strings.Contains(path, "/lora/") }
