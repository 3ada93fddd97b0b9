// Package nntest helps to test graph code: it runs small graphs and compares their gradients with finite differences.
// It is for tests; the backend comes from the test, so that this package knows of none.
package nntest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Build is a graph-building function: weights in s, inputs in, results out.
type Build func(s *model.Scope, in []*Node) []*Node

// Run builds a graph, runs it once and returns the numbers of each result. The weights are those of the store, and those
// that it lacks are created in it; nil is an empty store. What fails ends the test.
func Run(t testing.TB, b compute.Backend, store *model.Store, build Build, in ...*tensors.Tensor) [][]float64 {
	t.Helper()
	return Compile(t, b, store, build)(in...)
}

// Compile is Run for several inputs: what it returns compiles the graph once for each shape of them.
func Compile(t testing.TB, b compute.Backend, store *model.Store, build Build) func(in ...*tensors.Tensor) [][]float64 {
	t.Helper()
	if store == nil {
		store = model.NewStore()
	}
	exec, err := model.NewExec(b, store, func(s *model.Scope, in []*Node) []*Node { return build(s, in) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exec.Finalize)
	return func(in ...*tensors.Tensor) [][]float64 {
		t.Helper()
		args := make([]any, len(in))
		for i, x := range in {
			args[i] = x
		}
		out, err := exec.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		values := make([][]float64, len(out))
		for i, x := range out {
			values[i] = Flat(t, x)
		}
		return values
	}
}

// Flat copies a tensor's numbers.
func Flat(t testing.TB, x *tensors.Tensor) []float64 {
	t.Helper()
	switch x.DType() {
	case dtypes.Float32:
		return convert(tensors.MustCopyFlatData[float32](x))
	case dtypes.Float64:
		return tensors.MustCopyFlatData[float64](x)
	case dtypes.Int32:
		return convert(tensors.MustCopyFlatData[int32](x))
	case dtypes.Bool:
		flat := tensors.MustCopyFlatData[bool](x)
		out := make([]float64, len(flat))
		for i, v := range flat {
			if v {
				out[i] = 1
			}
		}
		return out
	}
	t.Fatalf("nntest: numbers of type %s are not expected", x.DType())
	return nil
}

func convert[T float32 | int32](x []T) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// Tensor makes a tensor of type dtype, Float32 or Float64, from numbers of either.
func Tensor[T float32 | float64](dtype dtypes.DType, values []T, dims ...int) *tensors.Tensor {
	switch dtype {
	case dtypes.Float32:
		out := make([]float32, len(values))
		for i, v := range values {
			out[i] = float32(v)
		}
		return tensors.FromFlatDataAndDimensions(out, dims...)
	case dtypes.Float64:
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = float64(v)
		}
		return tensors.FromFlatDataAndDimensions(out, dims...)
	}
	panic(fmt.Sprintf("nntest: a tensor of type %s is not expected", dtype))
}

// Random makes a Float64 tensor of numbers from N(0, 1), always the same for a seed.
func Random(seed uint64, dims ...int) *tensors.Tensor {
	r := rand.New(rand.NewPCG(seed, 0))
	values := make([]float64, shapes.Make(dtypes.Float64, dims...).Size())
	for i := range values {
		values[i] = r.NormFloat64()
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// Bind makes value the weight of that path under s, for the layers built after it. So weights can be inputs of a graph like
// any other, and be differentiated by.
func Bind(s *model.Scope, path string, value *Node) {
	s.Store().VariableWithNodeValue(model.JoinPath(s.Scope(), path), value)
}

// CheckGradient fails the test when the gradient of a scalar at one of the first n inputs, all of Float64, is not what
// finite differences say, for any of their numbers.
func CheckGradient(t testing.TB, b compute.Backend, n int, build func(s *model.Scope, in []*Node) *Node, in ...*tensors.Tensor) {
	t.Helper()
	gradients := Run(t, b, nil, func(s *model.Scope, in []*Node) []*Node { return Gradient(build(s, in), in[:n]...) }, in...)
	value := Compile(t, b, nil, func(s *model.Scope, in []*Node) []*Node { return []*Node{build(s, in)} })
	for i, gradient := range gradients {
		changed := append([]*tensors.Tensor(nil), in...)
		f := func(x []float64) float64 {
			changed[i] = tensors.FromFlatDataAndDimensions(append([]float64(nil), x...), in[i].Shape().Dimensions...)
			return value(changed...)[0][0]
		}
		Compare(t, fmt.Sprintf("input %d", i), gradient, Differences(f, tensors.MustCopyFlatData[float64](in[i])))
	}
}

// Differences is the gradient of f at x by central differences of the fourth order:
//
//	f'(x) ≈ ( f(x−2h) − 8·f(x−h) + 8·f(x+h) − f(x+2h) ) / 12h
func Differences(f func(x []float64) float64, x []float64) []float64 {
	const h = 1e-3
	at := append([]float64(nil), x...)
	gradient := make([]float64, len(x))
	for i := range x {
		moved := func(by float64) float64 {
			at[i] = x[i] + by
			defer func() { at[i] = x[i] }()
			return f(at)
		}
		gradient[i] = (moved(-2*h) - 8*moved(-h) + 8*moved(h) - moved(2*h)) / (12 * h)
	}
	return gradient
}

// Compare fails the test when a number of gradient differs from the one in want by more than 1e-7, relative to 1 or to
// the largest of want. Numbers that are not finite are never right.
func Compare(t testing.TB, name string, gradient, want []float64) {
	t.Helper()
	if len(gradient) != len(want) {
		t.Errorf("%s: the gradient has %d numbers, want %d", name, len(gradient), len(want))
		return
	}
	largest := 1.0
	for _, w := range want {
		largest = max(largest, math.Abs(w))
	}
	for i, w := range want {
		if d := math.Abs(gradient[i] - w); !(d <= 1e-7*largest) {
			t.Errorf("%s: the gradient at number %d is %v, finite differences say %v", name, i, gradient[i], w)
		}
	}
}
