// Package trial trains small models of a notebook: a few functions in a cell, which are no row of the table in
// mmlib/models and have no settings of their own.
//
//	_, err := trial.Train(ctx, backend, dir, trial.Task{
//		Examples: train.Len(),
//		Draw:     func(examples []int, r *rand.Rand) []*tensors.Tensor { … },          // what goes in
//		Loss:     func(s *model.Scope, in []*Node) (loss, accuracy *Node) { … },      // what comes of it
//		Steps:    600,
//	})
//	out, err := trial.Call(backend, dir, func(s *model.Scope, in []*Node) []*Node { … }, inputs...)
//
// It is the library's own trainer that does the work, with a run folder in dir.
package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/run"
	"gomm/mmlib/task"
	"gomm/mmlib/train"
)

// Task is a model, its examples and its loss.
type Task struct {
	Examples int // how many there are to train on
	Steps    int

	// Draw makes the inputs of a step, of which axis 0 counts the examples. The same r gives the same inputs.
	Draw func(examples []int, r *rand.Rand) []*tensors.Tensor

	// Loss builds the model and says how wrong it is, and which share of the answers is right.
	Loss func(s *model.Scope, in []*Node) (loss, accuracy *Node)

	BatchSize    int     // 128 if 0
	LearningRate float64 // its peak; 3e-3 if 0
	Seed         uint64  // 1 if 0

	// From is the folder of a trial whose weights training starts from, by their names; those it does not have are random, as all are
	// if it is empty.
	From string
}

// Curve is how training went: the loss and the accuracy of the batch at some steps.
type Curve struct{ Steps, Loss, Accuracy []float64 }

// Train trains the task and keeps its weights in dir, in the place of what a trial kept there before.
func Train(ctx context.Context, b compute.Backend, dir string, t Task) (c Curve, err error) {
	if t.Draw == nil || t.Loss == nil || t.Examples < 1 || t.Steps < 1 {
		return c, errors.New("trial: a task needs Examples, Steps, Draw and Loss")
	}
	if err := clear(dir); err != nil {
		return c, err
	}
	folder, err := run.Create(dir, run.Config{Kind: kind, Seed: max(t.Seed, 1), Training: t.training()}, nil)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	var hooks train.Hooks
	if t.From != "" {
		hooks.Init = func(s *model.Store) error { return load(t.From, s) }
	}
	trainer, err := train.New(b, steps{t}, folder, hooks)
	if err != nil {
		return c, err
	}
	if err := trainer.Run(ctx); err != nil {
		return c, err
	}
	points, err := folder.ReadMetrics()
	for _, p := range points {
		c.Steps, c.Loss = append(c.Steps, float64(p.Step)), append(c.Loss, p.Metrics["loss"])
		c.Accuracy = append(c.Accuracy, p.Metrics[accuracy])
	}
	return c, err
}

// Call runs a graph with the weights that Train has kept in dir.
func Call(b compute.Backend, dir string, f func(s *model.Scope, in []*Node) []*Node, in ...any) (out []*tensors.Tensor, err error) {
	weights := model.NewStore()
	if err := load(dir, weights); err != nil {
		return nil, err
	}
	err = task.Try(func() error {
		exec, err := model.NewExec(b, weights, f)
		if err != nil {
			return err
		}
		out, err = exec.Call(in...)
		return err
	})
	return out, err
}

// load fills a store with the weights that Train has kept in dir.
func load(dir string, weights *model.Store) error {
	folder, err := run.Open(dir)
	if err != nil {
		return fmt.Errorf("trial: nothing is trained here yet: run the cell that trains it first: %w", err)
	}
	_, err = folder.LoadWeights(weights)
	return err
}

const kind, accuracy = "trial", "accuracy"

// clear removes a trial's folder, and refuses to remove anything else.
func clear(dir string) error {
	folder, err := run.Open(dir)
	if err != nil || folder.Config().Kind != kind {
		return run.Vacant(dir)
	}
	return os.RemoveAll(dir)
}

// training is AdamW's usual settings, for some hundred steps.
func (t Task) training() *run.Training {
	s := &run.Training{
		Steps: t.Steps, BatchSize: t.BatchSize, LearningRate: t.LearningRate, Warmup: min(50, t.Steps),
		Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1, Devices: 1, SaveEvery: t.Steps, LogEvery: 10, Keep: 1,
	}
	if s.BatchSize == 0 {
		s.BatchSize = 128
	}
	if s.LearningRate == 0 {
		s.LearningRate = 3e-3
	}
	return s
}

// steps is the task as the trainer sees it.
type steps struct{ Task }

func (s steps) Len() int          { return s.Examples }
func (s steps) Metrics() []string { return []string{accuracy} }

func (s steps) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	in := s.Draw(examples, r)
	return task.Batch{Inputs: in, Shared: make([]bool, len(in))}, nil
}

func (s steps) Loss(scope *model.Scope, in []*Node) (*Node, []*Node) {
	loss, right := s.Task.Loss(scope, in)
	return loss, []*Node{right}
}
