// Package attention is chapter 4.2: scores, weights, and what they select.
//
// Attention looks up values by content. A query is compared with every key; the comparisons, made into weights that
// sum to one, mix the values:
//
//	Attention(Q, K, V) = softmax(Q·Kᵀ / √d_k) · V        (Vaswani et al. 2017, eq. 1; chapter 4.2.1)
//
// The axes (see mmlib/doc.go): B batch, L the queries' sequence (the chapter's n), S the keys' and values' sequence,
// H heads, K width of a head (the chapter's d_k), D model width = H·K; here also G, the heads of keys and values, and W,
// the width of a value (K unless said otherwise).
//
// Each step of the formula is a function of its own: [Scores], [Weights] and [ScaledDotProduct]. [Attend] computes the
// same and takes the kernel that needs little memory where the scores would be large. The layers add the projections:
// [Self] has Q = X·W^Q, K = X·W^K and V = X·W^V, and in [CrossModal] keys and values come from another sequence. [Mask]
// says who may look where, and [Rotate] encodes positions.
//
// Heads may share keys and values: H query heads and G key and value heads, where G divides H and query head h reads
// key and value head ⌊h/(H/G)⌋. G = H is multi-head attention, G = 1 multi-query attention (Shazeer 2019), what lies between
// grouped-query attention (Ainslie et al. 2023, §2.2).
//
// Everything here builds graphs and panics on shapes that do not fit.
package attention

import (
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/kernels/xla/lean"
)

// GoMLX's attention.Core is not used underneath: it has no intervals, and its scores are [B, L, H, S], which does not draw
// as well; what it would save is three einsums. Its rotation is used, see Rotate.

// Scores compares every query with every key: Q·Kᵀ / √d_k.
//
// q [B, L, H, K] and k [B, S, G, K] give [B, H, L, S]. Dividing by √d_k keeps the variance of a score at 1 when those of
// q and k are, so that the softmax does not saturate (Vaswani et al. §3.2.1).
func Scores(q, k *Node) *Node {
	r := sharing(q, k)
	b, l, h, dK := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3)
	q = MulScalar(q, 1/math.Sqrt(float64(dK)))
	if r == 1 {
		return Einsum("BLHK,BSHK->BHLS", q, k)
	}
	q = Reshape(q, b, l, h/r, r, dK) // the R heads that share a key head, side by side
	return Reshape(Einsum("BLGRK,BSGK->BGRLS", q, k), b, h, l, k.Shape().Dim(1))
}

// Weights turns scores into weights that sum to 1 over the keys: softmax over the last axis.
//
// scores [B, H, L, S]; mask, nil or boolean and broadcastable to the scores, is true where a query may look (see
// [Mask.Build]). A masked key has weight 0, and a query that may look nowhere gives no key any weight. Scores of 16 bits are
// taken to Float32 for the softmax, and their weights back.
func Weights(scores, mask *Node) *Node {
	dtype := scores.DType()
	if dtype.IsFloat16() {
		scores = ConvertDType(scores, dtypes.Float32)
	}
	if mask == nil {
		return ConvertDType(Softmax(scores, -1), dtype)
	}
	if mask.DType() != dtypes.Bool {
		exceptions.Panicf("attention: the mask must be boolean, true where a query may look; it is %s", mask.Shape())
	}
	return ConvertDType(MaskedSoftmax(scores, BroadcastToShape(mask, scores.Shape()), -1), dtype)
}

// ScaledDotProduct is the formula above, for all heads at once.
//
// q [B, L, H, K], k [B, S, G, K], v [B, S, G, W] and a mask as in [Weights] give z [B, L, H, W] and the weights
// [B, H, L, S] that made it.
func ScaledDotProduct(q, k, v, mask *Node) (z, weights *Node) {
	r := sharing(q, k)
	b, l, h, s := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), k.Shape().Dim(1)
	v.AssertDims(b, s, h/r, -1)
	weights = Weights(Scores(q, k), mask)
	if r == 1 {
		return Einsum("BHLS,BSHW->BLHW", weights, v), weights
	}
	grouped := Reshape(weights, b, h/r, r, l, s)
	return Reshape(Einsum("BGRLS,BSGW->BLGRW", grouped, v), b, l, h, -1), weights
}

