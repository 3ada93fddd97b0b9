package attention

import (
	"fmt"
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/nn"
)

// Cache is keys and values that are kept, because they are needed again: those of a sequence's positions so far, which
// [SelfCached] extends, or those of another sequence, which [CrossModalCache] computes once and [CrossModalCached] reads.
type Cache struct {
	Keys   *Node // [B, S, G, K], already rotated if the layer has RoPE
	Values *Node // [B, S, G, W]
}

// NewCache makes an empty cache for s positions of a self-attention layer whose input is like x [B, L, D]: zeros
// [B, S, G, K] for the keys and for the values.
func NewCache(x *Node, s int, c Config) Cache {
	x.AssertRank(3)
	_, g, dK := c.heads(x.Shape().Dim(2))
	if s < 1 {
		exceptions.Panicf("attention: a cache for %d positions: it must have room for at least 1", s)
	}
	empty := Zeros(x.Graph(), shapes.Make(x.DType(), x.Shape().Dim(0), s, g, dK))
	return Cache{Keys: empty, Values: empty}
}

// Nodes lists the keys and values of caches, one cache after the other: what a compiled step takes and returns.
func Nodes(caches []Cache) []*Node {
	var nodes []*Node
	for _, c := range caches {
		nodes = append(nodes, c.Keys, c.Values)
	}
	return nodes
}

// Caches is the inverse of [Nodes].
func Caches(nodes []*Node) []Cache {
	if len(nodes)%2 != 0 {
		exceptions.Panicf("attention: %d nodes are not caches: each has its keys and its values", len(nodes))
	}
	caches := make([]Cache, len(nodes)/2)
	for i := range caches {
		caches[i] = Cache{Keys: nodes[2*i], Values: nodes[2*i+1]}
	}
	return caches
}

// Positions says where l positions stand that begin at position, an integer scalar or [B]: position, position+1, … as
// Int32 [1 or B, L]. Learned positions are rows of a table at these indices.
func Positions(position *Node, l int) *Node {
	first := column("the position", position, 0, 1<<30)
	return Add(first, Iota(position.Graph(), shapes.Make(dtypes.Int32, 1, l), 1))
}

// SelfCached is [Self] for a sequence that comes in pieces, as in decoding. Its new positions x [B, L, D] begin at position;
// their keys and values are written into the cache, [B, S, G, K], and their queries look at all positions up to their own:
//
//	Q, K, V = X·W^Q, X·W^K, X·W^V
//	cache[position … position+L−1] ← K, V
//	Z = Attention(Q, cache)·W^O
//
// It gives z [B, L, D], weights [B, H, L, S], and the new cache. The result is that of Self with the same mask over the whole
// sequence, whatever the pieces: a prompt at once and then one position at a time, with L = 1. Weights are those of Self.
//
// position is an integer scalar, or [B] for rows that go on at different places. It is a node, so that one compiled step
// serves every position. The new positions must fit into the cache, position+L ≤ S. A constant that does not is refused;
// one that is known only when the step runs is the caller's responsibility: otherwise the result is meaningless.
//
// The mask must be causal, and SelfCached sets its Offset. The positions of a Prefix look at each other, so all of them must
// come in the first piece. No query looks at the slots behind the new positions, so their contents do not matter.
//
// # Decoding in a loop
//
// A step can be compiled by itself and called for each position, or be the body of a [While], which saves the calls. A body
// sees nothing but the state of its loop, so the weights must travel in it: while the body is built, set each variable to
// the body's parameter ([model.Variable.SetNodeValue]), and back again afterwards. Outside the loop the program must not
// compute what the body computes too: go-xla v0.4.1 keeps one sum, maximum and scalar constant of each kind for a whole
// program, and XLA refuses the body that shares them. So read the prompt in a program of its own. The lean kernel is itself
// a loop and cannot stand in another ([lean.Never]).
func SelfCached(s *model.Scope, x, position *Node, cache Cache, c Config) (Output, Cache) {
	x.AssertRank(3)
	b, l, d := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	_, g, dK := c.heads(d)
	cache.check(x, g, dK, dK)
	switch {
	case !c.Mask.Causal:
		exceptions.Panicf("attention: a cache needs a causal mask: earlier positions cannot look at later ones")
	case c.Mask.Offset != nil:
		exceptions.Panicf("attention: the mask has an Offset: SelfCached sets it to the position itself")
	}
	checkPosition(position, b, l, cache.Keys.Shape().Dim(1))
	positions := Positions(position, l) // [1 or B, L]
	q, k, v := c.project(s, x, positions)
	cache = Cache{Keys: write(cache.Keys, k, position), Values: write(cache.Values, v, position)}
	c.Mask.Offset = position
	return c.attend(s, q, cache.Keys, cache.Values, d), cache
}

