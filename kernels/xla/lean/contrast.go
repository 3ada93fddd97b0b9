package lean

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Similarities is what the contrastive losses need of the matrix S = X·Yᵀ [N, M].
type Similarities struct {
	Rows    LogSum // [N]: log Σⱼ exp S[i,j]
	Columns LogSum // [M]: log Σᵢ exp S[i,j]

	// Positives is [N], the mean of S[i,j] over the j of i's group, and PositivesOf is [M], its mean over the i of j's
	// group. Without groups a row's only positive is S[i,i]. Both are nil where there are none: N ≠ M, or NotSelf without groups.
	Positives, PositivesOf *Node
}

// LogSum is a log-sum in two parts, log Σ exp s = Max + Rest. They are kept apart because a loss subtracts a similarity
// from it: beside a maximum of 1e10, Float32 has no room for the Rest. Their gradients are right together: that of Rest is
// the log-sum's, and Max counts as a constant.
type LogSum struct {
	Max  *Node // the largest s
	Rest *Node // log Σ exp(s − Max)
}

// Sum is the log-sum in one number.
func (l LogSum) Sum() *Node { return Add(l.Max, l.Rest) }

// Pairing says what to leave out of S, and what belongs together in it.
type Pairing struct {
	// Groups is nil or [N], Int32, with N = M: j is a positive of i when their groups are equal.
	Groups *Node
	// NotSelf leaves S[i,i] out of all sums (with N = M): the indicator 1[j≠i] of chapter 4.1.1.
	NotSelf bool
}

// Contrast sums the exponentials of X·Yᵀ along its rows and its columns, and averages it over positives, without ever
// having the matrix, forward or backward.
//
// x [N, D] and y [M, D] of the same type give vectors of N and M. Divide x by the temperature first; the gradient
// at the temperature comes with that at x. Floats of 16 bits are computed in Float32, which is then the results' type.
// Similarities of any finite size are safe, ties among them included; a NaN makes the sums of its row and column NaN. An
// axis of length 0 panics.
func Contrast(x, y *Node, p Pairing) Similarities {
	dtype := onlyFloats("x", x)
	c := planContrast(ConvertDType(x, dtype), ConvertDType(y, dtype), p)
	f := c.forward()
	parts := []*Node{Log(f.rowSum), Log(f.columnSum)}
	if f.positives != nil {
		parts = append(parts, f.positives, f.positivesOf)
	}
	sums := withGradient(Concatenate(parts, 0), []*Node{c.x, c.y}, func(d *Node) []*Node { return c.backward(f, d) })
	out := Similarities{
		Rows:    LogSum{f.rowMax, Slice(sums, AxisRange(0, c.n))},
		Columns: LogSum{f.columnMax, Slice(sums, AxisRange(c.n, c.n+c.m))},
	}
	if f.positives != nil {
		out.Positives = Slice(sums, AxisRange(c.n+c.m, c.n+c.m+c.n))
		out.PositivesOf = Slice(sums, AxisRange(c.n+c.m+c.n))
	}
	return out
}

// contrast is the plan of one call.
type contrast struct {
	x, y        *Node
	n, m, d     int
	rows, nr    int // N as nr blocks
	columns, nc int // M as nc blocks
	groups      *Node
	notSelf     bool
	diagonal    bool // the positives are S[i,i]
}

const contrastBlock = 1024

func planContrast(x, y *Node, p Pairing) contrast {
	mustRun(x.Graph().Backend())
	x.AssertRank(2)
	y.AssertDims(-1, x.Shape().Dim(1))
	notEmpty("x", x)
	notEmpty("y", y)
	c := contrast{x: x, y: y, n: x.Shape().Dim(0), m: y.Shape().Dim(0), d: x.Shape().Dim(1), notSelf: p.NotSelf}
	c.diagonal = c.n == c.m && !p.NotSelf && p.Groups == nil
	if c.n != c.m && (p.NotSelf || p.Groups != nil) {
		exceptions.Panicf("lean: x has %d rows and y has %d: with groups, or without the diagonal, they must be as many", c.n, c.m)
	}
	if p.NotSelf && c.n < 2 {
		exceptions.Panicf("lean: without the diagonal x needs at least 2 rows, not %d", c.n)
	}
	if p.Groups != nil {
		p.Groups.AssertDims(c.n)
		if p.Groups.DType() != dtypes.Int32 {
			exceptions.Panicf("lean: groups are %s: they must be Int32", p.Groups.Shape())
		}
		c.groups = StopGradient(p.Groups)
	}
	c.rows, c.nr = blocks(c.n, contrastBlock)
	c.columns, c.nc = blocks(c.m, contrastBlock)
	return c
}

