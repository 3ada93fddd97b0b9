package attention

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Mask says which keys a query may look at; its zero value allows all. The conditions hold together:
//
//	Mask{Causal: true}                  // position i looks at positions ≤ i
//	Mask{Lengths: n}                    // row b looks at its first n[b] positions: the rest is padding
//	Mask{Causal: true, Lengths: n}      // both
type Mask struct {
	Causal  bool
	Lengths *Node // [B], integers; nil for no padding
}

// Build makes the boolean mask for l queries and s keys, true where a query may look: [1 or B, 1, 1 or L, S], which
// broadcasts over [B, H, L, S]. It is nil when the mask allows everything.
func (m Mask) Build(g *Graph, l, s int) *Node {
	var mask *Node
	if m.Causal {
		if l != s {
			exceptions.Panicf("attention: a causal mask needs as many queries as keys, not %d and %d", l, s)
		}
		mask = Reshape(LowerTriangular(g, l), 1, 1, l, s)
	}
	if m.Lengths != nil {
		m.Lengths.AssertRank(1)
		position := Iota(g, shapes.Make(m.Lengths.DType(), 1, 1, 1, s), 3)
		present := LessThan(position, Reshape(m.Lengths, -1, 1, 1, 1)) // [B, 1, 1, S]
		if mask == nil {
			return present
		}
		mask = LogicalAnd(mask, present)
	}
	if mask != nil && mask.DType() != dtypes.Bool {
		mask = ConvertDType(mask, dtypes.Bool)
	}
	return mask
}
