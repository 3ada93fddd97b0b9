// Package infer makes a trained model ready for use by many goroutines: each of its functions is compiled once for a few
// fixed batch sizes, before the first call, and calls of any size are padded or cut to fit.
//
// XLA compiles anew for each shape, which takes seconds; a fixed set of sizes ("buckets") makes the price known and paid
// beforehand. Compiled functions are safe for concurrent calls.
package infer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/task"
)

// Session is a model ready for inference.
type Session struct {
	backend compute.Backend
	buckets []int
	funcs   map[string]*function
}

type function struct {
	task.Func
	exec *model.Exec
}

// Open compiles the predictor's functions, one after another, for batches of the given sizes (1 and 256 when none is
// given). names chooses among the functions; nil means all. The predictor's store must not change during a call.
func Open(b compute.Backend, p task.Predictor, names []string, buckets ...int) (*Session, error) {
	if len(buckets) == 0 {
		buckets = []int{1, 256}
	}
	buckets = slices.Clone(buckets)
	slices.Sort(buckets)
	if buckets[0] < 1 {
		return nil, fmt.Errorf("infer: batch size %d: it must be at least 1", buckets[0])
	}
	s := &Session{backend: b, buckets: slices.Compact(buckets), funcs: map[string]*function{}}
	for _, f := range p.Funcs() {
		if names != nil && !slices.Contains(names, f.Name) {
			continue
		}
		if err := task.Try(func() error { return s.compile(p.Store(), f) }); err != nil {
			return nil, fmt.Errorf("infer: compiling %q: %w", f.Name, err)
		}
	}
	for _, name := range names {
		if s.funcs[name] == nil {
			return nil, fmt.Errorf("infer: the model has no function %q", name)
		}
	}
	return s, nil
}

func (s *Session) compile(store *model.Store, f task.Func) error {
	exec, err := model.NewExec(s.backend, store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		out := f.Graph(scope, in)
		if len(out) != len(f.Out) {
			exceptions.Panicf("it gives %d results and declares %d", len(out), len(f.Out))
		}
		for i, shape := range f.Out {
			if want := withBatch(shape, in[0].Shape().Dim(0)); !out[i].Shape().Equal(want) {
				exceptions.Panicf("it gives %s and declares %s", out[i].Shape(), want)
			}
		}
		return out
	})
	if err != nil {
		return err
	}
	for _, size := range s.buckets {
		in := make([]shapes.Shape, len(f.In))
		for i, shape := range f.In {
			in[i] = withBatch(shape, size)
		}
		if _, err := exec.Compile(in...); err != nil {
			return err
		}
	}
	s.funcs[f.Name] = &function{Func: f, exec: exec}
	return nil
}

func withBatch(s shapes.Shape, size int) shapes.Shape {
	return shapes.Make(s.DType, append([]int{size}, s.Dimensions...)...)
}

// Func describes the named function, and whether the session has it.
func (s *Session) Func(name string) (task.Func, bool) {
	f, ok := s.funcs[name]
	if !ok {
		return task.Func{}, false
	}
	return f.Func, true
}

// Call runs the named function of one input and one output on n examples: in holds the n examples' values one after
// another, and so does the result. It is safe for concurrent use.
func Call[In float32 | int32](s *Session, name string, n int, in []In) ([]float32, error) {
	f, ok := s.funcs[name]
	if !ok {
		return nil, fmt.Errorf("infer: the session has no function %q", name)
	}
	if err := f.accepts(dtypes.FromGenericsType[In](), n, len(in)); err != nil {
		return nil, err
	}
	width, outWidth := f.In[0].Size(), f.Out[0].Size()
	out := make([]float32, 0, n*outWidth)
	for start := 0; start < n; {
		size := s.bucket(n - start)
		count := min(size, n-start)
		part := make([]In, size*width) // zeros behind the last example
		copy(part, in[start*width:(start+count)*width])
		result, err := f.run(tensors.FromFlatDataAndDimensions(part, withBatch(f.In[0], size).Dimensions...))
		if err != nil {
			return nil, fmt.Errorf("infer: %s: %w", name, err)
		}
		out = append(out, result[:count*outWidth]...)
		start += count
	}
	return out, nil
}

// bucket is the smallest size that holds n examples, or else the largest.
func (s *Session) bucket(n int) int {
	for _, size := range s.buckets {
		if size >= n {
			return size
		}
	}
	return s.buckets[len(s.buckets)-1]
}

func (f *function) accepts(dtype dtypes.DType, n, values int) error {
	switch {
	case len(f.In) != 1 || len(f.Out) != 1:
		return fmt.Errorf("infer: %q has %d inputs and %d outputs; Call is for one of each", f.Name, len(f.In), len(f.Out))
	case f.In[0].DType != dtype:
		return fmt.Errorf("infer: %q takes %s, not %s", f.Name, f.In[0].DType, dtype)
	case n < 1:
		return fmt.Errorf("infer: there is nothing for %q to run on: %d examples", f.Name, n)
	case values != n*f.In[0].Size():
		return fmt.Errorf("infer: %q takes %d values for each example (%s): %d values are not %d examples", f.Name, f.In[0].Size(), f.In[0], values, n)
	}
	return nil
}

// run executes one bucket and frees both tensors.
func (f *function) run(in *tensors.Tensor) (result []float32, err error) {
	defer func() { err = errors.Join(err, in.FinalizeAll()) }()
	out, err := f.exec.Call(in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out[0].FinalizeAll()) }()
	return tensors.CopyFlatData[float32](out[0])
}
