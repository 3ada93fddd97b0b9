package attention

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/attention/pos"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Rotate is the rotary position embedding, RoPE (Su et al. 2021, eq. 34), for queries and for keys. The numbers of a
// head are taken as K/2 points of a plane, and those of a query or key at position p are turned, point i by the angle p·θᵢ:
//
//	a'ᵢ = aᵢ·cos(p·θᵢ) − bᵢ·sin(p·θᵢ)        a = x[:K/2], b = x[K/2:]
//	b'ᵢ = aᵢ·sin(p·θᵢ) + bᵢ·cos(p·θᵢ)        θᵢ = base^(−2i/K), i = 0 … K/2−1
//
// So the product of a query and a key depends on their positions' difference alone. The two numbers of a point lie half a
// head apart, as in Llama and in transformers ("rotate_half"); the paper has them side by side, which is the same up to
// the order of a head's numbers.
//
// x [B, L, H, K], K even, gives the same shape. positions, [L] or [B, L] numbers, says where in the sequence x stands, which
// matters when x goes on after keys that are kept (a KV cache); nil is 0 … L−1. The papers' base is 10,000.
func Rotate(x, positions *Node, base float64) *Node {
	x.AssertRank(4)
	g, b, l, width := x.Graph(), x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(3)
	switch {
	case width%2 != 0:
		exceptions.Panicf("attention: rotation takes the %d numbers of a head in pairs: make the width of a head even", width)
	case !(base > 0) || math.IsInf(base, 1):
		exceptions.Panicf("attention: the base of the rotation is %g: it must be positive and finite (10000 is usual)", base)
	}
	angle := dtypes.Float32 // also for half precision, which cannot count above 2048
	if x.DType() == dtypes.Float64 {
		angle = dtypes.Float64
	}
	if positions == nil {
		positions = Iota(g, shapes.Make(angle, l), 0)
	}
	if positions.Rank() == 1 {
		positions = ExpandAxes(positions, 0)
	}
	positions.AssertDims(-1, l)
	if rows := positions.Shape().Dim(0); rows != 1 && rows != b {
		exceptions.Panicf("attention: there are positions for %d rows, and %d rows to rotate", rows, b)
	}
	theta := make([]float64, width/2)
	for i := range theta {
		theta[i] = math.Pow(base, -2*float64(i)/float64(width))
	}
	// p·θᵢ, [1 or B, L, K/2]
	turns := Mul(ExpandAxes(ConvertDType(positions, angle), -1), ConstAsDType(g, angle, [][][]float64{{theta}}))
	cos, sin := ConvertDType(Cos(turns), x.DType()), ConvertDType(Sin(turns), x.DType())
	return pos.NewRoPEWithCosSin(cos, sin).Encode(x, 1)
}
