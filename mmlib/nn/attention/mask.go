package attention

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/kernels/xla/lean"
)

// Mask says which keys a query may look at; its zero value allows all. The conditions hold together:
//
//	Mask{Causal: true}                  // position i looks at positions ≤ i
//	Mask{Causal: true, Window: w}       // at the last w of them: i−w < j ≤ i
//	Mask{Window: w}                     // at its neighbours: |i−j| < w
//	Mask{Causal: true, Prefix: p}       // at positions ≤ i, and everyone in row b at the first p[b]
//	Mask{Lengths: n}                    // in row b at the first n[b] positions: the rest is padding
//	Mask{Causal: true, Lengths: n}      // both; Lengths goes with all the others
//
// In each of them a query sees one unbroken run of keys, an interval, and that is how the mask is computed ([Mask.Interval]).
//
// A window is what Longformer (Beltagy et al. 2020, §3.1) and Mistral (Jiang et al. 2023, §2) have, a prefix that of the prefix
// language model (Raffel et al. 2020, §3.1.1).
type Mask struct {
	Causal  bool
	Window  int   // 0 for none
	Prefix  *Node // [B], integers, only with Causal; nil for none
	Lengths *Node // [B], integers; nil for no padding
}

// Interval makes the mask for l queries and s keys as intervals: query i of row b may look at the keys j with
//
//	From[b,i] ≤ j < To[b,i]
//
// Both are Int32 [1 or B, 1 or l] between 0 and s, or nil where there is no bound. When From is not less than To, there is
// no key to look at.
func (m Mask) Interval(g *Graph, l, s int) lean.Interval {
	m.check(l, s)
	var keys lean.Interval
	query := Iota(g, shapes.Make(dtypes.Int32, 1, l), 1) // i, [1, L]
	if m.Window > 0 {
		w := min(m.Window, s) // a window of s keys already hides none
		keys.From, keys.To = bounded(AddScalar(query, 1-w), s), bounded(AddScalar(query, w), s)
	}
	if m.Causal {
		keys.To = AddScalar(query, 1)
	}
	if m.Prefix != nil {
		keys.To = Max(keys.To, column(m.Prefix, s)) // [B, L]
	}
	if m.Lengths != nil {
		lengths := column(m.Lengths, s) // [B, 1]
		if keys.To != nil {
			lengths = Min(keys.To, lengths)
		}
		keys.To = lengths
	}
	return keys
}

// Build makes the boolean mask for l queries and s keys, true where a query may look: [1 or B, 1, 1 or L, S], which
// broadcasts over [B, H, L, S]. It is nil when the mask allows everything.
func (m Mask) Build(g *Graph, l, s int) *Node {
	keys := m.Interval(g, l, s)
	key := Iota(g, shapes.Make(dtypes.Int32, 1, 1, 1, s), 3)                   // j
	queries := func(x *Node) *Node { return ExpandAxes(InsertAxes(x, 1), -1) } // [1 or B, 1, 1 or L, 1]
	switch {
	case keys.From == nil && keys.To == nil:
		return nil
	case keys.From == nil:
		return LessThan(key, queries(keys.To))
	default: // every mask with a From has a To
		return LogicalAnd(GreaterOrEqual(key, queries(keys.From)), LessThan(key, queries(keys.To)))
	}
}

func (m Mask) check(l, s int) {
	switch {
	case m.Window < 0:
		exceptions.Panicf("attention: the mask's Window is %d: it must be positive, or 0 for none", m.Window)
	case m.Causal && l != s:
		exceptions.Panicf("attention: a causal mask needs as many queries as keys, not %d and %d", l, s)
	case m.Window > 0 && l != s:
		exceptions.Panicf("attention: a window needs as many queries as keys, not %d and %d", l, s)
	case m.Prefix != nil && !m.Causal:
		exceptions.Panicf("attention: a mask with a Prefix must be Causal: without, everyone sees everything as it is")
	case m.Prefix != nil && m.Window > 0:
		exceptions.Panicf("attention: a mask cannot have a Prefix and a Window (%d): a query would see two separate runs of keys", m.Window)
	}
}

// checkRows refuses numbers for another batch than b.
func (m Mask) checkRows(b int) {
	for _, n := range []*Node{m.Prefix, m.Lengths} {
		if n != nil && n.Shape().Size() != b && n.Shape().Size() != 1 {
			exceptions.Panicf("attention: the mask's Prefix or Lengths is %s: it must have a number for each of the %d rows, or one for all", n.Shape(), b)
		}
	}
}

// column makes numbers of keys [B] a bound of intervals, [B, 1].
func column(n *Node, s int) *Node {
	n.AssertRank(1)
	if !n.DType().IsInt() {
		exceptions.Panicf("attention: the mask's Prefix and Lengths count keys, in integers; one is %s", n.Shape())
	}
	return bounded(ConvertDType(ExpandAxes(n, -1), dtypes.Int32), s)
}

// bounded clips numbers of keys to 0 … s.
func bounded(x *Node, s int) *Node { return MinScalar(MaxScalar(x, 0), s) }
