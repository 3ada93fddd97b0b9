package attention_test

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// checkGradients is nntest.CheckGradient for several scalars of the same inputs at once: of each, the gradients at the first
// n inputs, which are returned, are what finite differences say. All are one graph, for XLA compiles slowly.
func checkGradients(t *testing.T, b compute.Backend, names []string, n int, build nntest.Build, in ...*tensors.Tensor) [][]float64 {
	t.Helper()
	run := nntest.Compile(t, b, nil, withGradients(n, build))
	gradients := run(in...)[1:]
	for i := range n {
		x := nntest.Flat(t, in[i])
		// The losses at moved inputs, in the order in which Differences asks for them.
		var values [][]float64
		changed := append([]*tensors.Tensor(nil), in...)
		nntest.Differences(func(x []float64) float64 {
			changed[i] = tensors.FromFlatDataAndDimensions(append([]float64(nil), x...), in[i].Shape().Dimensions...)
			values = append(values, run(changed...)[0])
			return 0
		}, x)
		for c, name := range names {
			next := 0
			want := nntest.Differences(func([]float64) float64 { next++; return values[next-1][c] }, x)
			nntest.Compare(t, fmt.Sprintf("%s, input %d", name, i), gradients[c*n+i], want)
		}
	}
	return gradients
}

// withGradients returns scalars as one vector, and behind it the gradients of each at the first n inputs.
func withGradients(n int, build nntest.Build) nntest.Build {
	return func(s *model.Scope, in []*Node) []*Node {
		losses := build(s, in)
		out := []*Node{Stack(losses, 0)}
		for _, loss := range losses {
			out = append(out, Gradient(loss, in[:n]...)...)
		}
		return out
	}
}

// checkLayers is checkGradients with the plain formula for all forms of a layer. With the lean kernel the last two, the most
// unlike each other, must have the same gradients; that the kernel itself agrees with finite differences, TestMaskGradients says.
func checkLayers(t *testing.T, names []string, n int, build func(kernel lean.Choice, first int) nntest.Build,
	in func() []*tensors.Tensor) {
	plain := checkGradients(t, quick, names, n, build(lean.Never, 0), in()...)
	t.Run("lean", func(t *testing.T) {
		first := len(names) - 2
		for i, got := range nntest.Run(t, on(t, lean.Always), nil, withGradients(n, build(lean.Always, first)), in()...)[1:] {
			nntest.Compare(t, fmt.Sprintf("%s, input %d", names[first+i/n], i%n), got, plain[first*n+i])
		}
	})
}

// TestMaskGradients: under every mask, by both kernels, gradients at q, k and v are what finite differences say. The two query
// heads share a key head, but for the plain formula also with one for each.
func TestMaskGradients(t *testing.T) {
	const b, l, h, k, w = 2, 4, 2, 2, 3
	for kernel, choice := range kernels {
		for _, g := range []int{1, h} {
			if g == h && choice == lean.Always {
				continue // TestSelfGradients has it
			}
			t.Run(fmt.Sprintf("%s/G=%d", kernel, g), func(t *testing.T) {
				names := make([]string, len(masks))
				for i, c := range masks {
					names[i] = c.name
				}
				checkGradients(t, on(t, choice), names, 3, func(_ *model.Scope, in []*Node) []*Node {
					losses := make([]*Node, len(masks))
					for i, c := range masks {
						z := attention.Attend(in[0], in[1], in[2], c.mask(in[4], in[5]), attention.Options{Kernel: choice}).Z
						losses[i] = ReduceAllSum(Mul(z, in[3]))
					}
					return losses
				}, nntest.Random(1, b, l, h, k), nntest.Random(2, b, l, g, k), nntest.Random(3, b, l, g, w), nntest.Random(4, b, l, h, w),
					counts(3, 0), counts(2, 1))
			})
		}
	}
}

// part is the first rows and, of a matrix, columns of a weight; so forms of different sizes share the inputs of one graph.
func part(x *Node, dims ...int) *Node {
	for axis, n := range dims {
		x = SliceAxis(x, axis, AxisRange(0, n))
	}
	return x
}

