package nntest_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/nntest"
)

var backend compute.Backend

func TestMain(m *testing.M) {
	var err error
	if backend, err = xla.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run())
}

func TestDifferences(t *testing.T) {
	f := func(x []float64) float64 { return math.Sin(x[0]) * x[1] }
	nntest.Compare(t, "sin(x)·y", []float64{2 * math.Cos(0.5), math.Sin(0.5)}, nntest.Differences(f, []float64{0.5, 2}))
}

// TestCheckGradient: right gradients pass, wrong ones do not, weights can be inputs.
func TestCheckGradient(t *testing.T) {
	x, w := nntest.Random(1, 3), nntest.Random(2, 3)
	product := func(s *model.Scope, in []*Node) *Node {
		nntest.Bind(s, "layer/w", in[1])
		weight := s.Store().GetVariable("/layer/w").NodeValue(in[0].Graph())
		return ReduceAllSum(Mul(Square(in[0]), weight))
	}
	nntest.CheckGradient(t, backend, 2, product, x, w)

	r := &recorder{TB: t}
	nntest.CheckGradient(r, backend, 1, func(_ *model.Scope, in []*Node) *Node {
		return ReduceAllSum(Mul(StopGradient(in[0]), in[0])) // half of the truth
	}, x)
	if len(r.messages) != 3 || !strings.Contains(r.messages[0], "finite differences say") {
		t.Errorf("a wrong gradient gave %q", r.messages)
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		gradient, want []float64
		ok             bool
	}{
		{[]float64{1, 2}, []float64{1, 2}, true},
		{[]float64{1000.00001}, []float64{1000}, true},
		{[]float64{1.00001}, []float64{1}, false},
		{[]float64{math.NaN()}, []float64{1}, false},
		{[]float64{1}, []float64{math.NaN()}, false},
		{[]float64{1}, []float64{1, 1}, false},
	} {
		r := &recorder{TB: t}
		nntest.Compare(r, "x", c.gradient, c.want)
		if ok := len(r.messages) == 0; ok != c.ok {
			t.Errorf("Compare(%v, %v) passes: %v, want %v", c.gradient, c.want, ok, c.ok)
		}
	}
}

func TestFlat(t *testing.T) {
	for _, x := range []*tensors.Tensor{
		nntest.Tensor(dtypes.Float32, []float64{0, 1}, 2),
		nntest.Tensor(dtypes.Float64, []float32{0, 1}, 2),
		tensors.FromFlatDataAndDimensions([]int32{0, 1}, 2),
		tensors.FromFlatDataAndDimensions([]bool{false, true}, 2),
	} {
		out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node { return []*Node{Identity(in[0])} }, x)
		if fmt.Sprint(out) != "[[0 1]]" {
			t.Errorf("%s came back as %v", x.Shape(), out)
		}
	}
}

// recorder is a test that fails without failing the real one.
type recorder struct {
	testing.TB
	messages []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.messages = append(r.messages, fmt.Sprintf(f, a...)) }
