package lean

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Interval says for each query which keys it may look at: those from From up to, and not including, To. Causal, prefix,
// window and padding masks are all of this kind (see mmlib/nn/attention), and it costs two numbers a query.
type Interval struct {
	From, To *Node // [1 or B, 1 or L], Int32; nil: from the first key, to the last one
}

// Attention is softmax(Q·Kᵀ/√d_k)·V (chapter 4.2) without the matrix of scores; FlashAttention-2 (Dao 2023), algorithms
// 1 and 2, forward and backward.
//
// q [B, L, H, K], k [B, S, H, K] and v [B, S, H, W] give z [B, L, H, W]. A query that may look at no key gets zeros. Scores of
// any finite size are safe, ties among them included. Keys and values that no query may look at must be finite all the same:
// their weights are 0, and 0·NaN is NaN. An axis of length 0 panics.
// Floats of 16 bits are computed in Float32 and the result is converted back. Blocks of keys that no query of a block may look at
// are left out: of a causal mask's work, 28 of 64 tiles at 4,096 positions and nearly half at more.
func Attention(q, k, v *Node, keys Interval) *Node {
	dtype, original := onlyFloats("the query", q), q.DType()
	q, k, v = ConvertDType(q, dtype), ConvertDType(k, dtype), ConvertDType(v, dtype)
	a := planAttention(q, k, v, keys)
	z, largest, sum := a.forward(q, k, v)
	z, largest, sum = StopGradient(z), StopGradient(largest), StopGradient(sum)
	z = withGradient(z, []*Node{q, k, v}, func(dz *Node) []*Node { return a.backward(q, k, v, z, largest, sum, dz) })
	return ConvertDType(z, original)
}

// attention is the plan of one call: the sizes of its tiles and the mask.
type attention struct {
	b, h, l, s, width, values int // B, H, L, S, K, W
	dtype                     dtypes.DType

	heads          int   // of the B·H heads, how many are in a tile: a part of one example's, or all of some examples
	queries, nq    int   // L as nq blocks
	keys, nk       int   // S as nk blocks
	from, to       *Node // [B·H, L padded, 1] or nil
	firsts, behind *Node // [groups·nq + 1], the blocks of keys that each block of queries looks at
}

// Sizes of tiles; see the package comment.
const (
	queryBlock  = 2048
	maskedBlock = 512 // of queries, where there is a mask: the smaller the blocks, the more of them are left out
	keyBlock    = 512
	tileSize    = 2 << 20 // heads × queries × keys, at most
)

func planAttention(q, k, v *Node, keys Interval) attention {
	mustRun(q.Graph().Backend())
	q.AssertRank(4)
	k.AssertDims(q.Shape().Dim(0), -1, q.Shape().Dim(2), q.Shape().Dim(3))
	v.AssertDims(q.Shape().Dim(0), k.Shape().Dim(1), q.Shape().Dim(2), -1)
	notEmpty("the query", q)
	notEmpty("the key", k)
	notEmpty("the value", v)
	d := q.Shape().Dimensions
	a := attention{b: d[0], l: d[1], h: d[2], width: d[3], s: k.Shape().Dim(1), values: v.Shape().Dim(3), dtype: q.DType()}
	limit := queryBlock
	if keys.From != nil || keys.To != nil {
		limit = maskedBlock
	}
	a.queries, a.nq = blocks(a.l, limit)
	a.keys, a.nk = blocks(a.s, keyBlock)
	fits := func(heads int) bool {
		return a.b*a.h%heads == 0 && (a.h%heads == 0 || heads%a.h == 0) && heads*a.queries*a.keys <= tileSize
	}
	for a.heads = a.b * a.h; a.heads > 1 && !fits(a.heads); {
		a.heads--
	}
	a.mask(q.Graph(), keys)
	return a
}

