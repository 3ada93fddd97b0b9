package attention_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// masks are every kind of mask, each with what it looks like for two rows of 4 queries and keys: a line for each query,
// 1 where it may look. Masks without lengths and prefix are the same in both rows.
var masks = []struct {
	name   string
	square bool // needs as many queries as keys
	mask   func(lengths, prefix *Node) attention.Mask
	rows   [2]string
}{
	{"all", false, func(_, _ *Node) attention.Mask { return attention.Mask{} },
		[2]string{"1111 1111 1111 1111"}},
	{"causal", true, func(_, _ *Node) attention.Mask { return attention.Mask{Causal: true} },
		[2]string{"1000 1100 1110 1111"}},
	{"window", true, func(_, _ *Node) attention.Mask { return attention.Mask{Window: 2} },
		[2]string{"1100 1110 0111 0011"}},
	{"wide window", true, func(_, _ *Node) attention.Mask { return attention.Mask{Window: 1 << 40} },
		[2]string{"1111 1111 1111 1111"}},
	{"causal window", true, func(_, _ *Node) attention.Mask { return attention.Mask{Causal: true, Window: 2} },
		[2]string{"1000 1100 0110 0011"}},
	{"prefix", true, func(_, p *Node) attention.Mask { return attention.Mask{Causal: true, Prefix: p} },
		[2]string{"1110 1110 1110 1111", "1000 1100 1110 1111"}},
	{"padding", false, func(n, _ *Node) attention.Mask { return attention.Mask{Lengths: n} },
		[2]string{"1100 1100 1100 1100", "1111 1111 1111 1111"}},
	{"causal padding", true, func(n, _ *Node) attention.Mask { return attention.Mask{Causal: true, Lengths: n} },
		[2]string{"1000 1100 1100 1100", "1000 1100 1110 1111"}},
	{"window padding", true, func(n, _ *Node) attention.Mask { return attention.Mask{Window: 2, Lengths: n} },
		[2]string{"1100 1100 0100 0000", "1100 1110 0111 0011"}},
	{"causal window padding", true, func(n, _ *Node) attention.Mask { return attention.Mask{Causal: true, Window: 2, Lengths: n} },
		[2]string{"1000 1100 0100 0000", "1000 1100 0110 0011"}},
	{"prefix padding", true, func(n, p *Node) attention.Mask { return attention.Mask{Causal: true, Prefix: p, Lengths: n} },
		[2]string{"1100 1100 1100 1100", "1000 1100 1110 1111"}},
}

func maskNamed(name string) func(lengths, prefix *Node) attention.Mask {
	for _, c := range masks {
		if c.name == name {
			return c.mask
		}
	}
	panic("there is no mask " + name)
}

// TestMask: masks look as in the table, and no less simple than they must: nil when all is allowed, without an axis that
// is everywhere the same.
func TestMask(t *testing.T) {
	shape := map[string][]int{"padding": {2, 1, 1, 4}, "prefix": {2, 1, 4, 4}}
	for _, c := range masks {
		t.Run(c.name, func(t *testing.T) {
			want := shape[c.name]
			if c.rows[1] == "" {
				want, c.rows[1] = []int{1, 1, 4, 4}, c.rows[0]
			}
			got := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
				mask := c.mask(in[0], in[1]).Build(in[0].Graph(), 4, 4)
				if (mask == nil) != (c.name == "all") {
					t.Fatalf("the mask is %s", mask)
				}
				if mask == nil {
					return in
				}
				if want != nil {
					mask.AssertDims(want...)
				}
				return []*Node{BroadcastToDims(mask, 2, 1, 4, 4)}
			}, counts(2, 9), counts(3, -1))
			if c.name != "all" {
				compareMask(t, c.name, got[0], c.rows)
			}
		})
	}
}

// TestMaskIsKept: whoever attends, by whichever kernel, looks exactly where the mask allows. With one-hot values, z is the
// weights.
func TestMaskIsKept(t *testing.T) {
	for kernel, choice := range kernels {
		t.Run(kernel, func(t *testing.T) {
			out := nntest.Run(t, on(t, choice), nil, func(_ *model.Scope, in []*Node) []*Node {
				identity := ConvertDType(Diagonal(in[0].Graph(), 4), in[0].DType())
				v := BroadcastToDims(Reshape(identity, 1, 4, 1, 4), 2, 4, 1, 4) // [B, S, G, W]
				z := make([]*Node, len(masks))
				for i, c := range masks {
					z[i] = attention.Attend(in[0], in[1], v, c.mask(in[2], in[3]), attention.Options{Kernel: choice}).Z
				}
				return z
			}, nntest.Random(1, 2, 4, 1, 3), nntest.Random(2, 2, 4, 1, 3), counts(2, 9), counts(3, -1))
			for i, c := range masks {
				if c.rows[1] == "" {
					c.rows[1] = c.rows[0]
				}
				compareMask(t, c.name, out[i], c.rows)
			}
		})
	}
}

