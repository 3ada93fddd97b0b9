package lean

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// while repeats step as long as more says so, and returns the last state. The state is carried, which each step replaces,
// and given, which stays.
//
// The functions may use nothing but what they are handed, constants neither: go-xla keeps one reduction and one scalar
// constant of a kind for a whole program, and XLA refuses a loop's body that uses those of the main function, or of
// another loop. So numbers travel in given, and sums and maxima are taken by [fold].
func while(carried, given []*Node, more func(c, g []*Node) *Node, step func(c, g []*Node) []*Node) []*Node {
	g, n := carried[0].Graph(), len(carried)
	state := append(append([]*Node(nil), carried...), given...)
	parameters := func(g *Graph) []*Node {
		out := make([]*Node, len(state))
		for i, x := range state {
			out[i] = Parameter(g, fmt.Sprintf("state%d", i), x.Shape())
		}
		return out
	}
	cond := NewClosure(g, func(g *Graph) []*Node {
		s := parameters(g)
		return []*Node{more(s[:n], s[n:])}
	})
	body := NewClosure(g, func(g *Graph) []*Node {
		s := parameters(g)
		return append(step(s[:n:n], s[n:]), s[n:]...)
	})
	return While(cond, body, state...)[:n]
}

// withGradient makes gradient the gradient of out at the inputs: from that at out it makes one for each input.
//
// GoMLX lets an identity of one node have a gradient of its own. So inputs and result are laid end to end in one node,
// which gets it, and the result is cut out again; XLA removes the copying.
func withGradient(out *Node, inputs []*Node, gradient func(dOut *Node) []*Node) *Node {
	flat := func(xs ...*Node) *Node {
		parts := make([]*Node, len(xs))
		for i, x := range xs {
			parts[i] = Reshape(x, -1)
		}
		return Concatenate(parts, 0)
	}
	out = StopGradient(out)
	size := out.Shape().Size()
	cut := func(x *Node) *Node {
		return Reshape(Slice(x, AxisRange(x.Shape().Size()-size)), out.Shape().Dimensions...)
	}
	carrier := IdentityWithCustomGradient(flat(append(append([]*Node(nil), inputs...), out)...), func(_, d *Node) *Node {
		return flat(append(gradient(cut(d)), ZerosLike(out))...)
	})
	return cut(carrier)
}

// fold reduces an axis to length 1 by f, which is Max or Add.
//
// It folds parts of the axis onto each other, 16 or 32 at once, in an expression that uses each part once: so XLA makes
// one loop of it. The axis is folded down to 16 numbers first, which vector units take at once where they lie side by side.
// And the last fold has 16 parts for another reason: with fewer, XLA would make the whole of it a part of each operation
// that uses the result, and recompute it for every number there (a tile of 256 by 256 took 14 ms in place of 0.2).
func fold(x *Node, axis int, f func(a, b *Node) *Node) *Node {
	onto := func(length int) {
		var out *Node
		for from := 0; from < x.Shape().Dim(axis); from += length {
			part := SliceAxis(x, axis, AxisRange(from, from+length))
			if out == nil {
				out = part
			} else {
				out = f(out, part)
			}
		}
		x = out
	}
	const lanes, most = 16, 32
	for x.Shape().Dim(axis) > 1 {
		n := x.Shape().Dim(axis)
		length := 1
		if n > lanes && n%lanes == 0 {
			length = lanes
		}
		for n/length > most && n%(2*length) == 0 {
			length *= 2
		}
		onto(length)
	}
	return x
}

// notEmpty refuses a tensor with an axis of length 0: there is nothing to sum, and no tile.
func notEmpty(what string, x *Node) {
	for axis, n := range x.Shape().Dimensions {
		if n == 0 {
			exceptions.Panicf("lean: axis %d of %s %s has length 0: leave the call out", axis, what, x.Shape())
		}
	}
}

// alone has x computed once, before whatever uses it: XLA makes what is cheap, such as a maximum, a part of each operation
// that uses it, and recomputes it for each number there. A division is not cheap, if by a number that XLA does not
// know: see [unit].
func alone(x, unit *Node) *Node { return Div(x, like(x, unit)) }

// unit is the number 1, as a scalar, in a form that XLA does not recognise: whether a square of a number of x is not
// below −1. (A constant would reach the loop, and there x / 1 is x.)
func unit(x *Node) *Node {
	first := x
	for axis := range x.Rank() {
		first = SliceAxis(first, axis, AxisRange(0, 1))
	}
	first = Reshape(first)
	return ConvertDType(LogicalNot(LessThan(Square(first), Scalar(x.Graph(), x.DType(), -1))), x.DType())
}

// blocks divides n into blocks of equal size, a multiple of 16 and at most limit, and says how many.
func blocks(n, limit int) (size, count int) {
	count = (n + limit - 1) / limit
	size = (n + count - 1) / count
	size = (size + 15) / 16 * 16
	return size, (n + size - 1) / size
}

// padTo appends zeros to an axis.
func padTo(x *Node, axis, length int) *Node {
	missing := length - x.Shape().Dim(axis)
	if missing == 0 {
		return x
	}
	shape := x.Shape().Clone()
	shape.Dimensions[axis] = missing
	return Concatenate([]*Node{x, Zeros(x.Graph(), shape)}, axis)
}

// shorten cuts an axis back to its first length positions.
func shorten(x *Node, axis, length int) *Node {
	return SliceAxis(x, axis, AxisRange(0, length))
}

// like makes a node of x's shape with one number in all places; value is a scalar.
func like(x, value *Node) *Node { return BroadcastToDims(value, x.Shape().Dimensions...) }

// onlyFloats refuses what the kernels cannot sum. Half precision is computed in Float32.
func onlyFloats(what string, x *Node) dtypes.DType {
	switch d := x.DType(); {
	case d == dtypes.Float32 || d == dtypes.Float64:
		return d
	case d.IsFloat16():
		return dtypes.Float32
	}
	exceptions.Panicf("lean: %s has type %s: it must be a floating-point number", what, x.DType())
	return 0
}

// lowest stands for −∞ in a running maximum: no finite score is below it, and unlike −∞ it can be subtracted from itself.
func lowest(g *Graph, dtype dtypes.DType) *Node { return Scalar(g, dtype, -math.MaxFloat32) }

func integer(g *Graph, value int) *Node { return Const(g, int32(value)) }

func count(g *Graph, dims ...int) *Node { // 0, 1, … along the only axis that is longer than 1
	axis := 0
	for i, d := range dims {
		if d > 1 {
			axis = i
		}
	}
	return Iota(g, shapes.Make(dtypes.Int32, dims...), axis)
}
