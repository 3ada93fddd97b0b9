package loss

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/kernels/xla/lean"
)

// ContrastiveOptions says which of its kinds [Contrastive] is. The temperature has to be given, one way or the other.
type ContrastiveOptions struct {
	// Temperature is τ as a fixed number above 0; SimCLR's best were 0.1 and 0.5.
	Temperature float64
	// Scale is 1/τ as a scalar node of z's type, so that it can be learned (see [LogitScale]); Temperature is 0 then.
	Scale *Node
	// DotProduct makes sim the dot product; otherwise it is the cosine. The cosine of a row of zeros with any row is 0.
	DotProduct bool
	// AllAnchors averages over all 2N representations, as SimCLR does, instead of the N of z, as the chapter does.
	AllAnchors bool
	// Kernel chooses between the plain formula and the kernel that needs no matrix of similarities.
	Kernel lean.Choice
}

// Contrastive is the contrastive loss of chapter 4.1.1: z and z⁺ [N, D] are two modalities' representations of N things.
// With z_{N+i} = zᵢ⁺, so that there are 2N representations,
//
//	L = −1/N Σᵢ log exp(sim(zᵢ, zᵢ⁺)/τ) / Σ_{j=1…2N} 1[j≠i] exp(sim(zᵢ, zⱼ)/τ)          i = 1…N
//
// The denominator holds the positive, the 2N−2 representations of other things, in both modalities, and never zᵢ itself,
// which is as like itself as can be. Anchors are the zᵢ alone; with AllAnchors the zᵢ⁺ are too, i = 1…2N, each with zᵢ as
// its positive, and the mean is over 2N: NT-Xent (SimCLR, Chen et al. 2020, equation 1 and algorithm 1), which treats
// both modalities alike:
//
//	L_2N(z, z⁺) = ½ ( L_N(z, z⁺) + L_N(z⁺, z) )
//
// When all similarities are equal L is ln(2N−1).
func Contrastive(z, zPlus *Node, o ContrastiveOptions) *Node {
	checkPairs("z", z, "z⁺", zPlus)
	if o.Scale != nil {
		checkScalar("scale", o.Scale, z)
		o.Scale = wide(o.Scale)
	}
	z, zPlus = wide(z), wide(zPlus)
	if !o.DotProduct {
		z, zPlus = unit(z), unit(zPlus)
	}
	n, anchors := z.Shape().Dim(0), z.Shape().Dim(0)
	if o.AllAnchors {
		anchors = 2 * n
	}
	if o.Kernel.Lean(z.Graph().Backend(), z.DType(), anchors, 2*n) {
		return o.tiled(z, zPlus)
	}

	all := Concatenate([]*Node{z, zPlus}, 0)                           // [2N, D]
	s := Similarity(o.sharpen(Slice(all, AxisRange(0, anchors))), all) // sim(zᵢ, zⱼ)/τ [N or 2N, 2N]
	g, dtype := s.Graph(), s.DType()
	i := Iota(g, shapes.Make(dtypes.Int32, anchors), 0)
	s = Where(OneHot(i, 2*n, dtypes.Bool), Infinity(g, dtype, -1), s)     // exp(−∞) = 0: the indicator 1[j≠i]
	positive := OneHot(ModScalar(AddScalar(i, n), 2*n), 2*n, dtypes.Bool) // of zᵢ that is z_{i+N}, and of z_{i+N} it is zᵢ
	return Neg(ReduceAllMean(ReduceSum(Where(positive, LogSoftmax(s, -1), ScalarZero(g, dtype)), 1)))
}

// tiled is Contrastive without the matrix. The denominator's sum is taken in two parts, which have N² terms each: over
// zᵢ's own modality, where j≠i, and over the other one,
//
//	L = 1/N Σᵢ ( log( Σ_{j≠i} exp(sim(zᵢ, zⱼ)/τ) + Σⱼ exp(sim(zᵢ, zⱼ⁺)/τ) ) − sim(zᵢ, zᵢ⁺)/τ )
//
// and the anchors zᵢ⁺ find the second part in the columns of what the anchors zᵢ have in the rows.
func (o ContrastiveOptions) tiled(z, zPlus *Node) *Node {
	a := o.sharpen(z)
	across := lean.Contrast(a, zPlus, lean.Pairing{})
	own := lean.Contrast(a, z, lean.Pairing{NotSelf: true})
	l := ReduceAllMean(logAddExp(own.Rows, across.Rows, across.Positives))
	if !o.AllAnchors {
		return l
	}
	own = lean.Contrast(o.sharpen(zPlus), zPlus, lean.Pairing{NotSelf: true})
	lPlus := ReduceAllMean(logAddExp(own.Rows, across.Columns, across.PositivesOf))
	return MulScalar(Add(l, lPlus), 0.5)
}

// sharpen divides x by the temperature, so that its dot products with rows are similarities divided by it.
func (o ContrastiveOptions) sharpen(x *Node) *Node {
	switch {
	case o.Scale != nil && o.Temperature != 0:
		exceptions.Panicf("loss: the temperature is given twice, as the number %g and as a node: leave one out", o.Temperature)
	case o.Scale != nil:
		return Mul(x, o.Scale)
	case !(o.Temperature > 0) || math.IsInf(o.Temperature, 0) || math.IsInf(1/o.Temperature, 0):
		exceptions.Panicf("loss: the temperature τ is %g: it must be above 0 and finite", o.Temperature)
	}
	return MulScalar(x, 1/o.Temperature)
}

// unit gives the rows of x [N, D] length 1; rows of zeros stay. Dividing by the largest number first keeps the squares
// from overflowing and vanishing. Lengths do not matter to the result, so that division needs no gradient.
func unit(x *Node) *Node {
	largest := StopGradient(ReduceAndKeep(Abs(x), ReduceMax, 1))
	largest = Where(IsZero(largest), OnesLike(largest), largest)
	return L2Normalize(Div(x, largest), 1)
}

// logAddExp is log(exp a + exp b) − p for two log-sums, number by number. p is subtracted from the larger maximum: both may
// be large, and what is left is small.
func logAddExp(a, b lean.LogSum, p *Node) *Node {
	m := Max(a.Max, b.Max)
	rest := func(x lean.LogSum) *Node { return Exp(Add(Sub(x.Max, m), x.Rest)) }
	return Add(Sub(m, p), Log(Add(rest(a), rest(b))))
}