// CrossModalCache is the half of [CrossModal] that does not depend on x: the keys and values of y [B, S, D_y], for queries from
// a sequence of the given width, D.
func CrossModalCache(s *model.Scope, y *Node, values Values, width int, c Config) Cache {
	y.AssertRank(3)
	b, n := y.Shape().Dim(0), y.Shape().Dim(1)
	_, g, dK := c.heads(width)
	k := c.dense(s.At("key"), nn.Key, y, g*dK)
	v := y
	if values.Sequence != nil {
		v = values.Sequence
		v.AssertDims(b, n, -1)
	}
	dV := v.Shape().Dim(2)
	switch {
	case !values.Raw:
		v = c.dense(s.At("value"), nn.Value, v, g*dK)
	case dV%g != 0:
		exceptions.Panicf("attention: raw values of width %d do not divide among %d heads: let them go through W^V", dV, g)
	}
	return Cache{Keys: split(k, g), Values: split(v, g)}
}

// CrossModalCached is the other half: the positions of x [B, L, D] look at the keys and values of a [CrossModalCache], which stay
// as they are. Several steps can share them, and so can several questions about one picture, side by side in L.
func CrossModalCached(s *model.Scope, x *Node, cache Cache, c Config) Output {
	x.AssertRank(3)
	_, g, dK := c.heads(x.Shape().Dim(2))
	cache.check(x, g, dK, -1)
	return c.attend(s, c.query(s, x), cache.Keys, cache.Values, x.Shape().Dim(2))
}

// check refuses keys and values that are not for queries from x [B, L, D].
func (c Cache) check(x *Node, g, dK, dV int) {
	want := func(what string, got *Node, width int) {
		shape, b := got.Shape(), x.Shape().Dim(0)
		if got.DType() != x.DType() || got.Rank() != 4 || shape.Dim(0) != b || shape.Dim(2) != g || width >= 0 && shape.Dim(3) != width {
			size := "W"
			if width >= 0 {
				size = fmt.Sprint(width)
			}
			exceptions.Panicf("attention: the %s of the cache are %s: for x %s they must be (%s)[%d, S, %d, %s]",
				what, shape, x.Shape(), x.DType(), b, g, size)
		}
	}
	want("keys", c.Keys, dK)
	want("values", c.Values, dV)
	if k, v := c.Keys.Shape().Dim(1), c.Values.Shape().Dim(1); k != v {
		exceptions.Panicf("attention: the cache has keys of %d positions, and values of %d", k, v)
	}
}

// checkPosition refuses what can be known before the step runs: that l positions of b rows do not fit into a cache of s.
func checkPosition(position *Node, b, l, s int) {
	if n := position.Shape().Size(); n != 1 && n != b {
		exceptions.Panicf("attention: the position is %s: it must be a scalar, or have a number for each of the %d rows", position.Shape(), b)
	}
	if l > s {
		exceptions.Panicf("attention: %d new positions do not fit into a cache of %d", l, s)
	}
	if known := position.ConstantValue(); known != nil && position.DType().IsInt() {
		for _, p := range integers(known) {
			if p < 0 || p+l > s {
				exceptions.Panicf("attention: %d new positions from position %d on do not fit into a cache of %d", l, p, s)
			}
		}
	}
}

// integers copies the numbers of a tensor of an integer type.
func integers(x *tensors.Tensor) []int {
	out := make([]int, x.Size())
	x.MustConstFlatData(func(flat any) {
		numbers := reflect.ValueOf(flat)
		for i := range out {
			out[i] = int(numbers.Index(i).Convert(reflect.TypeFor[int]()).Int())
		}
	})
	return out
}

// write puts x [B, L, G, K] into what is kept, [B, S, G, K], from position on.
//
// With one position for all rows that is DynamicUpdateSlice, which XLA carries out in place where it can. Otherwise, and on
// backends without it (compute v0.1.5's Go backend), slot j is set to x[j − position] where x has it.
func write(kept, x, position *Node) *Node {
	g, b, l, s := x.Graph(), x.Shape().Dim(0), x.Shape().Dim(1), kept.Shape().Dim(1)
	position = column("the position", position, -l, s)
	if position.Shape().Size() == 1 && g.Backend().Capabilities().Operations[compute.OpTypeDynamicUpdateSlice] {
		zero := Scalar(g, dtypes.Int32, 0)
		return DynamicUpdateSlice(kept, x, []*Node{zero, Reshape(position), zero, zero})
	}
	i := Sub(Iota(g, shapes.Make(dtypes.Int32, b, s), 1), position) // j − position, [B, S]
	inside := LogicalAnd(GreaterOrEqual(i, Scalar(g, i.DType(), 0)), LessThan(i, Scalar(g, i.DType(), l)))
	if l == 1 {
		return Where(inside, BroadcastToShape(x, kept.Shape()), kept)
	}
	row := Iota(g, shapes.Make(dtypes.Int32, b, s), 0)
	i = Add(MulScalar(row, l), bounded(i, l-1)) // in x with rows and positions as one axis
	x = Reshape(x, b*l, x.Shape().Dim(2), x.Shape().Dim(3))
	return Where(inside, Gather(x, ExpandAxes(i, -1)), kept)
}
