package transformer_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/task"
)

// parallelConfig is a block whose heads together are wider than the stream, as PaLM 540B's are narrower.
func parallelConfig() transformer.Parallel {
	return transformer.Parallel{Width: 6, Layers: 2, Heads: 2, HeadWidth: 4, MLP: 5, LayerNorm: 1e-6}
}

// plainBlock is the formula of a parallel block for numbers: x [L][D] and the weights of a block.
func plainBlock(x [][]float64, w map[string][]float64, c transformer.Parallel) [][]float64 {
	times := func(x [][]float64, m []float64) [][]float64 { // [L][in] · [in, out]
		out, n := make([][]float64, len(x)), len(m)/len(x[0])
		for l, row := range x {
			out[l] = make([]float64, n)
			for i, v := range row {
				for j := range n {
					out[l][j] += v * m[i*n+j]
				}
			}
		}
		return out
	}
	h := make([][]float64, len(x))
	for l, row := range x {
		mean, variance := 0.0, 0.0
		for _, v := range row {
			mean += v / float64(c.Width)
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(c.Width)
		}
		h[l] = make([]float64, c.Width)
		for i, v := range row {
			h[l][i] = (v - mean) / math.Sqrt(variance+c.LayerNorm) * w["norm/gain"][i]
		}
	}
	// Attention: H heads of queries, and one of keys and values.
	k, qkv := c.HeadWidth, times(h, w["attention/qkv/weights"])
	rotate := func(v []float64, at int) []float64 {
		out := make([]float64, k)
		for i := range k / 2 {
			angle := float64(at) * math.Pow(10_000, -2*float64(i)/float64(k))
			out[i] = v[i]*math.Cos(angle) - v[i+k/2]*math.Sin(angle)
			out[i+k/2] = v[i]*math.Sin(angle) + v[i+k/2]*math.Cos(angle)
		}
		return out
	}
	heads := make([][]float64, len(x))
	for l := range x {
		for head := range c.Heads {
			q, p, sum := rotate(qkv[l][head*k:(head+1)*k], l), make([]float64, l+1), 0.0
			for s := range l + 1 {
				for i, v := range rotate(qkv[s][c.Heads*k:(c.Heads+1)*k], s) {
					p[s] += q[i] * v / math.Sqrt(float64(k))
				}
				p[s] = math.Exp(p[s])
				sum += p[s]
			}
			z := make([]float64, k)
			for s := range l + 1 {
				for i, v := range qkv[s][(c.Heads+1)*k:] {
					z[i] += p[s] / sum * v
				}
			}
			heads[l] = append(heads[l], z...)
		}
	}
	attended := times(heads, w["attention/out/weights"])
	inside := times(h, w["mlp/in/weights"]) // x·W and x·V
	for l, row := range inside {
		gated := make([]float64, c.MLP)
		for i := range gated {
			gated[i] = row[i] / (1 + math.Exp(-row[i])) * row[c.MLP+i]
		}
		inside[l] = gated
	}
	y := times(inside, w["mlp/out/weights"])
	for l := range y {
		for i := range y[l] {
			y[l][i] += x[l][i] + attended[l][i]
		}
	}
	return y
}

// parallelWeights are the weights of a stack, random.
func parallelWeights(c transformer.Parallel) map[string]*tensors.Tensor {
	w := map[string]*tensors.Tensor{}
	d, k := c.Width, c.HeadWidth
	for i := range c.Layers {
		for n, dims := range map[string][]int{
			"norm/gain": {d}, "attention/qkv/weights": {d, (c.Heads + 2) * k}, "attention/out/weights": {c.Heads * k, d},
			"mlp/in/weights": {d, 2 * c.MLP}, "mlp/out/weights": {c.MLP, d},
		} {
			seed := uint64(100*i + len(n))
			w[fmt.Sprintf("block%d/%s", i, n)] = nntest.Random(seed, dims...)
		}
	}
	return w
}

// TestParallelFormula: a stack is the formula, on every backend.
func TestParallelFormula(t *testing.T) {
	c := parallelConfig()
	goBackend, err := compute.NewWithConfig("go:parallelism=-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []compute.Backend{backend, goBackend} {
		weights, x := parallelWeights(c), nntest.Random(1, 2, 5, c.Width) // a tensor belongs to one backend
		out := nntest.Run(t, b, nil, func(s *model.Scope, in []*Node) []*Node {
			for path, w := range weights {
				nntest.Bind(s, path, Const(in[0].Graph(), w))
			}
			return []*Node{transformer.EncodeParallel(s, in[0], c.Attention(), c).X}
		}, x)
		flat := nntest.Flat(t, x)
		for row := range 2 {
			var y [][]float64
			for l := range 5 {
				at := (row*5 + l) * c.Width
				y = append(y, flat[at:at+c.Width])
			}
			for i := range c.Layers {
				own := map[string][]float64{}
				for path, w := range weights {
					if rest, ok := strings.CutPrefix(path, fmt.Sprintf("block%d/", i)); ok {
						own[rest] = nntest.Flat(t, w)
					}
				}
				y = plainBlock(y, own, c)
			}
			var want []float64
			for _, row := range y {
				want = append(want, row...)
			}
			nntest.Compare(t, fmt.Sprintf("%s, row %d", b.Name(), row), out[0][row*5*c.Width:(row+1)*5*c.Width], want)
		}
	}
}

