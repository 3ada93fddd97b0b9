package attention_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/task"
)

// TestPanics: what does not fit is refused, and the message says what.
func TestPanics(t *testing.T) {
	type mask = attention.Mask
	type config = attention.Config
	zeros := func(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, dims...)) }
	count := func(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Int32, dims...)) }
	scope := func() *model.Scope { return model.NewStore().RootScope() }
	self := func(g *Graph, c config) { attention.Self(scope(), zeros(g, 2, 4, 10), c) }
	cross := func(x, y *Node, v attention.Values, c config) { attention.CrossModal(scope(), x, y, v, c) }
	attend := func(g *Graph, m mask, o attention.Options) {
		attention.Attend(zeros(g, 2, 3, 4, 5), zeros(g, 2, 3, 2, 5), zeros(g, 2, 3, 2, 5), m, o)
	}
	for want, build := range map[string]func(g *Graph){
		"width 10 is not a multiple of the number of heads 3": func(g *Graph) { self(g, config{Heads: 3}) },
		"number of heads 0": func(g *Graph) { self(g, config{}) },
		"2 heads are not a multiple of the number of key and value heads 3": func(g *Graph) { self(g, config{Heads: 2, KeyValueHeads: 3}) },
		"width of a head is -2":            func(g *Graph) { self(g, config{Heads: 2, HeadWidth: -2}) },
		"key and value heads -1":           func(g *Graph) { self(g, config{Heads: 2, KeyValueHeads: -1}) },
		"the 5 numbers of a head in pairs": func(g *Graph) { self(g, config{Heads: 2, RoPE: 1e4}) },
		"base of the rotation is -1":       func(g *Graph) { self(g, config{Heads: 1, RoPE: -1}) },
		"base of the rotation is NaN":      func(g *Graph) { attention.Rotate(zeros(g, 1, 2, 3, 4), nil, math.NaN()) },
		"positions for 3 rows, and 2 rows": func(g *Graph) { attention.Rotate(zeros(g, 2, 2, 3, 4), count(g, 3, 2), 10) },
		"axis 1 has dimension 3, wanted 2": func(g *Graph) { attention.Rotate(zeros(g, 2, 2, 3, 4), count(g, 3), 10) },
		"rank":                             func(g *Graph) { attention.Self(scope(), zeros(g, 2, 10), config{Heads: 2}) },
		"RoPE is 100": func(g *Graph) {
			cross(zeros(g, 1, 2, 4), zeros(g, 1, 3, 6), attention.Values{}, config{Heads: 2, RoPE: 100})
		},
		"raw values of width 5 do not divide among 2 heads": func(g *Graph) {
			cross(zeros(g, 1, 2, 4), zeros(g, 1, 3, 5), attention.Values{Raw: true}, config{Heads: 2})
		},
		"axis 1 has dimension 2, wanted 3": func(g *Graph) {
			cross(zeros(g, 1, 2, 4), zeros(g, 1, 3, 6), attention.Values{Sequence: zeros(g, 1, 2, 4)}, config{Heads: 2})
		},
		"axis 0 has dimension 3, wanted 1": func(g *Graph) {
			cross(zeros(g, 1, 2, 4), zeros(g, 3, 3, 6), attention.Values{},
				config{Heads: 2})
		},
		"keys (Float32)[1, 0, 3, 4]: no axis may have length 0": func(g *Graph) {
			attention.Scores(zeros(g, 1, 2, 3, 4),
				zeros(g, 1, 0, 3, 4))
		},
		"queries (Float32)[0, 2, 3, 4] and keys (Float32)[0, 2, 3, 4]: no axis may have length 0": func(g *Graph) {
			attention.Scores(zeros(g, 0, 2, 3, 4),
				zeros(g, 0, 2, 3, 4))
		},
		"axis 3 has dimension 5, wanted 4": func(g *Graph) {
			attention.Scores(zeros(g, 1, 2, 3, 4),
				zeros(g, 1, 2, 3, 5))
		},
		"axis 0 has dimension 2, wanted 1": func(g *Graph) {
			attention.Scores(zeros(g, 1, 2, 3, 4),
				zeros(g, 2, 2, 3, 4))
		},
		"3 query heads cannot share 2 key heads": func(g *Graph) {
			attention.Scores(zeros(g, 1, 2, 3, 4),
				zeros(g, 1, 2, 2, 4))
		},
		"axis 2 has dimension 1, wanted 3": func(g *Graph) {
			attention.ScaledDotProduct(zeros(g, 1, 2, 3, 4), zeros(g, 1, 2, 3, 4), zeros(g, 1, 2, 1, 4), nil)
		},
		"or an Offset for the queries":                          func(g *Graph) { mask{Causal: true, Lengths: count(g, 2)}.Build(g, 1, 3) },
		"a mask with an Offset must be Causal or have a Window": func(g *Graph) { mask{Offset: count(g)}.Build(g, 1, 3) },
		"Offset is (Int32)[3]: it must have a number for each of the 2 rows": func(g *Graph) {
			attend(g, mask{Causal: true, Offset: count(g, 3)}, attention.Options{})
		},
		"Offset counts positions, in integers: it cannot be (Float32)": func(g *Graph) { mask{Causal: true, Offset: zeros(g)}.Build(g, 1, 3) },
		"must be boolean": func(g *Graph) { attention.Weights(zeros(g, 1, 1, 2, 2), zeros(g, 1, 1, 2, 2)) },
		"a causal mask needs as many queries as keys, not 2 and 3": func(g *Graph) { mask{Causal: true}.Build(g, 2, 3) },
		"a window needs as many queries as keys, not 2 and 3":      func(g *Graph) { mask{Window: 1}.Build(g, 2, 3) },
		"Window is -1":                        func(g *Graph) { mask{Window: -1}.Interval(g, 3, 3) },
		"a mask with a Prefix must be Causal": func(g *Graph) { mask{Prefix: count(g, 2)}.Interval(g, 3, 3) },
		"a Prefix and a Window (2)":           func(g *Graph) { mask{Causal: true, Window: 2, Prefix: count(g, 2)}.Interval(g, 3, 3) },
		"Lengths counts positions, in integers: it cannot be (Float32)[2]": func(g *Graph) { mask{Lengths: zeros(g, 2)}.Build(g, 2, 2) },
		"(Int32)[3]: it must have a number for each of the 2 rows": func(g *Graph) {
			attend(g, mask{Lengths: count(g, 3)},
				attention.Options{})
		},
		"(Int32)[4]: it must have a number for each of the 2 rows": func(g *Graph) {
			attend(g, mask{Causal: true, Prefix: count(g, 4)},
				attention.Options{})
		},
		"(lean.Always) has no weights to return: ask for Weights with": func(g *Graph) {
			attend(g, mask{},
				attention.Options{Kernel: lean.Always, Weights: true})
		},
	} {
		refuses(t, want, build)
	}
	refuses(t, "Lengths must be a number for each row of the batch, or one for all: it has rank 2", func(g *Graph) {
		mask{Lengths: count(g, 2, 2)}.Build(g, 2, 2)
	})

	// Layers pass on how to compute.
	both := config{Heads: 1, Kernel: lean.Always, Weights: true}
	refuses(t, "(lean.Always) has no weights", func(g *Graph) { self(g, both) })
	refuses(t, "(lean.Always) has no weights", func(g *Graph) { cross(zeros(g, 1, 2, 4), zeros(g, 1, 3, 6), attention.Values{}, both) })
}

func refuses(t *testing.T, want string, build func(g *Graph)) {
	t.Helper()
	g := NewGraph(quick, want)
	defer g.Finalize()
	err := task.Try(func() error { build(g); return nil })
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}