// mask brings the interval into the form that tiles read, padding included.
func (a *attention) mask(g *Graph, keys Interval) {
	if a.nk*a.keys != a.s && keys.To == nil {
		keys.To = BroadcastToDims(integer(g, a.s), 1, 1)
	}
	spread := func(what string, x *Node) *Node { // [1 or B, 1 or L] to [B·H, L padded, 1]
		if x == nil {
			return nil
		}
		x = StopGradient(x)
		if x.DType() != dtypes.Int32 || x.Rank() != 2 || (x.Shape().Dim(0) != 1 && x.Shape().Dim(0) != a.b) ||
			(x.Shape().Dim(1) != 1 && x.Shape().Dim(1) != a.l) {
			exceptions.Panicf("lean: %s of the interval is %s: it must be Int32 of [1 or %d, 1 or %d]", what, x.Shape(), a.b, a.l)
		}
		x = MinScalar(MaxScalar(BroadcastToDims(x, a.b, a.l), 0), int32(a.s))
		x = padTo(x, 1, a.nq*a.queries) // the queries that are padding look at nothing
		x = BroadcastToDims(ExpandAxes(x, 1), a.b, a.h, a.nq*a.queries)
		return Reshape(x, a.b*a.h, a.nq*a.queries, 1)
	}
	a.from, a.to = spread("From", keys.From), spread("To", keys.To)

	rows := a.b * a.h / a.heads * a.nq
	extreme := func(x *Node, reduce func(x *Node, axes ...int) *Node) *Node { // over the queries and heads of a block
		x = Reshape(x, a.b*a.h/a.heads, a.heads, a.nq, a.queries)
		return Reshape(reduce(x, 1, 3), rows)
	}
	a.firsts, a.behind = Zeros(g, shapes.Make(dtypes.Int32, rows)), BroadcastToDims(integer(g, a.nk), rows)
	if a.to != nil {
		a.behind = Div(AddScalar(extreme(a.to, ReduceMax), int32(a.keys-1)), like(a.behind, integer(g, a.keys)))
	}
	if a.from != nil {
		real := a.from // padding has no say in where a block begins
		if a.nq*a.queries != a.l {
			position := Reshape(count(g, a.nq*a.queries), 1, a.nq*a.queries, 1)
			inside := LessThan(position, like(position, integer(g, a.l)))
			real = Where(BroadcastToShape(inside, a.from.Shape()), a.from, like(a.from, integer(g, a.s)))
		}
		a.firsts = Div(extreme(real, ReduceMin), like(a.firsts, integer(g, a.keys)))
		a.firsts = Min(a.firsts, like(a.firsts, integer(g, a.nk-1)))
	}
	a.behind = Max(a.behind, AddScalar(a.firsts, int32(1))) // each block of queries has a tile, if an empty one
	a.firsts = Concatenate([]*Node{a.firsts, Zeros(g, shapes.Make(dtypes.Int32, 1))}, 0)
}

// rows lays what belongs to the queries, [B, L, H, K], out as [B·H, L padded, K]; columns as [B·H, K, L padded]. Many tiles
// read the same queries, so that the copies save time.
func (a *attention) rows(x *Node) *Node {
	length := a.nq * a.queries
	x = padTo(TransposeAllAxes(x, 0, 2, 1, 3), 2, length)
	return Reshape(x, a.b*a.h, length, x.Shape().Dim(3))
}

func (a *attention) columns(x *Node) *Node {
	length := a.nq * a.queries
	x = padTo(TransposeAllAxes(x, 0, 2, 3, 1), 3, length)
	return Reshape(x, a.b*a.h, x.Shape().Dim(2), length)
}

// keyRows cuts a tile out of the keys or values, [B, S padded, H, K], as [heads, keys, K]; keyColumns as [heads, K, keys]. They
// are small beside the scores, and need no copy of the whole.
func (a *attention) keyRows(x *Node, p tile) *Node {
	x = TransposeAllAxes(a.cutKeys(x, p), 0, 2, 1, 3)
	return Reshape(x, a.heads, a.keys, x.Shape().Dim(3))
}

func (a *attention) keyColumns(x *Node, p tile) *Node {
	x = TransposeAllAxes(a.cutKeys(x, p), 0, 2, 3, 1)
	return Reshape(x, a.heads, x.Shape().Dim(2), a.keys)
}

func (a *attention) cutKeys(x *Node, p tile) *Node {
	size := []int{max(1, a.heads/a.h), a.keys, min(a.heads, a.h), x.Shape().Dim(3)}
	return DynamicSlice(x, []*Node{p.example, p.key, p.headOf, p.zero}, size)
}

// back takes [B·H, L padded, K] to [B, L, H, K]; backColumns takes [B·H, K, L padded] there.
func (a *attention) back(x *Node, length int) *Node {
	x = shorten(x, 1, length)
	return TransposeAllAxes(Reshape(x, a.b, a.h, length, x.Shape().Dim(2)), 0, 2, 1, 3)
}

func (a *attention) backColumns(x *Node, length int) *Node {
	x = shorten(x, 2, length)
	return TransposeAllAxes(Reshape(x, a.b, a.h, x.Shape().Dim(1), length), 0, 3, 1, 2)
}

