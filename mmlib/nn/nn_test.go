package nn_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
	"gomm/mmlib/task"
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

// activations are the formulas, for numbers.
var activations = map[nn.Activation]func(x float64) float64{
	nn.QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
	nn.GELU:      func(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) },
	nn.GELUTanh: func(x float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	},
}

// TestActivation: values are the formula's and gradients its derivative, near 0 and far from it, in both precisions.
func TestActivation(t *testing.T) {
	x := []float64{-30, -5, -1.5, -0.3, 0, 0.2, 1, 4, 30}
	for a, f := range activations {
		want := make([]float64, len(x))
		for i, v := range x {
			want[i] = f(v)
		}
		slope := nntest.Differences(func(x []float64) (sum float64) {
			for _, v := range x {
				sum += f(v)
			}
			return sum
		}, x)
		results := nntest.Compile(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
			y := a.Apply(in[0])
			return []*Node{y, Gradient(ReduceAllSum(y), in[0])[0]}
		})
		for dtype, tolerance := range map[dtypes.DType]float64{dtypes.Float64: 1e-7, dtypes.Float32: 5e-6} {
			out := results(nntest.Tensor(dtype, x, len(x)))
			for i := range x {
				if !(math.Abs(out[0][i]-want[i]) <= tolerance) || !(math.Abs(out[1][i]-slope[i]) <= tolerance) {
					t.Errorf("%s(%g) in %s is %v with slope %v, want %v and %v", a, x[i], dtype, out[0][i], out[1][i], want[i], slope[i])
				}
			}
		}
	}
}

func TestActivationValidate(t *testing.T) {
	for a := range activations {
		if err := a.Validate(); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	err := nn.Activation("relu").Validate()
	if err == nil || !strings.Contains(err.Error(), `"relu"`) || !strings.Contains(err.Error(), `"quick_gelu"`) {
		t.Errorf("error %v, want one that names relu and what there is", err)
	}
	g := NewGraph(backend, "relu")
	defer g.Finalize()
	again := task.Try(func() error { nn.Activation("relu").Apply(Zeros(g, shapes.Make(dtypes.Float32, 1))); return nil })
	if again == nil || again.Error() != err.Error() {
		t.Errorf("Apply panics with %v, want %v", again, err)
	}
}

// TestLayerNorm: each row has mean 0 and variance 1, is then scaled and shifted, and the gradients are right.
func TestLayerNorm(t *testing.T) {
	const rows, width, epsilon = 3, 4, 1e-2
	in := []*tensors.Tensor{nntest.Random(1, rows, width), nntest.Random(2, width), nntest.Random(3, width), nntest.Random(4, rows, width)}
	layer := func(s *model.Scope, in []*Node) *Node {
		nntest.Bind(s, "gain", in[1])
		nntest.Bind(s, "offset", in[2])
		return nn.LayerNorm(s, in[0], epsilon)
	}
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node { return []*Node{layer(s, in)} }, in...)
	x, gain, offset := tensors.MustCopyFlatData[float64](in[0]), tensors.MustCopyFlatData[float64](in[1]),
		tensors.MustCopyFlatData[float64](in[2])
	for i := range rows {
		row, mean, variance := x[i*width:(i+1)*width], 0.0, 0.0
		for _, v := range row {
			mean += v / width
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / width
		}
		for k, v := range row {
			want := (v-mean)/math.Sqrt(variance+epsilon)*gain[k] + offset[k]
			if got := out[0][i*width+k]; math.Abs(got-want) > 1e-12 {
				t.Errorf("[%d,%d] is %v, want %v", i, k, got, want)
			}
		}
	}
	nntest.CheckGradient(t, backend, 3, func(s *model.Scope, in []*Node) *Node {
		return ReduceAllSum(Mul(layer(s, in), in[3]))
	}, in...)
}