func (c *contrast) zeros(dims ...int) *Node {
	return Zeros(c.x.Graph(), shapes.Make(c.x.DType(), dims...))
}

// given is what each tile needs besides its embeddings, in the order in which [contrast.tile] reads it.
func (c *contrast) given() []*Node {
	g, dtype := c.x.Graph(), c.x.DType()
	out := []*Node{integer(g, c.nr*c.nc), count(g, c.rows, 1), count(g, 1, c.columns)}
	for _, n := range []int{0, 1, c.rows, c.columns, c.nc, c.n, c.m} {
		out = append(out, integer(g, n))
	}
	out = append(out, lowest(g, dtype), Scalar(g, dtype, 0), unit(c.x))
	if c.groups != nil {
		out = append(out, padTo(Reshape(c.groups, c.n, 1), 0, c.nr*c.rows), padTo(Reshape(c.groups, 1, c.m), 1, c.nc*c.columns))
	}
	return out
}

func (c *contrast) more(state, given []*Node) *Node { return LessThan(state[0], given[0]) }

// contrastTile is the part of the matrix that one step of the loop computes: step t is at block t / nc of the rows and
// t % nc of the columns.
type contrastTile struct {
	zero, row, column *Node // where it begins
	next              *Node
	inside            *Node // [rows, columns] what counts, or nil for all of it
	same              *Node // [rows, columns] 1 where the groups are equal, or nil
	self              *Node // [rows, columns] true on the diagonal of S, or nil
	low, none, unit   *Node // −∞, 0 and 1, scalars
}

func (c *contrast) tile(t *Node, given []*Node) contrastTile {
	i, j, one, rows, columns, nc, n, m := given[1], given[2], given[4], given[5], given[6], given[7], given[8], given[9]
	p := contrastTile{zero: given[3], low: given[10], none: given[11], unit: given[12]}
	groups := given[13:]
	p.row, p.column, p.next = Mul(Div(t, nc), rows), Mul(Mod(t, nc), columns), Add(t, one)
	i, j = Add(i, like(i, p.row)), Add(j, like(j, p.column)) // [rows, 1], [1, columns]
	and := func(condition *Node) {
		if p.inside != nil {
			condition = LogicalAnd(p.inside, condition)
		}
		p.inside = condition
	}
	if c.nr*c.rows != c.n {
		and(LessThan(i, like(i, n)))
	}
	if c.nc*c.columns != c.m {
		and(LessThan(j, like(j, m)))
	}
	if c.notSelf {
		and(NotEqual(i, j))
	}
	if p.inside != nil {
		p.inside = BroadcastToDims(p.inside, c.rows, c.columns)
	}
	if c.groups != nil {
		gi := DynamicSlice(groups[0], []*Node{p.row, p.zero}, []int{c.rows, 1})
		gj := DynamicSlice(groups[1], []*Node{p.zero, p.column}, []int{1, c.columns})
		p.same = p.only(ConvertDType(Equal(gi, gj), c.x.DType()), p.none)
	}
	if c.diagonal { // padding lies on it too, but only behind the last row
		p.self = Equal(BroadcastToDims(i, c.rows, c.columns), BroadcastToDims(j, c.rows, c.columns))
	}
	return p
}

// only sets x to a scalar outside of what counts.
func (p contrastTile) only(x, otherwise *Node) *Node {
	if p.inside == nil {
		return x
	}
	return Where(p.inside, x, like(x, otherwise))
}

