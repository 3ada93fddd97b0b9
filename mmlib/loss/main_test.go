package loss_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
)

var backend compute.Backend

func TestMain(m *testing.M) {
	var err error
	if backend, err = xla.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// compile returns a function that runs a graph without weights.
func compile(t *testing.T, build func(in []*Node) []*Node) func(in ...*tensors.Tensor) [][]float64 {
	t.Helper()
	return nntest.Compile(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node { return build(in) })
}

// run runs it once.
func run(t *testing.T, build func(in []*Node) []*Node, in ...*tensors.Tensor) [][]float64 {
	t.Helper()
	return compile(t, build)(in...)
}

// check compares gradients at the first n inputs with finite differences.
func check(t *testing.T, n int, build func(in []*Node) *Node, in ...*tensors.Tensor) {
	t.Helper()
	nntest.CheckGradient(t, backend, n, func(_ *model.Scope, in []*Node) *Node { return build(in) }, in...)
}

// reference is one case of a golden file.
type reference struct {
	file   *golden.File
	prefix string
}

func (r reference) float(t *testing.T, dtype dtypes.DType, name string) *tensors.Tensor {
	t.Helper()
	g := r.file.Get(t, r.prefix+name)
	return nntest.Tensor(dtype, r.file.Floats(t, r.prefix+name), g.Shape...)
}

func (r reference) int(t *testing.T, name string) *tensors.Tensor {
	t.Helper()
	return integers(r.file.Ints(t, r.prefix+name)...)
}

func integers(values ...int) *tensors.Tensor {
	out := make([]int32, len(values))
	for i, v := range values {
		out[i] = int32(v)
	}
	return tensors.FromFlatDataAndDimensions(out, len(out))
}

// same compares results with a golden tensor.
func (r reference) same(t *testing.T, name string, got []float64, tolerance float64) {
	t.Helper()
	single := make([]float32, len(got))
	for i, v := range got {
		single[i] = float32(v)
	}
	golden.Close(t, r.prefix+name, single, r.file.Floats(t, r.prefix+name), tolerance)
}