// TestDense: y = x·W + b over the last axis, whatever is before it; Linear is the same without b.
func TestDense(t *testing.T) {
	x := tensors.FromValue([][][]float64{{{1, 2}, {3, 4}}})
	w := tensors.FromValue([][]float64{{1, 0, 2}, {0, 1, -1}})
	b := tensors.FromValue([]float64{10, 20, 30})
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
		nntest.Bind(s, "weights", in[1])
		linear := nn.Linear(s, in[0], 3, 1)
		if s.GetVariable("biases") != nil {
			t.Error("Linear has biases")
		}
		nntest.Bind(s, "biases", in[2])
		dense := nn.Dense(s, in[0], 3, 1)
		dense.AssertDims(1, 2, 3)
		return []*Node{dense, linear}
	}, x, w, b)
	if want := "[[11 22 30 13 24 32] [1 2 0 3 4 2]]"; fmt.Sprint(out) != want {
		t.Errorf("Dense and Linear give %v, want %s", out, want)
	}
}

// TestInitialValues: weights start from N(0, std²), biases and offsets from 0, gains from 1.
func TestInitialValues(t *testing.T) {
	store := model.NewStore()
	nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		y := nn.LayerNorm(s.At("norm"), nn.Dense(s.At("dense"), in[0], 100, 0.3), 1e-5)
		return []*Node{y, nn.Weight(s, y, "table", 2, 200, 50)}
	}, nntest.Tensor(dtypes.Float32, make([]float32, 100), 1, 100))
	for path, want := range map[string]struct{ mean, std float64 }{
		"/dense/weights": {0, 0.3}, "/dense/biases": {0, 0}, "/norm/gain": {1, 0}, "/norm/offset": {0, 0}, "/table": {0, 2},
	} {
		values := nntest.Flat(t, store.GetVariable(path).MustValue())
		mean, square := 0.0, 0.0
		for _, v := range values {
			mean += v / float64(len(values))
		}
		for _, v := range values {
			square += (v - mean) * (v - mean) / float64(len(values))
		}
		if std := math.Sqrt(square); math.Abs(mean-want.mean) > 0.05*want.std+1e-12 || math.Abs(std-want.std) > 0.05*want.std+1e-12 {
			t.Errorf("%s starts with mean %v and standard deviation %v, want %v and %v", path, mean, std, want.mean, want.std)
		}
	}
}

// TestSwiGLU: the gated layer and the normalisation without an offset are their formulas, and the gradients are right.
func TestSwiGLU(t *testing.T) {
	const rows, width, hidden = 2, 3, 4
	in := []*tensors.Tensor{
		nntest.Random(1, rows, width), nntest.Random(2, width, 2*hidden), nntest.Random(3, hidden, width), nntest.Random(4, width),
		nntest.Random(5, rows, width),
	}
	layer := func(s *model.Scope, in []*Node) *Node {
		nntest.Bind(s, "in/weights", in[1])
		nntest.Bind(s, "out/weights", in[2])
		nntest.Bind(s.At("norm"), "gain", in[3])
		return nn.SwiGLU(s, nn.LayerNormNoBias(s.At("norm"), in[0], 1e-2), hidden, 1)
	}
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node { return []*Node{layer(s, in)} }, in...)
	x, w, w2, gain := nntest.Flat(t, in[0]), nntest.Flat(t, in[1]), nntest.Flat(t, in[2]), nntest.Flat(t, in[3])
	for row := range rows {
		x, mean, variance := x[row*width:(row+1)*width], 0.0, 0.0
		for _, v := range x {
			mean += v / width
		}
		for _, v := range x {
			variance += (v - mean) * (v - mean) / width
		}
		for d := range width {
			want := 0.0
			for f := range hidden {
				gate, value := 0.0, 0.0
				for i, v := range x {
					v = (v - mean) / math.Sqrt(variance+1e-2) * gain[i]
					gate, value = gate+v*w[i*2*hidden+f], value+v*w[i*2*hidden+hidden+f]
				}
				want += gate / (1 + math.Exp(-gate)) * value * w2[f*width+d]
			}
			if got := out[0][row*width+d]; math.Abs(got-want) > 1e-12 {
				t.Errorf("[%d,%d] is %v, want %v", row, d, got, want)
			}
		}
	}
	nntest.CheckGradient(t, backend, 4, func(s *model.Scope, in []*Node) *Node {
		return ReduceAllSum(Mul(layer(s, in), in[4]))
	}, in...)
}