// compareMask compares weights or a mask [2, 1, 4, 4] with a picture of where they are positive.
func compareMask(t *testing.T, name string, got []float64, want [2]string) {
	t.Helper()
	var picture strings.Builder
	for i, w := range got {
		switch {
		case i == 16:
			picture.WriteByte('\n')
		case i > 0 && i%4 == 0:
			picture.WriteByte(' ')
		}
		switch {
		case w == 0:
			picture.WriteByte('0')
		case w > 0 && w <= 1:
			picture.WriteByte('1')
		default:
			picture.WriteByte('?')
		}
	}
	if picture.String() != want[0]+"\n"+want[1] {
		t.Errorf("%s: the mask is\n%s\nwant\n%s\n%s", name, &picture, want[0], want[1])
	}
}

// TestOffset: queries that stand at an offset see what the queries at their positions see in the square mask, row by row, and
// offsets beyond the keys are no trouble.
func TestOffset(t *testing.T) {
	const l, s = 2, 4
	for _, c := range masks {
		if !c.square {
			continue
		}
		for _, offsets := range [][]int{{0}, {2}, {1, 2}, {0, 2}} {
			out := nntest.Run(t, quick, nil, func(g *model.Scope, in []*Node) []*Node {
				mask := c.mask(in[0], in[1])
				square := BroadcastToDims(mask.Build(in[0].Graph(), s, s), 2, 1, s, s)
				mask.Offset = in[2]
				if len(offsets) == 1 {
					mask.Offset = Reshape(in[2])
				}
				return []*Node{BroadcastToDims(mask.Build(in[0].Graph(), l, s), 2, 1, l, s), square}
			}, counts(2, 9), counts(3, -1), counts(offsets...))
			for row := range 2 {
				from := row*s*s + offsets[row%len(offsets)]*s
				nntest.Compare(t, fmt.Sprintf("%s from %v, row %d", c.name, offsets, row), out[0][row*l*s:(row+1)*l*s], out[1][from:from+l*s])
			}
		}
	}
	out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
		causal := func(m attention.Mask) *Node {
			m.Causal, m.Offset = true, in[0]
			return m.Build(in[0].Graph(), l, s)
		}
		neighbours := attention.Mask{Window: 2, Offset: in[0]}.Build(in[0].Graph(), l, s)
		return []*Node{causal(attention.Mask{}), causal(attention.Mask{Window: 2}), causal(attention.Mask{Window: 1 << 40}), neighbours}
	}, tensors.FromFlatDataAndDimensions([]int64{-9, -1, 4, 1 << 40}, 4))
	for i, want := range []string{
		"0000 0000|0000 1000|1111 1111|1111 1111", "0000 0000|0000 1000|0001 0000|0000 0000",
		"0000 0000|0000 1000|1111 1111|1111 1111", "0000 0000|1000 1100|0001 0000|0000 0000",
	} {
		if i == 2 { // a window of 1<<40 positions hides nothing, nor at an offset of 1<<40; nothing that far away is ever asked for
			want = "0000 0000|0000 1000|1111 1111|0000 0000"
		}
		var picture strings.Builder
		for n, allowed := range out[i] {
			if n > 0 && n%(l*s) == 0 {
				picture.WriteByte('|')
			} else if n > 0 && n%s == 0 {
				picture.WriteByte(' ')
			}
			fmt.Fprint(&picture, allowed)
		}
		if picture.String() != want {
			t.Errorf("offsets beyond the keys, mask %d: %s, want %s", i, &picture, want)
		}
	}
}

// TestInterval: bounds are Int32, between 0 and the number of keys, as small as they can be, and nil where there are none.
func TestInterval(t *testing.T) {
	out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
		g := in[0].Graph()
		if keys := (attention.Mask{}).Interval(g, 2, 3); keys.From != nil || keys.To != nil {
			t.Errorf("no mask has the bounds %s and %s", keys.From, keys.To)
		}
		padding := attention.Mask{Lengths: in[0]}.Interval(g, 2, 3)
		if padding.From != nil {
			t.Errorf("padding is bounded from below, by %s", padding.From)
		}
		window := attention.Mask{Window: 2, Lengths: in[0]}.Interval(g, 4, 4)
		padding.To.AssertDims(2, 1)
		window.From.AssertDims(1, 4)
		window.To.AssertDims(2, 4)
		return []*Node{padding.To, window.From, window.To}
	}, tensors.FromFlatDataAndDimensions([]int64{-3, 9}, 2))
	for i, want := range [][]float64{{0, 3}, {0, 0, 1, 2}, {0, 0, 0, 0, 2, 3, 4, 4}} {
		nntest.Compare(t, []string{"lengths", "from", "to"}[i], out[i], want)
	}
}