// given is what a tile's place and mask are worked out from, in the order in which [attention.tile] reads it.
func (a *attention) given(q *Node) []*Node {
	g := q.Graph()
	rows := a.b * a.h / a.heads * a.nq
	out := []*Node{integer(g, rows*a.nk), a.firsts, a.behind, count(g, 1, 1, a.keys)}
	for _, n := range []int{0, 1, a.heads, a.h, a.queries, a.keys, a.nq, a.nk} {
		out = append(out, integer(g, n))
	}
	out = append(out, lowest(g, a.dtype), Scalar(g, a.dtype, 0), unit(q))
	for _, x := range []*Node{a.from, a.to} {
		if x != nil {
			out = append(out, x)
		}
	}
	return out
}

// tile is the place of one step of the loop. Step t is at row t / nk, which is a block of queries of a group of heads,
// and at block t % nk of the keys.
type tile struct {
	zero, head, query, key *Node // where the tile begins; its first of all B·H heads is
	example, headOf        *Node // this one of this example
	next                   *Node // the step after it
	allowed                *Node // [heads, queries, keys] what the mask allows, or nil for all
	low, none, unit        *Node // −∞, 0 and 1, scalars of the dtype
}

func (a *attention) more(c, given []*Node) *Node { return LessThan(c[0], given[0]) }

func (a *attention) tile(t *Node, given []*Node) tile {
	firsts, behind, position, one := given[1], given[2], given[3], given[5]
	heads, h, queries, keys, nq, nk := given[6], given[7], given[8], given[9], given[10], given[11]
	p := tile{zero: given[4], low: given[12], none: given[13], unit: given[14]}
	bounds := given[15:]
	at := func(x, i *Node) *Node { return Reshape(DynamicSlice(x, []*Node{i}, []int{1})) }

	row := Div(t, nk)
	block, next := Sub(t, Mul(row, nk)), Add(t, one)
	below := Add(row, one)
	atEnd := GreaterOrEqual(Add(block, one), at(behind, row))
	p.head, p.query, p.key = Mul(Div(row, nq), heads), Mul(Mod(row, nq), queries), Mul(block, keys)
	p.example, p.headOf = Div(p.head, h), Mod(p.head, h)
	p.next = Where(atEnd, Add(Mul(below, nk), at(firsts, below)), next)
	position = Add(position, like(position, p.key)) // [1, 1, keys]
	size := []int{a.heads, a.queries, 1}
	if a.from != nil {
		from := DynamicSlice(bounds[0], []*Node{p.head, p.query, p.zero}, size)
		p.allowed, bounds = GreaterOrEqual(position, from), bounds[1:]
	}
	if a.to != nil {
		before := LessThan(position, DynamicSlice(bounds[0], []*Node{p.head, p.query, p.zero}, size))
		if p.allowed != nil {
			before = LogicalAnd(p.allowed, before)
		}
		p.allowed = before
	}
	return p
}

// only sets x to a scalar where the mask does not allow to look.
func (p tile) only(x, otherwise *Node) *Node {
	if p.allowed == nil {
		return x
	}
	return Where(p.allowed, x, like(x, otherwise))
}

func (a *attention) zeros(g *Graph, dims ...int) *Node {
	return Zeros(g, shapes.Make(a.dtype, dims...))
}

// forward computes z [B, L, H, W], and of each query the largest score and Σ exp(scores − largest), [B·H, L padded, 1].
func (a *attention) forward(q, k, v *Node) (z, largest, sum *Node) {
	g, l, s := q.Graph(), a.nq*a.queries, a.nk*a.keys
	given := a.given(q)
	n := len(given)
	given = append(given, a.rows(MulScalar(q, 1/math.Sqrt(float64(a.width)))), padTo(k, 1, s), padTo(v, 1, s))
	carried := []*Node{at0(a.firsts), BroadcastToDims(lowest(g, a.dtype), a.b*a.h, l, 1), a.zeros(g, a.b*a.h, l, 1),
		a.zeros(g, a.b*a.h, l, a.values)}
	out := while(carried, given, a.more, func(c, given []*Node) []*Node {
		p := a.tile(c[0], given)
		place := []*Node{p.head, p.query, p.zero}
		rows := func(x *Node) *Node { return DynamicSlice(x, place, []int{a.heads, a.queries, x.Shape().Dim(2)}) }
		m, sum, acc := rows(c[1]), rows(c[2]), rows(c[3]) // of these queries so far: maximum, sum and weighted values
		q, k, v := given[n], given[n+1], given[n+2]
		q = DynamicSlice(q, place, []int{a.heads, a.queries, a.width})
		k, v = a.keyColumns(k, p), a.keyRows(v, p)

		// S = Q·Kᵀ/√d_k;  m ← max(m_old, rowmax S);  P = exp(S − m);  α = exp(m_old − m)
		scores := p.only(Einsum("HQK,HKS->HQS", q, k), p.low)
		newM := alone(Max(m, fold(scores, 2, Max)), p.unit)
		weights := p.only(Exp(Sub(scores, newM)), p.none)
		scale := Exp(Sub(m, newM))

		// l ← α·l + rowsum P;  O ← α·O + P·V
		sum = Add(Mul(scale, sum), fold(weights, 2, Add))
		acc = Add(Mul(scale, acc), Einsum("HQS,HSW->HQW", weights, v))
		return []*Node{p.next, DynamicUpdateSlice(c[1], newM, place), DynamicUpdateSlice(c[2], sum, place), DynamicUpdateSlice(c[3], acc, place)}
	})
	sum = Where(Equal(out[2], ZerosLike(out[2])), OnesLike(out[2]), out[2]) // a query without keys has 0 / 1
	return a.back(Div(out[3], sum), a.l), out[1], sum
}

