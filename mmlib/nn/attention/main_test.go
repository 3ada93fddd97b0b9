package attention_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
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

// reference is one case of a golden file: its name says which mask it has.
type reference struct {
	file   *golden.File
	name   string
	causal bool
}

func (r reference) tensor(t *testing.T, dtype dtypes.DType, name string) *tensors.Tensor {
	t.Helper()
	name = r.name + "." + name
	return nntest.Tensor(dtype, r.file.Floats(t, name), r.file.Get(t, name).Shape...)
}

// inputs are the named tensors and, if keys are padded, the lengths behind them.
func (r reference) inputs(t *testing.T, dtype dtypes.DType, names ...string) []*tensors.Tensor {
	t.Helper()
	var in []*tensors.Tensor
	for _, name := range names {
		in = append(in, r.tensor(t, dtype, name))
	}
	if r.padded() {
		in = append(in, lengths(r.file.Ints(t, r.name+".lengths")...))
	}
	return in
}

func (r reference) padded() bool { return r.file.Has(r.name + ".lengths") }

// mask is the case's mask, for inputs made by the method above.
func (r reference) mask(in []*Node, l, s int) *Node {
	m := attention.Mask{Causal: r.causal}
	if r.padded() {
		m.Lengths = in[len(in)-1]
	}
	return m.Build(in[0].Graph(), l, s)
}

// same compares results with golden tensors.
func (r reference) same(t *testing.T, tolerance float64, got [][]float64, names ...string) {
	t.Helper()
	for i, name := range names {
		single := make([]float32, len(got[i]))
		for k, v := range got[i] {
			single[k] = float32(v)
		}
		golden.Close(t, r.name+"."+name, single, r.file.Floats(t, r.name+"."+name), tolerance)
	}
}

func lengths(values ...int) *tensors.Tensor {
	out := make([]int32, len(values))
	for i, v := range values {
		out[i] = int32(v)
	}
	return tensors.FromFlatDataAndDimensions(out, len(out))
}
