package attention_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/task"
)

// TestGradients: gradients at the input and at every weight are what finite differences say.
func TestGradients(t *testing.T) {
	const b, l, d = 2, 3, 4
	in := []*tensors.Tensor{
		nntest.Random(1, b, l, d), nntest.Random(2, 3*d, d), nntest.Random(3, 3*d), nntest.Random(4, d, d), nntest.Random(5, d),
		nntest.Random(6, b, l, d), lengths(3, 1),
	}
	for _, c := range []struct {
		name           string
		causal, padded bool
	}{{"self", false, false}, {"padding", false, true}, {"causal", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			nntest.CheckGradient(t, backend, 5, func(s *model.Scope, in []*Node) *Node {
				bind(s, in[1:5])
				mask := attention.Mask{Causal: c.causal}
				if c.padded {
					mask.Lengths = in[6]
				}
				a := attention.Self(s, in[0], mask.Build(in[0].Graph(), l, l), 2, 1, 1)
				return ReduceAllSum(Mul(a.Z, in[5]))
			}, in...)
		})
	}
}

// TestWeights: the weights of a query sum to 1, and a masked key has none; a query that may look nowhere has no weights
// at all, and nothing becomes NaN by it, gradients neither.
func TestWeights(t *testing.T) {
	const b, l = 3, 4
	out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
		scores := MulScalar(in[0], 100) // a softmax that is nearly one-hot
		w := attention.Weights(scores, attention.Mask{Causal: true, Lengths: in[1]}.Build(in[0].Graph(), l, l))
		free := attention.Weights(scores, nil)
		return []*Node{w, free, Gradient(ReduceAllSum(Mul(w, in[0])), in[0])[0]}
	}, nntest.Random(1, b, 2, l, l), lengths(4, 2, 0))
	for i := range b * 2 * l {
		length, query := []int{4, 2, 0}[i/(2*l)], i%l
		sum, free := 0.0, 0.0
		for key := range l {
			w := out[0][i*l+key]
			if allowed := key <= query && key < length; !allowed && w != 0 {
				t.Errorf("row %d: query %d gives the masked key %d the weight %v", i/(2*l), query, key, w)
			}
			if math.IsNaN(out[2][i*l+key]) {
				t.Errorf("row %d: the gradient at the score of query %d and key %d is NaN", i/(2*l), query, key)
			}
			sum, free = sum+w, free+out[1][i*l+key]
		}
		if want := min(1, float64(length)); math.Abs(sum-want) > 1e-12 || math.Abs(free-1) > 1e-12 {
			t.Errorf("row %d: the weights of query %d sum to %v, and to %v without mask; want %v and 1", i/(2*l), query, sum, free, want)
		}
	}
}

// TestScale: with entries from N(0, 1), scores have variance 1, whatever the width of a head; that is what √d_k is for.
func TestScale(t *testing.T) {
	for _, k := range []int{4, 256} {
		out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
			return []*Node{ReduceAllMean(Square(attention.Scores(in[0], in[1])))}
		}, nntest.Random(1, 4, 32, 4, k), nntest.Random(2, 4, 32, 4, k))
		if v := out[0][0]; v < 0.8 || v > 1.2 {
			t.Errorf("scores of heads of width %d have variance %v, want about 1", k, v)
		}
	}
}

// self returns a function that runs attention.Self with fixed random weights on x [1, L, D].
func self(t *testing.T, mask attention.Mask, l, d int) func(x []float64) []float64 {
	run := nntest.Compile(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
		bind(s, in[1:5])
		return []*Node{attention.Self(s, in[0], mask.Build(in[0].Graph(), l, l), 2, 1, 1).Z}
	})
	return func(x []float64) []float64 {
		return run(tensors.FromFlatDataAndDimensions(x, 1, l, d),
			nntest.Random(2, 3*d, d), nntest.Random(3, 3*d), nntest.Random(4, d, d), nntest.Random(5, d))[0]
	}
}

