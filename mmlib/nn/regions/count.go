package regions

import (
	"math"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
)

// CountKeys are what [Config.Counter] compares the tokens of a text with, [B, regions, D], from a picture's tokens [B, 1+side², D], the
// class token first. Weights: "counter/key".
func (c Config) CountKeys(s *model.Scope, tokens *Node) *Node {
	d := tokens.Shape().Dim(2)
	return nn.Dense(s.At("counter").At("key"), c.means(tokens), d, math.Pow(float64(d), -0.5))
}

// Counter tells the tokens x [B·rows, L, D] of texts how many regions are what they ask for:
//
//	a = (x·W^Q)·(y·W^K)ᵀ/√D              [L, regions], y·W^K the keys [B, regions, D] of CountKeys
//	n = Σ σ(a)                            each region counts as 0 or 1, and not as a share that the others diminish
//	z = x + h·W,  hⱼ = max(0, 1-|n-j|)    [L, D], of the numbers j = 0 … regions those beside n
//
// Attention cannot do this: its weights are shares, and the mean of three values that are alike is that of two. Zhang et al. (2018,
// Learning to Count Objects in Natural Images for Visual Question Answering, arXiv:1802.05766) say so and count boxes by the same h;
// Trott et al. (2018, Interpretable Counting, arXiv:1712.08697) compare the question with each object as here. It gives z and a. Weights:
// "counter/query", "counter/number".
func (c Config) Counter(s *model.Scope, x, keys *Node) (z, a *Node) {
	s = s.At("counter")
	dims, b, d := x.Shape().Dimensions, keys.Shape().Dim(0), x.Shape().Dim(2)
	q := nn.Dense(s.At("query"), x, d, math.Pow(float64(d), -0.5))
	a = Einsum("BLD,BRD->BLR", Reshape(q, b, -1, d), keys) // the rows of a picture one after the other
	a = DivScalar(Reshape(a, dims[0], dims[1], c.Count()), math.Sqrt(float64(d)))
	n := ReduceAndKeep(Sigmoid(a), ReduceSum, -1) // [B·rows, L, 1]
	numbers := Iota(x.Graph(), shapes.Make(x.DType(), 1, 1, 1+c.Count()), -1)
	h := MaxScalar(OneMinus(Abs(Sub(n, numbers))), 0)
	return Add(x, nn.Linear(s.At("number"), h, d, 0.02)), a
}

// CountLoss is the binary cross-entropy of the a of [Config.Counter], [B, L, regions], with what is counted: the mean over the regions
// and the tokens that are read in the class token too, of look [B, L, 1+regions] as [Config.Mark] has it. right is the share of those
// tokens for which each region is on its right side of ½.
func (c Config) CountLoss(a, look *Node) (l, right *Node) {
	known := Slice(look, AxisRange(), AxisRange(), AxisElem(0)) // [B, L, 1]
	counted := Slice(look, AxisRange(), AxisRange(), AxisRange(1))
	// -log σ(±a) = max(a, 0) - a·counted + log(1 + e^-|a|)
	each := Add(Sub(MaxScalar(a, 0), Mul(a, counted)), Log1P(Exp(Neg(Abs(a)))))
	n := MaxScalar(ReduceAllSum(known), 1)
	same := GreaterThan(Mul(a, AddScalar(MulScalar(counted, 2), -1)), ZerosLike(a))
	all := ReduceAndKeep(ConvertDType(same, a.DType()), ReduceMin, -1)
	return DivScalar(Div(ReduceAllSum(Mul(each, known)), n), float64(c.Count())), Div(ReduceAllSum(Mul(all, known)), n)
}