// Options says how to compute attention, not what.
type Options struct {
	Kernel  lean.Choice // the plain formula or the lean kernel; the zero value decides by the size of the scores
	Weights bool        // return the weights, to be looked at or drawn; only the plain formula has them
}

// Output is what attention computed.
type Output struct {
	Z       *Node // [B, L, H, W] of Attend; [B, L, D] of a layer, after its output projection
	Weights *Node // [B, H, L, S], or nil when they were not asked for
}

// Attend is [ScaledDotProduct] by whichever kernel suits: the plain formula, which keeps the scores [B, H, L, S], or
// [lean.Attention], which never has them in memory at once and whose memory grows with L + S (FlashAttention: Dao et
// al. 2022). Both give the same z and gradients, to rounding. A query that may look at no key gets zeros.
//
// q [B, L, H, K], k [B, S, G, K] and v [B, S, G, W], no axis of length 0, give z [B, L, H, W]. On a backend that cannot run the
// lean kernel the size does not matter. What the mask hides has weight 0 and must be finite nevertheless: 0·NaN is NaN, in
// either form.
func Attend(q, k, v *Node, mask Mask, o Options) Output {
	r := sharing(q, k)
	b, l, h, s := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), k.Shape().Dim(1)
	v.AssertDims(b, s, h/r, -1)
	mask.checkRows(b)
	if o.lean(q.Graph().Backend(), q.DType(), b, h, l, s) {
		return Output{Z: attendLean(q, k, v, mask.Interval(q.Graph(), l, s))}
	}
	z, weights := ScaledDotProduct(q, k, v, mask.Build(q.Graph(), l, s))
	if !o.Weights {
		weights = nil
	}
	return Output{Z: z, Weights: weights}
}

// lean decides for scores of these dimensions.
func (o Options) lean(b compute.Backend, dtype dtypes.DType, scores ...int) bool {
	if o.Weights && o.Kernel == lean.Always {
		exceptions.Panicf("attention: the lean kernel (lean.Always) has no weights to return: ask for Weights with lean.BySize or lean.Never")
	}
	return !o.Weights && o.Kernel.Lean(b, dtype, scores...)
}

// attendLean brings shared heads into the form of the kernel, which knows none: R query heads that share a key head are
// to it one head with R queries at each position. So keys and values are not copied.
func attendLean(q, k, v *Node, keys lean.Interval) *Node {
	r := sharing(q, k)
	if r == 1 {
		return lean.Attention(q, k, v, keys)
	}
	b, l, h, dK := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2), q.Shape().Dim(3)
	g, w := h/r, v.Shape().Dim(3)
	q = TransposeAllAxes(Reshape(q, b, l, g, r, dK), 0, 1, 3, 2, 4)                        // [B, L, R, G, K]
	keys = lean.Interval{From: repeatQueries(keys.From, r), To: repeatQueries(keys.To, r)} // [1 or B, 1 or L·R]
	z := lean.Attention(Reshape(q, b, l*r, g, dK), k, v, keys)                             // [B, L·R, G, W]
	return Reshape(TransposeAllAxes(Reshape(z, b, l, r, g, w), 0, 1, 3, 2, 4), b, l, h, w)
}

// repeatQueries writes each query's bound r times: [1 or B, L] becomes [1 or B, L·r]. One bound for all queries stays one.
func repeatQueries(bound *Node, r int) *Node {
	if bound == nil || bound.Shape().Dim(1) == 1 {
		return bound
	}
	rows, l := bound.Shape().Dim(0), bound.Shape().Dim(1)
	return Reshape(BroadcastToDims(ExpandAxes(bound, -1), rows, l, r), rows, l*r)
}

// sharing checks queries against keys and returns R = H/G, the number of query heads that share a key head.
func sharing(q, k *Node) int {
	q.AssertRank(4)
	k.AssertDims(q.Shape().Dim(0), -1, -1, q.Shape().Dim(3))
	h, g := q.Shape().Dim(2), k.Shape().Dim(2)
	if h < 1 || g < 1 || h%g != 0 {
		exceptions.Panicf("attention: %d query heads cannot share %d key heads evenly: make the first a multiple of the second", h, g)
	}
	for _, x := range []*Node{q, k} {
		if slices.Contains(x.Shape().Dimensions, 0) {
			exceptions.Panicf("attention: queries %s and keys %s: no axis may have length 0", q.Shape(), k.Shape())
		}
	}
	return h / g
}