// TestPermutation: attention without a mask knows no order: permuted positions give permuted results.
func TestPermutation(t *testing.T) {
	const l, d = 5, 4
	order := []int{3, 0, 4, 1, 2}
	x, permuted := nntest.Flat(t, nntest.Random(1, l, d)), make([]float64, l*d)
	for i, from := range order {
		copy(permuted[i*d:(i+1)*d], x[from*d:])
	}
	attend := self(t, attention.Mask{}, l, d)
	z, zPermuted := attend(x), attend(permuted)
	for i, from := range order {
		for k := range d {
			if math.Abs(zPermuted[i*d+k]-z[from*d+k]) > 1e-12 {
				t.Errorf("position %d, which was %d: %v, want %v", i, from, zPermuted[i*d:(i+1)*d], z[from*d:(from+1)*d])
			}
		}
	}
}

// TestCausal: what comes later changes nothing before it, and something from there on.
func TestCausal(t *testing.T) {
	const l, d, changed = 5, 4, 3
	x := nntest.Flat(t, nntest.Random(1, l, d))
	other := slices.Clone(x)
	other[changed*d]++
	attend := self(t, attention.Mask{Causal: true}, l, d)
	z, zOther := attend(x), attend(other)
	for i := range l {
		same := true
		for k := range d {
			same = same && z[i*d+k] == zOther[i*d+k]
		}
		if want := i < changed; same != want {
			t.Errorf("position %d stays the same when position %d changes: %v, want %v", i, changed, same, want)
		}
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		name  string
		mask  func(lengths *Node) attention.Mask
		l, s  int
		shape []int
		want  string // rows of 1 for true, by batch
	}{
		{"all", func(*Node) attention.Mask { return attention.Mask{} }, 2, 3, nil, ""},
		{"causal", func(*Node) attention.Mask { return attention.Mask{Causal: true} }, 3, 3, []int{1, 1, 3, 3}, "100 110 111"},
		{"padding", func(n *Node) attention.Mask { return attention.Mask{Lengths: n} }, 2, 3, []int{2, 1, 1, 3}, "110 111"},
		{"both", func(n *Node) attention.Mask { return attention.Mask{Causal: true, Lengths: n} }, 3, 3, []int{2, 1, 3, 3}, "100 110 110 100 110 111"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
				mask := c.mask(in[0]).Build(in[0].Graph(), c.l, c.s)
				if c.shape == nil {
					if mask != nil {
						t.Errorf("the mask is %s, want nil", mask.Shape())
					}
					return in
				}
				mask.AssertDims(c.shape...)
				return []*Node{mask}
			}, lengths(2, 3))
			if c.shape == nil {
				return
			}
			got := ""
			for i, v := range out[0] {
				if i > 0 && i%c.s == 0 {
					got += " "
				}
				got += string('0' + rune(v))
			}
			if got != c.want {
				t.Errorf("the mask is %s, want %s", got, c.want)
			}
		})
	}
}

// TestPanics: what does not fit is refused, and the message says what.
func TestPanics(t *testing.T) {
	zeros := func(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, dims...)) }
	for _, c := range []struct {
		name, want string
		build      func(g *Graph)
	}{
		{"heads", "width 10 is not a multiple of the number of heads 3", func(g *Graph) {
			attention.Self(model.NewStore().RootScope(), zeros(g, 2, 4, 10), nil, 3, 1, 1)
		}},
		{"no heads", "number of heads 0", func(g *Graph) {
			attention.Self(model.NewStore().RootScope(), zeros(g, 2, 4, 10), nil, 0, 1, 1)
		}},
		{"rank", "rank", func(g *Graph) { attention.Self(model.NewStore().RootScope(), zeros(g, 2, 10), nil, 2, 1, 1) }},
		{"keys of another width", "axis 3 has dimension 5, wanted 4", func(g *Graph) { attention.Scores(zeros(g, 1, 2, 3, 4), zeros(g, 1, 2, 3, 5)) }},
		{"keys of another batch", "axis 0 has dimension 2, wanted 1", func(g *Graph) { attention.Scores(zeros(g, 1, 2, 3, 4), zeros(g, 2, 2, 3, 4)) }},
		{"mask of numbers", "must be boolean", func(g *Graph) { attention.Weights(zeros(g, 1, 1, 2, 2), zeros(g, 1, 1, 2, 2)) }},
		{"causal and cross", "as many queries as keys, not 2 and 3", func(g *Graph) { attention.Mask{Causal: true}.Build(g, 2, 3) }},
		{"lengths", "rank", func(g *Graph) { attention.Mask{Lengths: zeros(g, 2, 2)}.Build(g, 2, 2) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewGraph(backend, c.name)
			defer g.Finalize()
			err := task.Try(func() error { c.build(g); return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
