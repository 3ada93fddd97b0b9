package transformer_test

import (
	"encoding/json"
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
	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
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

func config() transformer.Config {
	return transformer.Config{Width: 4, Layers: 2, Heads: 2, MLP: 8, Activation: nn.GELU, LayerNorm: 1e-5}
}

// TestFormula: a stack is what the package comment says, written out with the parts.
func TestFormula(t *testing.T) {
	c := config()
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
		x, mask := in[0], attention.Mask{Causal: true}
		c.Weights = true
		y := transformer.Encode(s, x, mask, c)
		if len(y.Weights) != c.Layers {
			t.Errorf("there are the weights of %d blocks, want %d", len(y.Weights), c.Layers)
		}
		for _, w := range y.Weights {
			w.AssertDims(2, 2, 3, 3)
		}
		for i := range c.Layers { // the weights are the same because they have the same paths
			b := s.At("block%d", i)
			x = Add(x, attention.Self(b.At("attention"), nn.LayerNorm(b.At("norm1"), x, 1e-5), attention.Config{Heads: 2, Mask: mask}).Z)
			h := nn.GELU.Apply(nn.Dense(b.At("mlp").At("in"), nn.LayerNorm(b.At("norm2"), x, 1e-5), 8, 1))
			x = Add(x, nn.Dense(b.At("mlp").At("out"), h, 4, 1))
		}
		return []*Node{y.X, x}
	}, nntest.Random(1, 2, 3, 4))
	for i, want := range out[1] {
		if math.Abs(out[0][i]-want) > 1e-12 {
			t.Fatalf("the stack gives %v, its parts %v", out[0], out[1])
		}
	}
}

// TestNoLayers: a stack of no blocks changes nothing and has no weights.
func TestNoLayers(t *testing.T) {
	c, store := config(), model.NewStore()
	c.Layers = 0
	x := nntest.Random(1, 1, 3, 4)
	out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{Identity(transformer.Encode(s, in[0], attention.Mask{}, c).X)}
	}, x)
	if fmt.Sprint(out[0]) != fmt.Sprint(nntest.Flat(t, x)) || store.NumVariables() != 0 {
		t.Errorf("no blocks make %v of %v, with %d weights", out[0], x, store.NumVariables())
	}
}

// TestPermutation: without a mask, permuted positions give permuted results; with a causal one, the first position does
// not know of the others.
func TestPermutation(t *testing.T) {
	c, store := config(), model.NewStore()
	encode := func(mask attention.Mask) func(...*tensors.Tensor) [][]float64 {
		return nntest.Compile(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
			return []*Node{transformer.Encode(s, in[0], mask, c).X}
		})
	}
	x := []float64{1, -2, 0.5, 3, 0, 1, -1, 2}
	swapped := append(append([]float64(nil), x[4:]...), x[:4]...)
	tensor := func(x []float64) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, 1, 2, 4) }

	free := encode(attention.Mask{})
	y, z := free(tensor(x))[0], free(tensor(swapped))[0]
	for i := range y {
		if math.Abs(y[i]-z[(i+4)%8]) > 1e-12 {
			t.Fatalf("exchanged positions give %v, want the halves of %v exchanged", z, y)
		}
	}
	causal := encode(attention.Mask{Causal: true})
	y, z = causal(tensor(x))[0], causal(tensor([]float64{1, -2, 0.5, 3, 9, 9, 9, 8}))[0]
	if fmt.Sprint(y[:4]) != fmt.Sprint(z[:4]) || fmt.Sprint(y[4:]) == fmt.Sprint(z[4:]) {
		t.Errorf("with another second position %v became %v: only the second half may change", y, z)
	}
}

// TestKernel: blocks are told how to compute: weights are there only when they are asked for, and not from the lean kernel.
func TestKernel(t *testing.T) {
	encode := func(kernel lean.Choice, weights bool) (out transformer.Output, err error) {
		g := NewGraph(backend, "kernel")
		defer g.Finalize()
		c := config()
		c.Kernel, c.Weights = kernel, weights
		err = task.Try(func() error {
			x := Zeros(g, shapes.Make(dtypes.Float32, 1, 3, 4))
			out = transformer.Encode(model.NewStore().RootScope(), x, attention.Mask{Causal: true}, c)
			return nil
		})
		return out, err
	}
	if out, err := encode(lean.Never, false); err != nil || out.Weights != nil {
		t.Errorf("there are the weights of %d blocks, which nobody asked for (error %v)", len(out.Weights), err)
	}
	if out, err := encode(lean.BySize, true); err != nil || len(out.Weights) != 2 {
		t.Errorf("there are the weights of %d blocks, want 2 (error %v)", len(out.Weights), err)
	}
	if _, err := encode(lean.Always, true); err == nil || !strings.Contains(err.Error(), "lean.Always") {
		t.Errorf("error %v, want one that says that lean.Always has no weights", err)
	}
}

// TestJSON: how to compute is not saved with the model, so that run folders stay as they are.
func TestJSON(t *testing.T) {
	c := config()
	c.Kernel, c.Weights = lean.Always, true
	got, err := json.Marshal(c)
	want := `{"width":4,"layers":2,"heads":2,"mlp":8,"activation":"gelu","layer_norm":0.00001}`
	if err != nil || string(got) != want {
		t.Errorf("the config is saved as %s (%v), want %s", got, err, want)
	}
}

func TestValidate(t *testing.T) {
	if err := config().Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(c *transformer.Config){
		"width is 0":                           func(c *transformer.Config) { c.Width = 0 },
		"layers is -1":                         func(c *transformer.Config) { c.Layers = -1 },
		"width 4 is not a multiple of heads 3": func(c *transformer.Config) { c.Heads = 3 },
		"width 4 is not a multiple of heads 0": func(c *transformer.Config) { c.Heads = 0 },
		"mlp is 0":                             func(c *transformer.Config) { c.MLP = 0 },
		"layer_norm is 0":                      func(c *transformer.Config) { c.LayerNorm = 0 },
		"layer_norm is NaN":                    func(c *transformer.Config) { c.LayerNorm = math.NaN() },
		"layer_norm is +Inf":                   func(c *transformer.Config) { c.LayerNorm = math.Inf(1) },
		`activation "relu" is unknown`:         func(c *transformer.Config) { c.Activation = "relu" },
		`activation "" is unknown`:             func(c *transformer.Config) { c.Activation = "" },
	} {
		c := config()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestPanics: an input of another width than the config's is refused.
func TestPanics(t *testing.T) {
	for want, x := range map[string]shapes.Shape{
		"rank":                             shapes.Make(dtypes.Float32, 3, 4),
		"axis 2 has dimension 6, wanted 4": shapes.Make(dtypes.Float32, 1, 3, 6),
	} {
		g := NewGraph(backend, want)
		err := task.Try(func() error {
			transformer.Encode(model.NewStore().RootScope(), Zeros(g, x), attention.Mask{}, config())
			return nil
		})
		g.Finalize()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
