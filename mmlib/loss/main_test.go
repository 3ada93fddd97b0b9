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
	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
)

// backend is the one that the environment chooses. quick is the Go backend, run one operation after another: XLA takes longer
// to compile a small graph than to run it.
var backend, quick compute.Backend

// kernels are the forms of a contrastive loss that the backend can run: the plain one, and the lean one except on the Go
// backend, which has no slices at positions computed at run time.
var kernels = []lean.Choice{lean.Never, lean.Always}

func TestMain(m *testing.M) {
	backend = open(os.Getenv(compute.ConfigEnvVar))
	quick = open("go:ops_sequential")
	if !lean.Runs(backend) {
		kernels = kernels[:1]
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

// needLean skips a test where there is no lean kernel. XLA always has it.
func needLean(t testing.TB) {
	t.Helper()
	if len(kernels) == 2 {
		return
	}
	if backend.Name() == "xla" {
		t.Fatal("XLA is said not to run the lean kernel")
	}
	t.Skipf("the backend %q cannot run the lean kernel", backend.Name())
}

// compile returns a function that runs a graph without weights.
func compile(t *testing.T, build func(in []*Node) []*Node) func(in ...*tensors.Tensor) [][]float64 {
	t.Helper()
	return nntest.Compile(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node { return build(in) })
}

// run runs a graph once, on the quick backend.
func run(t *testing.T, build func(in []*Node) []*Node, in ...*tensors.Tensor) [][]float64 {
	t.Helper()
	return nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node { return build(in) }, in...)
}

// check compares gradients at the first n inputs with finite differences, on the quick backend.
func check(t *testing.T, n int, build func(in []*Node) *Node, in ...*tensors.Tensor) {
	t.Helper()
	nntest.CheckGradient(t, quick, n, func(_ *model.Scope, in []*Node) *Node { return build(in) }, in...)
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

func iota(n int) *tensors.Tensor {
	values := make([]int, n)
	for i := range values {
		values[i] = i
	}
	return integers(values...)
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