// sums is what forward leaves for the losses and for backward, without gradients: of rows [N] and columns [M] the maximum and
// Σ exp(S − maximum); of positives the mean of their S, and with groups how many they are.
type sums struct {
	rowMax, rowSum, columnMax, columnSum *Node
	positives, positivesOf, count        *Node // or nil; count of rows and columns alike
}

func (c *contrast) forward() sums {
	g, dtype := c.x.Graph(), c.x.DType()
	n, m := c.nr*c.rows, c.nc*c.columns
	given := c.given()
	k := len(given)
	given = append(given, padTo(c.x, 0, n), padTo(c.y, 0, m))
	low := lowest(g, dtype)
	carried := []*Node{integer(g, 0), BroadcastToDims(low, n, 1), c.zeros(n, 1), BroadcastToDims(low, 1, m), c.zeros(1, m)}
	switch {
	case c.diagonal:
		carried = append(carried, c.zeros(n, 1))
	case c.groups != nil:
		carried = append(carried, c.zeros(n, 1), c.zeros(n, 1), c.zeros(1, m))
	}
	out := while(carried, given, c.more, func(s, given []*Node) []*Node {
		p := c.tile(s[0], given)
		x := DynamicSlice(given[k], []*Node{p.row, p.zero}, []int{c.rows, c.d})
		y := DynamicSlice(given[k+1], []*Node{p.column, p.zero}, []int{c.columns, c.d})
		inner := Einsum("ND,MD->NM", x, y)
		scores := p.only(inner, p.low)

		// online softmax along the rows …
		atRow, rowSize := []*Node{p.row, p.zero}, []int{c.rows, 1}
		m, sum := DynamicSlice(s[1], atRow, rowSize), DynamicSlice(s[2], atRow, rowSize)
		newM := alone(Max(m, fold(scores, 1, Max)), p.unit)
		sum = Add(Mul(sum, Exp(Sub(m, newM))), fold(p.only(Exp(Sub(scores, newM)), p.none), 1, Add))

		// … and along the columns
		atColumn, columnSize := []*Node{p.zero, p.column}, []int{1, c.columns}
		cm, csum := DynamicSlice(s[3], atColumn, columnSize), DynamicSlice(s[4], atColumn, columnSize)
		newCM := alone(Max(cm, fold(scores, 0, Max)), p.unit)
		csum = Add(Mul(csum, Exp(Sub(cm, newCM))), fold(p.only(Exp(Sub(scores, newCM)), p.none), 0, Add))

		next := []*Node{p.next, DynamicUpdateSlice(s[1], newM, atRow), DynamicUpdateSlice(s[2], sum, atRow),
			DynamicUpdateSlice(s[3], newCM, atColumn), DynamicUpdateSlice(s[4], csum, atColumn)}
		// A positive's S is taken from the tile, and not computed by itself: so it is the maximum's, to the last bit, where it is
		// the largest.
		along := func(axis int, state, x *Node) {
			at, size := atRow, rowSize
			if axis == 0 {
				at, size = atColumn, columnSize
			}
			next = append(next, DynamicUpdateSlice(state, Add(DynamicSlice(state, at, size), fold(x, axis, Add)), at))
		}
		switch {
		case p.self != nil:
			along(1, s[5], Where(p.self, inner, like(inner, p.none)))
		case p.same != nil:
			positives := Where(NotEqual(p.same, like(p.same, p.none)), inner, like(inner, p.none))
			along(1, s[5], p.same)
			along(1, s[6], positives)
			along(0, s[7], positives)
		}
		return next
	})
	vector := func(x *Node, length int) *Node { return StopGradient(shorten(Reshape(x, -1), 0, length)) }
	f := sums{rowMax: vector(out[1], c.n), rowSum: vector(out[2], c.n), columnMax: vector(out[3], c.m), columnSum: vector(out[4], c.m)}
	switch {
	case c.diagonal:
		f.positives = vector(out[5], c.n)
		f.positivesOf = f.positives
	case c.groups != nil:
		count := vector(out[5], c.n)
		f.count = Max(count, OnesLike(count)) // what has no positives has the mean 0
		f.positives, f.positivesOf = Div(vector(out[6], c.n), f.count), Div(vector(out[7], c.m), f.count)
	}
	return f
}

