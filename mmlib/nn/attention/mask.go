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
//	Mask{Causal: true, Offset: o}       // the queries stand at positions o, o+1, … of the keys; Offset goes with all the others
//
// Without an Offset, query i stands at position i, and a causal mask or a window needs as many queries as keys. With one,
// the numbers may differ, as in decoding, where new positions look at all the positions before them ([SelfCached]).
//
// Each of these masks shows a query one unbroken run of keys, an interval, and is computed as such ([Mask.Interval]).
//
// Windows are those of Longformer (Beltagy et al. 2020, §3.1) and Mistral (Jiang et al. 2023, §2); the prefix is that of the
// prefix language model (Raffel et al. 2020, §3.1.1).
type Mask struct {
	Causal bool
	Window int // 0 for none

	// Integers, [B], or a scalar for all rows.
	Prefix  *Node // only with Causal; nil for none
	Lengths *Node // nil for no padding
	Offset  *Node // the position of the first query, only with Causal or Window; nil for 0
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
	w := min(m.Window, l+s)                              // a wider window hides nothing more
	query := Iota(g, shapes.Make(dtypes.Int32, 1, l), 1) // the position of query i, [1, L]
	if m.Offset != nil {
		query = Add(query, column("Offset", m.Offset, -l-w, s+w)) // [1 or B, L]; beyond these bounds there is nothing to see
	}
	if m.Window > 0 {
		keys.From, keys.To = bounded(AddScalar(query, 1-w), s), bounded(AddScalar(query, w), s)
	}
	if m.Causal {
		keys.To = AddScalar(query, 1)
		if m.Offset != nil {
			keys.To = bounded(keys.To, s)
		}
	}
	if m.Prefix != nil {
		keys.To = Max(keys.To, column("Prefix", m.Prefix, 0, s)) // [B, L]
	}
	if m.Lengths != nil {
		lengths := column("Lengths", m.Lengths, 0, s) // [B, 1]
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
	case m.Causal && l != s && m.Offset == nil:
		exceptions.Panicf("attention: a causal mask needs as many queries as keys, not %d and %d, or an Offset for the queries", l, s)
	case m.Window > 0 && l != s && m.Offset == nil:
		exceptions.Panicf("attention: a window needs as many queries as keys, not %d and %d, or an Offset for the queries", l, s)
	case m.Offset != nil && !m.Causal && m.Window == 0:
		exceptions.Panicf("attention: a mask with an Offset must be Causal or have a Window: without, positions do not matter")
	case m.Prefix != nil && !m.Causal:
		exceptions.Panicf("attention: a mask with a Prefix must be Causal: without, every query sees every key anyway")
	case m.Prefix != nil && m.Window > 0:
		exceptions.Panicf("attention: a mask cannot have a Prefix and a Window (%d): a query would see two separate runs of keys", m.Window)
	}
}

// checkRows refuses numbers for a batch other than b.
func (m Mask) checkRows(b int) {
	for name, n := range map[string]*Node{"Prefix": m.Prefix, "Lengths": m.Lengths, "Offset": m.Offset} {
		if n != nil && n.Shape().Size() != b && n.Shape().Size() != 1 {
			exceptions.Panicf("attention: the mask's %s is %s: it must have a number for each of the %d rows, or one for all",
				name, n.Shape(), b)
		}
	}
}

// column makes integers, a scalar or [B], an Int32 column [1 or B, 1], clipped to low … high.
func column(name string, n *Node, low, high int) *Node {
	if !n.DType().IsInt() {
		exceptions.Panicf("attention: %s counts positions, in integers: it cannot be %s", name, n.Shape())
	}
	if n.Rank() > 1 {
		exceptions.Panicf("attention: %s must be a number for each row of the batch, or one for all: it has rank %d, %s", name, n.Rank(),
			n.Shape())
	}
	n = ConvertDType(n, dtypes.Int64) // in which every bound fits
	return ConvertDType(MinScalar(MaxScalar(Reshape(n, -1, 1), low), high), dtypes.Int32)
}

// bounded clips numbers of keys to 0 … s.
func bounded(x *Node, s int) *Node { return MinScalar(MaxScalar(x, 0), s) }
