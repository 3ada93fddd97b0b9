package attention_test

import (
	"fmt"
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// TestWeights: the weights of a query sum to 1, and a masked key has none; a query that may look nowhere has no weights
// at all, and nothing becomes NaN by it, nor do gradients.
func TestWeights(t *testing.T) {
	const b, l = 3, 4
	out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
		scores := MulScalar(in[0], 100) // a softmax that is nearly one-hot
		w := attention.Weights(scores, attention.Mask{Causal: true, Lengths: in[1]}.Build(in[0].Graph(), l, l))
		free := attention.Weights(scores, nil)
		return []*Node{w, free, Gradient(ReduceAllSum(Mul(w, in[0])), in[0])[0]}
	}, nntest.Random(1, b, 2, l, l), counts(4, 2, 0))
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
		out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
			return []*Node{ReduceAllMean(Square(attention.Scores(in[0], in[1])))}
		}, nntest.Random(1, 4, 32, 4, k), nntest.Random(2, 4, 32, 4, k))
		if v := out[0][0]; v < 0.8 || v > 1.2 {
			t.Errorf("scores of heads of width %d have variance %v, want about 1", k, v)
		}
	}
}

// TestSharedHeads: query head h reads key and value head ⌊h/(H/G)⌋: the same as if each key head were there H/G times. The
// weights, by head, are the same too.
func TestSharedHeads(t *testing.T) {
	const b, l, s, h, k, w = 2, 3, 5, 6, 4, 3
	for _, g := range []int{1, 2, 3, 6} {
		out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
			repeated := func(x *Node) *Node {
				heads := make([]*Node, h)
				for i := range heads {
					heads[i] = Slice(x, AxisRange(), AxisRange(), AxisElem(i/(h/g)))
				}
				return Concatenate(heads, 2)
			}
			mask, options := attention.Mask{Lengths: in[3]}, attention.Options{Weights: true}
			all := attention.Attend(in[0], repeated(in[1]), repeated(in[2]), mask, options)
			shared := attention.Attend(in[0], in[1], in[2], mask, options)
			shared.Weights.AssertDims(b, h, l, s)
			return []*Node{all.Z, shared.Z, all.Weights, shared.Weights}
		}, nntest.Random(1, b, l, h, k), nntest.Random(2, b, s, g, k), nntest.Random(3, b, s, g, w), counts(5, 2))
		nntest.Compare(t, fmt.Sprintf("z with %d key heads", g), out[1], out[0])
		nntest.Compare(t, fmt.Sprintf("weights with %d key heads", g), out[3], out[2])
	}
}

// TestRotation: rotation keeps lengths, leaves position 0 as it is, and makes scores depend on the difference of positions
// alone; and a sequence that goes on after others is the tail of the whole.
func TestRotation(t *testing.T) {
	const b, l, h, k, shift = 2, 6, 2, 8, 37
	out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
		g, q, key := in[0].Graph(), in[0], in[1]
		positions := Const(g, []int32{0, 1, 2, 5, 8, 13})
		scores := func(q, k *Node) *Node {
			return attention.Scores(attention.Rotate(q, positions, 1e4), attention.Rotate(k, positions, 1e4))
		}
		shifted := func(x *Node) *Node { return attention.Rotate(x, AddScalar(positions, shift), 1e4) }
		apart := attention.Scores(attention.Rotate(q, positions, 1e4), shifted(key))
		whole := attention.Rotate(q, nil, 1e4)
		tail := attention.Rotate(Slice(q, AxisRange(), AxisRangeToEnd(4)), Const(g, [][]int64{{4, 5}}), 1e4)
		first := func(x *Node) *Node { return Slice(x, AxisRange(), AxisRange(0, 1)) }
		return []*Node{
			scores(q, key), attention.Scores(shifted(q), shifted(key)),
			ReduceSum(Square(whole), -1), ReduceSum(Square(q), -1),
			tail, Slice(whole, AxisRange(), AxisRangeToEnd(4)),
			first(whole), first(q),
			apart, attention.Scores(q, key),
		}
	}, nntest.Random(1, b, l, h, k), nntest.Random(2, b, l, h, k))
	for i, name := range []string{"scores of shifted positions", "squared lengths", "the tail", "position 0"} {
		nntest.Compare(t, name, out[2*i], out[2*i+1])
	}
	for i, name := range map[int]string{8: "keys alone are shifted", 9: "nothing is rotated"} {
		if largest(out[i], out[0]) < 0.1 {
			t.Errorf("scores stay the same when %s", name)
		}
	}
}

// largest is the largest difference of two slices of numbers; infinite when one is not a number.
func largest(a, b []float64) float64 {
	d := 0.0
	for i := range a {
		if math.IsNaN(a[i] - b[i]) {
			return math.Inf(1)
		}
		d = max(d, math.Abs(a[i]-b[i]))
	}
	return d
}
