// Package infer makes a trained model ready for use by many goroutines: each of its functions is compiled once for a few
// fixed batch sizes, before the first call, and calls of any size are padded or cut to fit.
//
// XLA compiles again for each shape, which takes seconds; with a fixed set of sizes ("buckets") that cost is known and
// paid in advance. Compiled functions are safe for concurrent calls.
package infer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/task"
)

// Session is a model ready for inference.
type Session struct {
	backend   compute.Backend
	predictor task.Predictor
	buckets   []int
	funcs     map[string]*function
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
	s := &Session{backend: b, predictor: p, buckets: slices.Compact(buckets), funcs: map[string]*function{}}
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

// With opens another session of the same model on the same backend, for other functions or sizes.
func (s *Session) With(names []string, buckets ...int) (*Session, error) {
	return Open(s.backend, s.predictor, names, buckets...)
}

func (s *Session) compile(store *model.Store, f task.Func) error {
	if len(f.In) == 0 {
		return errors.New("it has no inputs")
	}
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

// Func describes the named function, and reports whether the session has it.
func (s *Session) Func(name string) (task.Func, bool) {
	f, ok := s.funcs[name]
	if !ok {
		return task.Func{}, false
	}
	return f.Func, true
}

// Largest returns the largest batch that one execution takes, the best size for a call.
func (s *Session) Largest() int { return s.buckets[len(s.buckets)-1] }

// Call runs the named function: tensors [n, In...] give tensors [n, Out...], for any n. It is safe for concurrent use. The
// inputs stay the caller's; the results are the caller's to finalize.
func (s *Session) Call(name string, in ...*tensors.Tensor) ([]*tensors.Tensor, error) {
	f, ok := s.funcs[name]
	if !ok {
		return nil, fmt.Errorf("infer: the session has no function %q", name)
	}
	n, err := f.examples(in)
	if err != nil {
		return nil, err
	}
	if s.bucket(n) == n { // nothing to cut or to fill up
		out, err := f.call(in)
		if err != nil {
			return nil, fmt.Errorf("infer: %s: %w", name, err)
		}
		return out, nil
	}
	out := make([]*tensors.Tensor, len(f.Out))
	for i, shape := range f.Out {
		out[i] = tensors.FromShape(withBatch(shape, n))
	}
	for start := 0; start < n; {
		size := s.bucket(n - start)
		count := min(size, n-start)
		if err := f.run(in, out, start, count, size); err != nil {
			return nil, errors.Join(fmt.Errorf("infer: %s: %w", name, err), finalize(out))
		}
		start += count
	}
	return out, nil
}

// Call is [Session.Call] for a function of one input and one output: in holds the values of n examples one after another,
// and so does the result.
func Call[In float32 | int32](s *Session, name string, n int, in []In) ([]float32, error) {
	f, ok := s.funcs[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("infer: the session has no function %q", name)
	case len(f.In) != 1 || len(f.Out) != 1:
		return nil, fmt.Errorf("infer: %q has %d inputs and %d outputs; use Session.Call", name, len(f.In), len(f.Out))
	case n < 1:
		return nil, fmt.Errorf("infer: there is nothing for %q to run on: %d examples", name, n)
	case len(in) != n*f.In[0].Size():
		return nil, fmt.Errorf("infer: %q takes %d values for each example (%s): %d values are not %d examples", name, f.In[0].Size(), f.In[0],
			len(in), n)
	}
	t := tensors.FromFlatDataAndDimensions(in, withBatch(f.In[0], n).Dimensions...)
	out, err := s.Call(name, t)
	if err := errors.Join(err, t.FinalizeAll()); err != nil {
		return nil, err
	}
	values, err := tensors.CopyFlatData[float32](out[0])
	return values, errors.Join(err, finalize(out))
}

// bucket is the smallest size that holds n examples, or else the largest.
func (s *Session) bucket(n int) int {
	for _, size := range s.buckets {
		if size >= n {
			return size
		}
	}
	return s.Largest()
}

// examples checks the inputs and counts the examples in them.
func (f *function) examples(in []*tensors.Tensor) (n int, err error) {
	if len(in) != len(f.In) {
		return 0, fmt.Errorf("infer: %q takes %d inputs, not %d", f.Name, len(f.In), len(in))
	}
	for i, t := range in {
		shape := t.Shape()
		if shape.Rank() == 0 || !shape.Equal(withBatch(f.In[i], shape.Dim(0))) {
			return 0, fmt.Errorf("infer: input %d of %q is %s; it takes %s behind the batch axis", i, f.Name, shape, f.In[i])
		}
		if shape.Dim(0) != in[0].Shape().Dim(0) {
			return 0, fmt.Errorf("infer: the inputs of %q hold %d and %d examples", f.Name, in[0].Shape().Dim(0), shape.Dim(0))
		}
	}
	if n = in[0].Shape().Dim(0); n < 1 {
		return 0, fmt.Errorf("infer: there is nothing for %q to run on: %d examples", f.Name, n)
	}
	return n, nil
}

// run executes one bucket: count examples of in from start on, with zeros behind them up to size. It writes the results to
// the same rows of out.
func (f *function) run(in, out []*tensors.Tensor, start, count, size int) (err error) {
	parts := make([]*tensors.Tensor, len(in))
	defer func() { err = errors.Join(err, finalize(parts)) }()
	for i, t := range in {
		parts[i] = tensors.FromShape(withBatch(f.In[i], size))
		if err := copyRows(parts[i], 0, t, start, count); err != nil {
			return err
		}
	}
	results, err := f.call(parts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finalize(results)) }()
	for i, t := range results {
		if err := copyRows(out[i], start, t, 0, count); err != nil {
			return err
		}
	}
	return nil
}

// call executes the function on a batch of the size of a bucket.
func (f *function) call(in []*tensors.Tensor) ([]*tensors.Tensor, error) {
	arguments := make([]any, len(in))
	for i, t := range in {
		arguments[i] = t
	}
	return f.exec.Call(arguments...)
}

// copyRows copies rows of one tensor to rows of another of the same row shape.
func copyRows(to *tensors.Tensor, at int, from *tensors.Tensor, start, count int) error {
	row := int(from.ByteSize()) / from.Shape().Dim(0)
	var failed error
	err := from.ConstBytes(func(source []byte) {
		failed = to.MutableBytes(func(target []byte) {
			copy(target[at*row:(at+count)*row], source[start*row:(start+count)*row])
		})
	})
	return errors.Join(err, failed)
}

func finalize(list []*tensors.Tensor) error {
	var errs []error
	for _, t := range list {
		if t != nil {
			errs = append(errs, t.FinalizeAll())
		}
	}
	return errors.Join(errs...)
}