// TestSelfGradients: for every form of self-attention, gradients at the input and at every weight are what finite differences
// say, by both kernels.
func TestSelfGradients(t *testing.T) {
	const b, l, d = 2, 3, 4
	forms := []attention.Config{
		{Heads: 2}, {Heads: 2, RoPE: 100}, {Heads: 2, KeyValueHeads: 1}, {Heads: 4, KeyValueHeads: 2},
		{Heads: 2, KeyValueHeads: 1, RoPE: 100, Mask: attention.Mask{Causal: true}},
	}
	names := make([]string, len(forms))
	for i, c := range forms {
		names[i] = fmt.Sprintf("H=%d, G=%d, base %g, causal %v", c.Heads, c.KeyValueHeads, c.RoPE, c.Mask.Causal)
	}
	build := func(kernel lean.Choice, first int) nntest.Build {
		return func(s *model.Scope, in []*Node) []*Node {
			losses := make([]*Node, len(forms)-first)
			for i, c := range forms[first:] {
				width := 3 * d // (H+2G)·K
				if c.KeyValueHeads > 0 {
					width = d + 2*c.KeyValueHeads*d/c.Heads
				}
				s := s.At("form%d", i)
				bind(s, []*Node{part(in[1], width), part(in[2], width), in[3], in[4]})
				c.Kernel = kernel
				losses[i] = ReduceAllSum(Mul(attention.Self(s, in[0], c).Z, in[5]))
			}
			return losses
		}
	}
	checkLayers(t, names, 5, build, func() []*tensors.Tensor {
		return []*tensors.Tensor{nntest.Random(1, b, l, d), nntest.Random(2, 3*d, d), nntest.Random(3, 3*d), nntest.Random(4, d, d),
			nntest.Random(5, d), nntest.Random(6, b, l, d)}
	})
}

// TestCrossModalGradients: the same for cross-modal attention with every reading of V, two sequences of different lengths and
// widths, and a third for the values.
func TestCrossModalGradients(t *testing.T) {
	const b, l, s, d, dY, dV, h, k = 2, 2, 4, 4, 6, 8, 2, 2
	forms := []struct {
		name          string
		sequence, raw bool
		groups        int
	}{
		{"Y·W^V", false, false, 2}, {"V·W^V", true, false, 2}, {"V", true, true, 2}, {"Y, one key head", false, true, 1},
		{"Y", false, true, 2}, {"V·W^V, one key head", true, false, 1},
	}
	names := make([]string, len(forms))
	for i, c := range forms {
		names[i] = c.name
	}
	build := func(kernel lean.Choice, first int) nntest.Build {
		return func(s *model.Scope, in []*Node) []*Node {
			losses := make([]*Node, len(forms)-first)
			for i, c := range forms[first:] {
				v, widthV := attention.Values{Raw: c.raw}, dY
				if c.sequence {
					v.Sequence, widthV = in[2], dV
				}
				projected, out := c.groups*k, h*k // G·K and H·W
				if c.raw {
					out = h * widthV / c.groups
				}
				s := s.At("form%d", i)
				bindAs(s, []*Node{in[3], in[4], part(in[5], projected), part(in[6], projected), part(in[7], d, out), in[8],
					part(in[9], projected, widthV), part(in[10], projected)}, "query", "key", "out", "value")
				losses[i] = ReduceAllSum(Mul(in[11], attention.CrossModal(s, in[0], in[1], v, attention.Config{
					Heads: h, KeyValueHeads: c.groups, Mask: attention.Mask{Lengths: in[12]}, Kernel: kernel,
				}).Z))
			}
			return losses
		}
	}
	checkLayers(t, names, 11, build, func() []*tensors.Tensor {
		return []*tensors.Tensor{nntest.Random(1, b, l, d), nntest.Random(2, b, s, dY), nntest.Random(3, b, s, dV),
			nntest.Random(4, d, d), nntest.Random(5, d), nntest.Random(6, h*k, dY), nntest.Random(7, h*k),
			nntest.Random(8, d, h*dY), nntest.Random(9, d), nntest.Random(10, h*k, dV), nntest.Random(11, h*k),
			nntest.Random(12, b, l, d), counts(3, 4)}
	})
}