// at0 is the first number of a vector, as a scalar.
func at0(x *Node) *Node { return Reshape(Slice(x, AxisRange(0, 1))) }

// backward computes the gradients at q, k and v from that at z (algorithm 2 of FlashAttention-2).
//
//	P = E / sum                 E = exp(S − max)    dV = Pᵀ·dZ    dP = dZ·Vᵀ    dS = P ∘ (dP − rowsum(dZ ∘ Z))
//	dQ = dS·K / √d_k            dK = dSᵀ·Q / √d_k
//
// dZ is divided by the sum in advance, so that E stands in place of P. (The paper has P = exp(S − log Σ exp S), in one number
// a query; where scores are large and equal, no sum of them fits beside the maximum.)
func (a *attention) backward(q, k, v, z, largest, sum, dz *Node) []*Node {
	g, l, s := q.Graph(), a.nq*a.queries, a.nk*a.keys
	scale := 1 / math.Sqrt(float64(a.width))
	q = MulScalar(q, scale)
	dz = Div(dz, a.back(sum, a.l))
	delta := ReduceAndKeep(Mul(dz, z), ReduceSum, 3) // [B, L, H, 1]
	given := a.given(q)
	n := len(given)
	given = append(given, a.rows(q), a.columns(q), padTo(k, 1, s), padTo(v, 1, s), a.rows(dz), a.columns(dz), largest, a.rows(delta))
	carried := []*Node{at0(a.firsts), a.zeros(g, a.b*a.h, l, a.width), a.zeros(g, a.b*a.h, a.width, s), a.zeros(g, a.b*a.h, a.values, s)}
	out := while(carried, given, a.more, func(c, given []*Node) []*Node {
		p := a.tile(c[0], given)
		q, qColumns, k, v, dz, dzColumns := given[n], given[n+1], given[n+2], given[n+3], given[n+4], given[n+5]
		largest, delta := given[n+6], given[n+7]
		rows := func(x *Node) *Node {
			return DynamicSlice(x, []*Node{p.head, p.query, p.zero}, []int{a.heads, a.queries, x.Shape().Dim(2)})
		}
		columns := func(x, from *Node, length int) *Node {
			return DynamicSlice(x, []*Node{p.head, p.zero, from}, []int{a.heads, x.Shape().Dim(1), length})
		}
		q, qColumns, dz, dzColumns = rows(q), columns(qColumns, p.query, a.queries), rows(dz), columns(dzColumns, p.query, a.queries)
		k, kColumns := a.keyRows(k, p), a.keyColumns(k, p)

		weights := p.only(Exp(Sub(Einsum("HQK,HKS->HQS", q, kColumns), rows(largest))), p.none)
		dScores := Mul(weights, Sub(Einsum("HQW,HWS->HQS", dz, a.keyColumns(v, p)), rows(delta)))

		dq := Add(rows(c[1]), Einsum("HQS,HSK->HQK", dScores, k))
		dk := Add(columns(c[2], p.key, a.keys), Einsum("HKQ,HQS->HKS", qColumns, dScores))
		dv := Add(columns(c[3], p.key, a.keys), Einsum("HWQ,HQS->HWS", dzColumns, weights))
		return []*Node{p.next,
			DynamicUpdateSlice(c[1], dq, []*Node{p.head, p.query, p.zero}),
			DynamicUpdateSlice(c[2], dk, []*Node{p.head, p.zero, p.key}),
			DynamicUpdateSlice(c[3], dv, []*Node{p.head, p.zero, p.key})}
	})
	return []*Node{MulScalar(a.back(out[1], a.l), scale), a.backColumns(out[2], a.s), a.backColumns(out[3], a.s)}
}
