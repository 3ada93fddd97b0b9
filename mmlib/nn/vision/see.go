package vision

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
)

// Seen is what a text is written about.
type Seen struct {
	Tokens *Node // [B, 1+side², D], normalised and with their places, the class token first
	Output
}

// See reads pictures x [B, height, width, channels] for a model that writes about them. What the vision transformer makes of a patch says
// what is there and need not say where, as when pictures are classified. Whoever looks for "top left" must find it by its place, which
// is added again (as DETR does, Carion et al. 2020, §3.2). What is larger than a patch is found at once in the mean of its patches, as
// earlier models found it in the features of a detector (ViLBERT, Lu et al. 2019, §3.1): one token is made of each pool×pool patches, so
// that there are side = Grid/pool along one side. pool 0 is 1. Weights: "vision/…" (see [Encode]), "picture/norm", "picture/position"
// [1+side², D].
func See(s *model.Scope, x *Node, c Config, pool int) Seen {
	v, side := Encode(s.At("vision"), x, c), c.Grid()/max(pool, 1)
	ps := s.At("picture")
	seen := pooled(nn.LayerNorm(ps.At("norm"), v.Tokens, c.LayerNorm), side, pool)
	place := nn.Weight(ps, x, "position", 0.5, 1+side*side, c.Width)
	return Seen{Tokens: Add(seen, ExpandLeftToRank(place, 3)), Output: v}
}

// pooled makes one token, their mean, of pool×pool patches: [B, 1+patches, D] gives [B, 1+side², D], the class token first.
func pooled(x *Node, side, pool int) *Node {
	if pool <= 1 {
		return x
	}
	b, d := x.Shape().Dim(0), x.Shape().Dim(2)
	patches := Reshape(Slice(x, AxisRange(), AxisRange(1)), b, side, pool, side, pool, d)
	return Concatenate([]*Node{Slice(x, AxisRange(), AxisRange(0, 1)), Reshape(ReduceMean(patches, 2, 4), b, -1, d)}, 1)
}
