// Package attention is chapter 4.2: scores, weights, and what they select.
//
// Attention looks up values by content. A query is compared with every key; the comparisons, made into weights that
// sum to one, mix the values:
//
//	Attention(Q, K, V) = softmax(Q·Kᵀ / √d_k) · V        (Vaswani et al. 2017, eq. 1; chapter 4.2.1)
//
// The axes (see mmlib/doc.go): B batch, L the queries' sequence (the chapter's n), S the keys' and values' sequence,
// H heads, K width of a head (the chapter's d_k), D model width = H·K. Each step of the formula is a function of its
// own: [Scores], [Weights] and [ScaledDotProduct]; [Self] adds the projections Q = X·W^Q, K = X·W^K and V = X·W^V.
//
// Everything here builds graphs and panics on shapes that do not fit.
package attention

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/nn"
)

// Scores compares every query with every key: Q·Kᵀ / √d_k.
//
// q [B, L, H, K] and k [B, S, H, K] give [B, H, L, S]. Dividing by √d_k keeps the variance of a score at 1 when those of
// q and k are, so that the softmax does not saturate (Vaswani et al. §3.2.1).
func Scores(q, k *Node) *Node {
	q.AssertRank(4)
	k.AssertDims(q.Shape().Dim(0), -1, q.Shape().Dim(2), q.Shape().Dim(3))
	dK := float64(q.Shape().Dim(-1))
	return Einsum("BLHK,BSHK->BHLS", MulScalar(q, 1/math.Sqrt(dK)), k)
}

// Weights turns scores into weights that sum to 1 over the keys: softmax over the last axis.
//
// scores [B, H, L, S]; mask, nil or boolean and broadcastable to the scores, is true where a query may look (see
// [Mask]). A masked key has weight 0, and a query that may look nowhere gives no key any weight.
func Weights(scores, mask *Node) *Node {
	if mask == nil {
		return Softmax(scores, -1)
	}
	if mask.DType() != dtypes.Bool {
		exceptions.Panicf("attention: the mask must be boolean, true where a query may look; it is %s", mask.Shape())
	}
	return MaskedSoftmax(scores, BroadcastToShape(mask, scores.Shape()), -1)
}

// ScaledDotProduct is the formula above, for all heads at once.
//
// q [B, L, H, K], k [B, S, H, K], v [B, S, H, K] and a mask as in [Weights] give z [B, L, H, K] and the weights
// [B, H, L, S] that made it.
func ScaledDotProduct(q, k, v, mask *Node) (z, weights *Node) {
	weights = Weights(Scores(q, k), mask)
	z = Einsum("BHLS,BSHK->BLHK", weights, v)
	return z, weights
}

// Output is what an attention layer computed.
type Output struct {
	Z       *Node // [B, L, D], after the output projection
	Weights *Node // [B, H, L, S], to be looked at or drawn
}

// Self is multi-head self-attention: every position of x looks at every position of x that the mask allows.
//
//	Q, K, V = X·W^Q, X·W^K, X·W^V    (one product with [W^Q W^K W^V], which is faster)
//	Z = Attention(Q, K, V)·W^O
//
// x [B, L, D] with D divisible by heads; inStd and outStd are the standard deviations that W^Q, W^K, W^V and W^O start
// from. Weights: "qkv/weights" [D, 3·D], "qkv/biases" [3·D], "out/weights" [D, D], "out/biases" [D].
func Self(s *model.Scope, x, mask *Node, heads int, inStd, outStd float64) Output {
	x.AssertRank(3)
	b, l, d := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	if heads < 1 || d%heads != 0 {
		exceptions.Panicf("attention: width %d is not a multiple of the number of heads %d", d, heads)
	}
	qkv := nn.Dense(s.At("qkv"), x, 3*d, inStd) // [B, L, 3·D]
	part := func(i int) *Node {
		p := Slice(qkv, AxisRange(), AxisRange(), AxisRange(i*d, (i+1)*d))
		return Reshape(p, b, l, heads, d/heads) // [B, L, H, K]
	}
	z, weights := ScaledDotProduct(part(0), part(1), part(2), mask)
	z = nn.Dense(s.At("out"), Reshape(z, b, l, d), d, outStd)
	z.AssertDims(b, l, d)
	return Output{Z: z, Weights: weights}
}
