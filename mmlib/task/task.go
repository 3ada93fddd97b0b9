// Package task says what a trainer and a predictor need to know of a model, and nothing more.
//
// A [Task] binds a model to its loss, its examples and its metrics: the trainer (mmlib/train) optimises any Task and
// knows no model. A [Predictor] is a trained model as a set of named functions with fixed shapes: an inference session
// (mmlib/infer) compiles them once and evaluation (mmlib/eval) calls them. Papers live in mmlib/models and implement
// both; nothing else in gomm asks which model it is holding.
package task

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Batch is the input of one training step.
type Batch struct {
	// Inputs are what Task.Loss receives, in the same order. Shapes must be the same for every batch of a task, for XLA
	// compiles again for each shape.
	Inputs []*tensors.Tensor

	// Shared says of each input whether every device gets all of it (true), or a part of it, split on axis 0 (false).
	Shared []bool
}

// Task is a model with its loss, its examples and its metrics, as the trainer sees it.
type Task interface {
	// Len is the number of training examples.
	Len() int

	// Batch prepares the given examples. It must be a pure function of its arguments (r is seeded by the trainer from the
	// run's seed and the step), safe for concurrent calls, so that a resumed run sees what an unbroken one would have seen.
	Batch(examples []int, r *rand.Rand) (Batch, error)

	// Metrics names the metrics that Loss returns.
	Metrics() []string

	// Loss builds the graph of one step: a scalar loss and one scalar for each name of Metrics. It may panic, as every
	// graph-building function does; the trainer turns that into an error.
	Loss(s *model.Scope, in []*graph.Node) (loss *graph.Node, metrics []*graph.Node)
}

// Stacked is a Task whose model passes several stacks of blocks one after another. The trainer asks it for the depth of a layer,
// when layers learn at different rates.
type Stacked interface {
	Task

	// Stacks names the scopes of the stacks from the input to the output, those that work side by side together:
	// {{"/vision", "/text"}, {"/fusion"}}.
	Stacks() [][]string
}

// Func is one thing that a trained model can do.
type Func struct {
	Name string

	// In and Out are the shapes without the batch axis, which is axis 0 of every input and output.
	In, Out []shapes.Shape

	// Graph builds the computation for inputs [B, In...].
	Graph func(s *model.Scope, in []*graph.Node) []*graph.Node
}

// Predictor is a trained model: its weights and what it can do with them.
type Predictor interface {
	Store() *model.Store
	Funcs() []Func
}

// Decoder says how the functions of a predictor write text token by token: what infer.Generate needs to know.
type Decoder struct {
	// Memory names the function that makes, of what the text is about, the state that stays as it is while a text is written. Empty: the
	// text is about nothing but its prompt, as in a language model; Step then reads no memory.
	Memory string

	// Step names the function that reads a token: token [] and position [] (Int32), what is kept, the memory → logits [V] of the next
	// token, what is kept. What is kept starts as zeros.
	Step string
	Kept []shapes.Shape

	Length          int   // tokens that fit, the prompt among them
	Start, End, Pad int32 // End is where a text stops; −1: only where no more tokens fit
}

// Try runs fn, which builds or runs graphs, and turns its panic into an error. Graph-building functions report bad shapes
// by panicking, as GoMLX's do; this is where such a panic ends, at every public boundary.
func Try(fn func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = p
		default:
			err = fmt.Errorf("%v", p)
		}
	}()
	return fn()
}