// TestStepParallel: in pieces, with a cache, x goes through the blocks as it does at once, for a position of all rows and for one of
// each row.
func TestStepParallel(t *testing.T) {
	c := parallelConfig()
	for _, each := range []bool{false, true} {
		out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
			x, g, self := in[0], in[0].Graph(), c.Attention()
			whole := transformer.EncodeParallel(s, x, self, c)
			var cache []attention.Cache
			for range c.Layers {
				cache = append(cache, attention.NewCache(x, 7, self))
			}
			var z []*Node
			for from, to := 0, 2; from < 5; from, to = to, to+1 {
				position := Scalar(g, dtypes.Int32, float64(from))
				if each {
					position = BroadcastToDims(position, 2)
				}
				var out transformer.Output
				out, cache = transformer.StepParallel(s, Slice(x, AxisRange(), AxisRange(from, to)), position, cache, self, c)
				z = append(z, out.X)
			}
			return []*Node{Concatenate(z, 1), whole.X}
		}, nntest.Random(1, 2, 5, c.Width))
		nntest.Compare(t, "x", out[0], out[1])
	}
}

// TestParallelGradients: gradients at x and at the weights of a block are what finite differences say.
func TestParallelGradients(t *testing.T) {
	c := parallelConfig()
	c.Layers = 1
	weights := parallelWeights(c)
	paths := []string{"block0/norm/gain", "block0/attention/qkv/weights", "block0/attention/out/weights", "block0/mlp/in/weights",
		"block0/mlp/out/weights"}
	in := []*tensors.Tensor{nntest.Random(1, 1, 3, c.Width)}
	for _, path := range paths {
		in = append(in, weights[path])
	}
	nntest.CheckGradient(t, backend, len(in), func(s *model.Scope, in []*Node) *Node {
		for i, path := range paths {
			nntest.Bind(s, path, MulScalar(in[1+i], 0.3)) // steeper ones are too much for differences
		}
		return ReduceAllSum(Mul(transformer.EncodeParallel(s, in[0], c.Attention(), c).X, in[len(in)-1]))
	}, append(in, nntest.Random(9, 1, 3, c.Width))...)
}

// TestParallelParameters: the formula counts the weights of a stack that is built, and there are no biases among them. Matrices
// start with a standard deviation of one over the root of their inputs.
func TestParallelParameters(t *testing.T) {
	c := parallelConfig()
	c.Width, c.MLP, c.HeadWidth = 64, 96, 32
	store := model.NewStore()
	nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{transformer.EncodeParallel(s, in[0], c.Attention(), c).X}
	}, nntest.Tensor(dtypes.Float32, make([]float32, c.Width), 1, 1, c.Width))
	n := 0
	for v := range store.IterVariables() {
		if strings.HasPrefix(v.Path(), "/block") {
			n += v.Shape().Size()
			if v.Name() != "weights" && v.Name() != "gain" {
				t.Errorf("there is a weight %s", v.Path())
			}
			if v.Name() == "weights" {
				square, values := 0.0, nntest.Flat(t, v.MustValue())
				for _, x := range values {
					square += x * x / float64(len(values))
				}
				if want := 1 / float64(v.Shape().Dim(0)); math.Abs(square/want-1) > 0.1 {
					t.Errorf("%s starts with variance %g, want %g", v.Path(), square, want)
				}
			}
		}
	}
	if n != c.Parameters() {
		t.Errorf("the stack has %d parameters, the formula says %d", n, c.Parameters())
	}
}

func TestParallelRefuses(t *testing.T) {
	for want, change := range map[string]func(*transformer.Parallel){
		"width is 0": func(c *transformer.Parallel) { c.Width = 0 }, "layers is 0": func(c *transformer.Parallel) { c.Layers = 0 },
		"heads is 0": func(c *transformer.Parallel) { c.Heads = 0 }, "head_width is 3": func(c *transformer.Parallel) { c.HeadWidth = 3 },
		"mlp is -1": func(c *transformer.Parallel) { c.MLP = -1 }, "layer_norm is 0": func(c *transformer.Parallel) { c.LayerNorm = 0 },
		"dropout is 1":   func(c *transformer.Parallel) { c.Dropout = 1 },
		"dropout is NaN": func(c *transformer.Parallel) { c.Dropout = math.NaN() },
	} {
		c := parallelConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	c := parallelConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	g := NewGraph(backend, "refuses")
	defer g.Finalize()
	err := task.Try(func() error {
		x := Zeros(g, shapes.Make(dtypes.Float32, 1, 3, c.Width))
		transformer.StepParallel(model.NewStore().RootScope(), x, Scalar(g, dtypes.Int32, 0), nil, c.Attention(), c)
		return nil
	})
	if want := "the cache is of 0 blocks; the stack has 2"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}
