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
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// backend is the one that the environment chooses. quick is the Go backend, run one operation after another: XLA takes longer
// to compile a small graph than to run it. frugal is the first of them that runs the lean kernel, nil if none does.
var backend, quick, frugal compute.Backend

func TestMain(m *testing.M) {
	backend = open(os.Getenv(compute.ConfigEnvVar))
	quick = open("go:ops_sequential")
	for _, b := range []compute.Backend{backend, quick} {
		if lean.Runs(b) {
			frugal = b
		}
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// open is xla.Open as if the environment had this configuration.
func open(config string) compute.Backend {
	before := os.Getenv(compute.ConfigEnvVar)
	os.Setenv(compute.ConfigEnvVar, config)
	b, err := xla.Open()
	os.Setenv(compute.ConfigEnvVar, before)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return b
}

// on is the backend to run a kernel on.
func on(t *testing.T, kernel lean.Choice) compute.Backend {
	t.Helper()
	if kernel != lean.Always {
		return quick
	}
	if frugal == nil && backend.Name() == "xla" {
		t.Fatal("XLA is said not to run the lean kernel")
	}
	if frugal == nil {
		t.Skip("the lean kernel needs XLA: the Go backend has no slices at positions computed at run time")
	}
	return frugal
}

// kernels are the two ways to compute.
var kernels = map[string]lean.Choice{"plain": lean.Never, "lean": lean.Always}

// attend is z and the gradients at q, k and v, for inputs q, k, v, dz and those of a mask.
func attend(in []*Node, mask attention.Mask, kernel lean.Choice) []*Node {
	z := attention.Attend(in[0], in[1], in[2], mask, attention.Options{Kernel: kernel}).Z
	return append([]*Node{z}, Gradient(ReduceAllSum(Mul(z, in[3])), in[:3]...)...)
}

// piece is one of several graphs that are compiled as one, which saves time.
type piece struct {
	in    []*tensors.Tensor
	build func(in []*Node) []*Node
}

// together runs pieces as one graph and returns the results of each.
func together(t *testing.T, b compute.Backend, pieces ...piece) [][][]float64 {
	t.Helper()
	var in []*tensors.Tensor
	for _, p := range pieces {
		in = append(in, p.in...)
	}
	results := make([]int, len(pieces))
	flat := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) (out []*Node) {
		for i, p := range pieces {
			results[i] = -len(out)
			out, in = append(out, p.build(in[:len(p.in)])...), in[len(p.in):]
			results[i] += len(out)
		}
		return out
	}, in...)
	out := make([][][]float64, len(pieces))
	for i, n := range results {
		out[i], flat = flat[:n], flat[n:]
	}
	return out
}

// reference is one case of a golden file: its name says which mask it has.
type reference struct {
	file   *golden.File
	name   string
	causal bool
	window int
}

func (r reference) tensor(t *testing.T, dtype dtypes.DType, name string) *tensors.Tensor {
	t.Helper()
	name = r.name + "." + name
	return nntest.Tensor(dtype, r.file.Floats(t, name), r.file.Get(t, name).Shape...)
}

// inputs are the named tensors and behind them the lengths and the prefixes, if there are any.
func (r reference) inputs(t *testing.T, dtype dtypes.DType, names ...string) []*tensors.Tensor {
	t.Helper()
	var in []*tensors.Tensor
	for _, name := range names {
		in = append(in, r.tensor(t, dtype, name))
	}
	for _, name := range []string{"lengths", "prefix"} {
		if r.has(name) {
			in = append(in, counts(r.file.Ints(t, r.name+"."+name)...))
		}
	}
	return in
}

func (r reference) has(name string) bool { return r.file.Has(r.name + "." + name) }

// mask is the case's mask, for inputs made by the method above.
func (r reference) mask(in []*Node) attention.Mask {
	m := attention.Mask{Causal: r.causal, Window: r.window}
	if r.has("prefix") {
		m.Prefix, in = in[len(in)-1], in[:len(in)-1]
	}
	if r.has("lengths") {
		m.Lengths = in[len(in)-1]
	}
	return m
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

// counts are lengths or prefixes.
func counts(values ...int) *tensors.Tensor { return integers(values, len(values)) }

func integers(values []int, dims ...int) *tensors.Tensor {
	out := make([]int32, len(values))
	for i, v := range values {
		out[i] = int32(v)
	}
	return tensors.FromFlatDataAndDimensions(out, dims...)
}
