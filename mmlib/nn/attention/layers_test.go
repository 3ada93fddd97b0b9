package attention_test

import (
	"fmt"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// permute puts position from[i] of x [1, L, D] at position i.
func permute(x []float64, d int, from []int) []float64 {
	out := make([]float64, 0, len(x))
	for _, i := range from {
		out = append(out, x[i*d:(i+1)*d]...)
	}
	return out
}

// TestSelfPermutation: without mask and rotation, attention knows no order: permuted positions give permuted results. With
// either, it knows.
func TestSelfPermutation(t *testing.T) {
	const l, d = 5, 8
	from := []int{3, 0, 4, 1, 2}
	x := nntest.Flat(t, nntest.Random(1, l, d))
	for name, c := range map[string]attention.Config{
		"heads": {Heads: 2}, "one key head": {Heads: 2, KeyValueHeads: 1},
		"RoPE": {Heads: 2, RoPE: 1e4}, "causal": {Heads: 2, Mask: attention.Mask{Causal: true}},
	} {
		store := model.NewStore()
		run := nntest.Compile(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
			return []*Node{attention.Self(s, in[0], c).Z}
		})
		self := func(x []float64) []float64 { return run(tensors.FromFlatDataAndDimensions(x, 1, l, d))[0] }
		difference := largest(permute(self(x), d, from), self(permute(x, d, from)))
		if knows := c.RoPE != 0 || c.Mask.Causal; knows != (difference > 1e-6) {
			t.Errorf("%s: permuted positions give results that differ by %g", name, difference)
		}
	}
}

// TestCrossModalPermutation: z keeps the order of the queries, and does not care for that of keys and values.
func TestCrossModalPermutation(t *testing.T) {
	const l, s, d, dY, dV = 3, 4, 6, 5, 4
	for _, raw := range []bool{false, true} {
		cross := nntest.Compile(t, quick, model.NewStore(), func(s *model.Scope, in []*Node) []*Node {
			return []*Node{attention.CrossModal(s, in[0], in[1], attention.Values{Sequence: in[2], Raw: raw}, attention.Config{Heads: 2}).Z}
		})
		x, y, v := nntest.Flat(t, nntest.Random(1, l, d)), nntest.Flat(t, nntest.Random(2, s, dY)), nntest.Flat(t, nntest.Random(3, s, dV))
		run := func(queries, keys, values []int) []float64 {
			return cross(tensors.FromFlatDataAndDimensions(permute(x, d, queries), 1, l, d),
				tensors.FromFlatDataAndDimensions(permute(y, dY, keys), 1, s, dY),
				tensors.FromFlatDataAndDimensions(permute(v, dV, values), 1, s, dV))[0]
		}
		sorted, mixed := []int{0, 1, 2, 3}, []int{2, 0, 3, 1}
		z := run([]int{0, 1, 2}, sorted, sorted)
		nntest.Compare(t, "permuted keys and values", run([]int{0, 1, 2}, mixed, mixed), z)
		nntest.Compare(t, "permuted queries", run([]int{2, 0, 1}, sorted, sorted), permute(z, d, []int{2, 0, 1}))
		if largest(run([]int{0, 1, 2}, mixed, sorted), z) < 1e-3 {
			t.Error("values of other keys give the same result")
		}
	}
}

// TestWeightPaths: the weights' paths and shapes, which checkpoints depend on, and where they start from.
func TestWeightPaths(t *testing.T) {
	grouped := attention.Config{Heads: 4, KeyValueHeads: 2}
	for _, c := range []struct {
		name  string
		build func(s *model.Scope, x, y *Node) attention.Output
		want  map[string]string
	}{
		{"self", func(s *model.Scope, x, _ *Node) attention.Output {
			return attention.Self(s, x, attention.Config{Heads: 4})
		},
			map[string]string{"qkv/weights": "[64 192]", "qkv/biases": "[192]", "out/weights": "[64 64]", "out/biases": "[64]"}},
		{"grouped", func(s *model.Scope, x, _ *Node) attention.Output { return attention.Self(s, x, grouped) },
			map[string]string{"qkv/weights": "[64 128]", "qkv/biases": "[128]", "out/weights": "[64 64]", "out/biases": "[64]"}},
		{"cross", func(s *model.Scope, x, y *Node) attention.Output {
			return attention.CrossModal(s, x, y, attention.Values{}, grouped)
		}, map[string]string{"query/weights": "[64 64]", "query/biases": "[64]", "key/weights": "[48 32]", "key/biases": "[32]",
			"value/weights": "[48 32]", "value/biases": "[32]", "out/weights": "[64 64]", "out/biases": "[64]"}},
		{"raw", func(s *model.Scope, x, y *Node) attention.Output {
			return attention.CrossModal(s, x, y, attention.Values{Raw: true}, grouped)
		}, map[string]string{"query/weights": "[64 64]", "query/biases": "[64]", "key/weights": "[48 32]", "key/biases": "[32]",
			"out/weights": "[96 64]", "out/biases": "[64]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := model.NewStore()
			store.SetRNGStateFromSeed(1)
			nntest.Run(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
				out := c.build(s.At("layer"), in[0], in[1])
				out.Z.AssertDims(1, 3, 64)
				if out.Weights != nil {
					t.Errorf("there are weights nobody asked for, %s", out.Weights.Shape())
				}
				return []*Node{out.Z}
			}, nntest.Random(1, 1, 3, 64), nntest.Random(2, 1, 2, 48))
			if n := store.Scope("/layer").NumVariables(); n != len(c.want) {
				t.Errorf("there are %d variables, want %d", n, len(c.want))
			}
			for path, want := range c.want {
				v := store.GetVariable("/layer/" + path)
				if v == nil || fmt.Sprint(v.Shape().Dimensions) != want {
					t.Errorf("%s is %v, want the shape %s", path, v, want)
					continue
				}
				if dims := v.Shape().Dimensions; len(dims) == 2 {
					near(t, path, variance(t, store, "/layer/"+path), 1/float64(dims[0]))
				}
			}
		})
	}
}

// TestStd: the standard deviations are those that Config says.
func TestStd(t *testing.T) {
	store := model.NewStore()
	store.SetRNGStateFromSeed(1)
	nntest.Run(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{attention.Self(s, in[0], attention.Config{Heads: 1, InStd: 3, OutStd: 0.01}).Z}
	}, nntest.Random(1, 1, 2, 64))
	near(t, "qkv", variance(t, store, "/qkv/weights"), 9)
	near(t, "out", variance(t, store, "/out/weights"), 0.0001)
}

func near(t *testing.T, path string, variance, want float64) {
	t.Helper()
	if variance < 0.9*want || variance > 1.1*want {
		t.Errorf("%s starts from a variance of %g, want about %g", path, variance, want)
	}
}

func variance(t *testing.T, store *model.Store, path string) float64 {
	t.Helper()
	value, err := store.GetVariable(path).Value()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, w := range nntest.Flat(t, value) {
		sum += w * w
	}
	return sum / float64(value.Size())
}