// backward returns the gradients at x and y from those at the rows' and columns' log-sums and at both means of positives, end
// to end in d. With r, c, p and q for them, and G[i,j] = 1 for positives:
//
//	dS[i,j] = rᵢ/rowSumᵢ·exp(S[i,j] − rowMaxᵢ) + cⱼ/columnSumⱼ·exp(S[i,j] − columnMaxⱼ) + G[i,j]·(pᵢ/countᵢ + qⱼ/countⱼ)
//	dX = dS·Y    dY = dSᵀ·X
func (c *contrast) backward(f sums, d *Node) []*Node {
	n, m := c.nr*c.rows, c.nc*c.columns
	row := func(x *Node) *Node { return padTo(Reshape(x, c.n, 1), 0, n) }
	column := func(x *Node) *Node { return padTo(Reshape(x, 1, c.m), 1, m) }
	given := c.given()
	k := len(given)
	given = append(given, padTo(c.x, 0, n), padTo(TransposeAllAxes(c.x, 1, 0), 1, n), padTo(c.y, 0, m),
		row(f.rowMax), row(Div(Slice(d, AxisRange(0, c.n)), f.rowSum)),
		column(f.columnMax), column(Div(Slice(d, AxisRange(c.n, c.n+c.m)), f.columnSum)))
	var p, q *Node
	if f.positives != nil {
		p, q = Slice(d, AxisRange(c.n+c.m, c.n+c.m+c.n)), Slice(d, AxisRange(c.n+c.m+c.n))
	}
	if c.groups != nil {
		given = append(given, row(Div(p, f.count)), column(Div(q, f.count)))
	}
	carried := []*Node{integer(c.x.Graph(), 0), c.zeros(n, c.d), c.zeros(c.d, m)}
	out := while(carried, given, c.more, func(s, given []*Node) []*Node {
		p := c.tile(s[0], given)
		rowsOf := func(x, from *Node, length int) *Node {
			return DynamicSlice(x, []*Node{from, p.zero}, []int{length, x.Shape().Dim(1)})
		}
		columnsOf := func(x, from *Node, length int) *Node {
			return DynamicSlice(x, []*Node{p.zero, from}, []int{x.Shape().Dim(0), length})
		}
		e := given[k:]
		x, xColumns := rowsOf(e[0], p.row, c.rows), columnsOf(e[1], p.row, c.rows)
		y := rowsOf(e[2], p.column, c.columns)
		scores := Einsum("ND,MD->NM", x, y)
		ds := Add(
			Mul(Exp(Sub(scores, rowsOf(e[3], p.row, c.rows))), rowsOf(e[4], p.row, c.rows)),
			Mul(Exp(Sub(scores, columnsOf(e[5], p.column, c.columns))), columnsOf(e[6], p.column, c.columns)))
		ds = p.only(ds, p.none)
		if p.same != nil {
			ds = Add(ds, Mul(p.same, Add(rowsOf(e[7], p.row, c.rows), columnsOf(e[8], p.column, c.columns))))
		}
		dx := Add(rowsOf(s[1], p.row, c.rows), Einsum("NM,MD->ND", ds, y))
		dy := Add(columnsOf(s[2], p.column, c.columns), Einsum("DN,NM->DM", xColumns, ds))
		return []*Node{p.next, DynamicUpdateSlice(s[1], dx, []*Node{p.row, p.zero}), DynamicUpdateSlice(s[2], dy, []*Node{p.zero, p.column})}
	})
	dx, dy := shorten(out[1], 0, c.n), TransposeAllAxes(shorten(out[2], 1, c.m), 1, 0)
	if c.diagonal { // dS[i,i] needs no tile
		both := ExpandAxes(Add(p, q), 1)
		dx, dy = Add(dx, Mul(both, c.y)), Add(dy, Mul(both, c.x))
	}
	return []*Node{dx, dy}
}
