package attention_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// cached are the forms of self-attention that a cache must serve; lengths and prefix are nodes of two rows.
var cached = []struct {
	name   string
	config func(lengths, prefix *Node) attention.Config
}{
	{"plain", func(_, _ *Node) attention.Config { return attention.Config{Heads: 2} }},
	{"rotated", func(_, _ *Node) attention.Config { return attention.Config{Heads: 2, RoPE: 100} }},
	{"grouped", func(_, _ *Node) attention.Config { return attention.Config{Heads: 2, KeyValueHeads: 1, RoPE: 100} }},
	{"window", func(_, _ *Node) attention.Config { return attention.Config{Heads: 2, Mask: attention.Mask{Window: 2}} }},
	{"padding", func(n, _ *Node) attention.Config { return attention.Config{Heads: 2, Mask: attention.Mask{Lengths: n}} }},
	{"prefix", func(_, p *Node) attention.Config { return attention.Config{Heads: 2, Mask: attention.Mask{Prefix: p}} }},
}

// inPieces is self-attention over x [2, 5, 4] by a cache of the given room: the first `prompt` positions at once, then one at
// a time. Positions are a scalar, or a number for each row.
func inPieces(s *model.Scope, x *Node, c attention.Config, prompt, room int, perRow bool) (z, weights *Node) {
	cache := attention.NewCache(x, room, c)
	var parts, looks []*Node
	for from, to := 0, prompt; from < 5; from, to = to, to+1 {
		position := Scalar(x.Graph(), dtypes.Int32, float64(from))
		if perRow {
			position = BroadcastToDims(position, 2)
		}
		var out attention.Output
		out, cache = attention.SelfCached(s, Slice(x, AxisRange(), AxisRange(from, to)), position, cache, c)
		parts = append(parts, out.Z)
		if out.Weights != nil {
			looks = append(looks, out.Weights)
		}
	}
	if looks != nil {
		weights = Slice(Concatenate(looks, 2), AxisRange(), AxisRange(), AxisRange(), AxisRange(0, 5))
	}
	return Concatenate(parts, 1), weights
}

// TestSelfCached: whatever the mask, the pieces, the room, and the form of the position, z and the weights are those of Self.
func TestSelfCached(t *testing.T) {
	for _, b := range []compute.Backend{quick, backend} {
		for _, form := range cached {
			if b == backend && form.name != "grouped" && form.name != "padding" {
				continue // XLA compiles slowly
			}
			t.Run(form.name+"/"+b.Name(), func(t *testing.T) {
				out := nntest.Run(t, b, nil, func(s *model.Scope, in []*Node) []*Node {
					c := form.config(in[1], in[2])
					c.Mask.Causal, c.Weights = true, true
					whole := attention.Self(s, in[0], c)
					results := []*Node{whole.Z, whole.Weights}
					for _, prompt := range []int{1, 3, 5} {
						if form.name == "prefix" && prompt < 3 {
							continue // a prefix must come in one piece
						}
						for _, perRow := range []bool{false, true} {
							z, weights := inPieces(s, in[0], c, prompt, 5+prompt%3, perRow)
							results = append(results, z, weights)
						}
					}
					return results
				}, nntest.Random(1, 2, 5, 4), counts(3, 5), counts(3, 2))
				for i := 2; i < len(out); i += 2 {
					nntest.Compare(t, fmt.Sprintf("z, way %d", i/2), out[i], out[0])
					nntest.Compare(t, fmt.Sprintf("weights, way %d", i/2), out[i+1], out[1])
				}
			})
		}
	}
}

// TestSelfCachedRows: rows that go on at different places are the rows of Self, each at its own position.
func TestSelfCachedRows(t *testing.T) {
	out := nntest.Run(t, quick, nil, func(s *model.Scope, in []*Node) []*Node {
		x, g := in[0], in[0].Graph()
		c := attention.Config{Heads: 2, RoPE: 100, Mask: attention.Mask{Causal: true}}
		whole := attention.Self(s, x, c).Z
		row := func(x *Node, b, from, to int) *Node { return Slice(x, AxisRange(b, b+1), AxisRange(from, to)) }

		// Row 0 has 2 positions in the cache and row 1 has 3, with something in the slot where row 0 goes on.
		cache := attention.NewCache(x, 6, c)
		_, cache = attention.SelfCached(s, Slice(x, AxisRange(), AxisRange(0, 3)), Scalar(g, dtypes.Int32, 0), cache, c)
		next := Concatenate([]*Node{row(x, 0, 2, 4), row(x, 1, 3, 5)}, 0)
		out, _ := attention.SelfCached(s, next, in[1], cache, c)
		return []*Node{out.Z, Concatenate([]*Node{row(whole, 0, 2, 4), row(whole, 1, 3, 5)}, 0)}
	}, nntest.Random(1, 2, 5, 4), counts(2, 3))
	nntest.Compare(t, "z", out[0], out[1])
}

// TestOneProgram: one compiled step serves every position, its position being an input.
func TestOneProgram(t *testing.T) {
	const room = 7
	c := attention.Config{Heads: 2, RoPE: 100, Mask: attention.Mask{Causal: true}}
	for _, b := range []compute.Backend{quick, backend} {
		store, x, compiled := model.NewStore(), nntest.Random(3, 1, room, 4), 0
		whole := nntest.Run(t, b, store, func(s *model.Scope, in []*Node) []*Node { return []*Node{attention.Self(s, in[0], c).Z} }, x)[0]
		exec, err := model.NewExec(b, store, func(s *model.Scope, in []*Node) []*Node {
			compiled++
			out, cache := attention.SelfCached(s, in[0], in[1], attention.Caches(in[2:])[0], c)
			return append([]*Node{out.Z}, attention.Nodes([]attention.Cache{cache})...)
		})
		if err != nil {
			t.Fatal(err)
		}
		empty := shapes.Make(dtypes.Float64, 1, room, 2, 2)
		kept := []*tensors.Tensor{tensors.FromShape(empty), tensors.FromShape(empty)}
		values := nntest.Flat(t, x)
		for i := range room {
			word := tensors.FromFlatDataAndDimensions(append([]float64(nil), values[4*i:4*i+4]...), 1, 1, 4)
			out, err := exec.Call(word, int32(i), kept[0], kept[1])
			if err != nil {
				t.Fatal(err)
			}
			nntest.Compare(t, fmt.Sprintf("%s, position %d", b.Name(), i), nntest.Flat(t, out[0]), whole[4*i:4*i+4])
			kept = out[1:]
		}
		if compiled != 1 {
			t.Errorf("%s: the step was built %d times for %d positions", b.Name(), compiled, room)
		}
	}
}

// TestSelfCachedGradients: through the cache, gradients at x and at the weights are what finite differences say.
func TestSelfCachedGradients(t *testing.T) {
	nntest.CheckGradient(t, quick, 3, func(s *model.Scope, in []*Node) *Node {
		nntest.Bind(s, "qkv/weights", in[1])
		nntest.Bind(s, "out/weights", in[2])
		c := attention.Config{Heads: 2, KeyValueHeads: 1, RoPE: 100, Mask: attention.Mask{Causal: true, Lengths: in[4]}}
		scalar, _ := inPieces(s, in[0], c, 2, 6, false)
		rows, _ := inPieces(s, in[0], c, 3, 6, true)
		return ReduceAllSum(Mul(Add(scalar, MulScalar(rows, 2)), in[3]))
	}, nntest.Random(1, 2, 5, 4), nntest.Random(2, 4, 8), nntest.Random(3, 4, 4), nntest.Random(4, 2, 5, 4), counts(3, 5))
}

// TestCrossModalCached: keys and values that were computed once give the layer, for several queries side by side and one
// after the other; gradients at x and y are what finite differences say.
func TestCrossModalCached(t *testing.T) {
	for name, values := range map[string]func(in []*Node) attention.Values{
		"y":        func([]*Node) attention.Values { return attention.Values{} },
		"sequence": func(in []*Node) attention.Values { return attention.Values{Sequence: in[3]} },
		"raw":      func(in []*Node) attention.Values { return attention.Values{Sequence: in[3], Raw: true} },
	} {
		t.Run(name, func(t *testing.T) {
			c := func(in []*Node) attention.Config {
				return attention.Config{Heads: 2, Mask: attention.Mask{Lengths: in[4]}}
			}
			pieces := func(s *model.Scope, in []*Node) *Node {
				cache := attention.CrossModalCache(s, in[1], values(in), 4, c(in))
				first := attention.CrossModalCached(s, Slice(in[0], AxisRange(), AxisRange(0, 2)), cache, c(in))
				second := attention.CrossModalCached(s, Slice(in[0], AxisRange(), AxisRange(2, 3)), cache, c(in))
				return Concatenate([]*Node{first.Z, second.Z}, 1)
			}
			in := []*tensors.Tensor{nntest.Random(1, 2, 3, 4), nntest.Random(2, 2, 5, 6), nntest.Random(3, 2, 3, 4), nntest.Random(4, 2, 5, 8),
				counts(5, 2)}
			out := nntest.Run(t, quick, nil, func(s *model.Scope, in []*Node) []*Node {
				return []*Node{pieces(s, in), attention.CrossModal(s, in[0], in[1], values(in), c(in)).Z}
			}, in...)
			nntest.Compare(t, "z", out[0], out[1])
			if name != "raw" {
				return
			}
			in = append(in, nntest.Random(5, 4, 4), nntest.Random(6, 6, 4), nntest.Random(7, 8, 4))
			nntest.CheckGradient(t, quick, 2, func(s *model.Scope, in []*Node) *Node {
				for i, layer := range []string{"query", "key", "out"} {
					nntest.Bind(s, layer+"/weights", in[5+i])
				}
				return ReduceAllSum(Mul(pieces(s, in), in[2]))
			}, in...)
		})
	}
}

func TestCacheRefuses(t *testing.T) {
	x := func(g *Graph, l int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, 2, l, 4)) }
	step := func(l int, position any, change func(*attention.Config, *attention.Cache)) func(*Graph) {
		return func(g *Graph) {
			c := attention.Config{Heads: 2, Mask: attention.Mask{Causal: true}}
			cache := attention.NewCache(x(g, 1), 3, c)
			if change != nil {
				change(&c, &cache)
			}
			attention.SelfCached(model.NewStore().RootScope(), x(g, l), Const(g, position), cache, c)
		}
	}
	type config = attention.Config
	type cache = attention.Cache
	for want, build := range map[string]func(*Graph){
		"room for at least 1":         func(g *Graph) { attention.NewCache(x(g, 1), 0, config{Heads: 2}) },
		"a cache needs a causal mask": step(1, int32(0), func(c *config, _ *cache) { c.Mask.Causal = false }),
		"the mask has an Offset": step(1, int32(0), func(c *config,
			k *cache) {
			c.Mask.Offset = Const(k.Keys.Graph(), int32(0))
		}),
		"4 new positions do not fit into a cache of 3":    step(4, int32(0), nil),
		"1 new positions from position 3 on do not fit":   step(1, int32(3), nil),
		"2 new positions from position 2 on do not fit":   step(2, []int64{0, 2}, nil),
		"1 new positions from position -1 on do not fit":  step(1, int8(-1), nil),
		"the position counts positions, in integers":      step(1, float32(0), nil),
		"the position is (Int32)[3]: it must be a scalar": step(1, []int32{0, 0, 0}, nil),
		"the keys of the cache are (Float32)[2, 3, 2, 2]": step(1, int32(0), func(c *config, _ *cache) { c.Heads = 4 }),
		"the values of the cache are (Float32)[2, 3, 2]": step(1, int32(0), func(_ *config, k *cache) {
			k.Values = Squeeze(Slice(k.Values, AxisRange(), AxisRange(), AxisRange(), AxisElem(0)), -1)
		}),
		"keys of 3 positions, and values of 2": step(1, int32(0),
			func(_ *config, k *cache) { k.Values = Slice(k.Values, AxisRange(), AxisRange(0, 2)) }),
		"3 nodes are not caches": func(g *Graph) { attention.Caches([]*Node{x(g, 1), x(g, 1), x(g, 1)}) },
		"for x (Float32)[2, 1, 4] they must be (Float32)[2, S, 2": step(1, int32(0),
			func(_ *config, k *cache) { k.Keys = ConvertDType(k.Keys, dtypes.Float64) }),
	} {
		refuses(t, want, build)
	}
}

// TestPositions: learned positions are looked up where the new ones stand.
func TestPositions(t *testing.T) {
	out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
		return []*Node{attention.Positions(in[0], 3), attention.Positions(in[1], 2)}
	}, tensors.FromValue(int64(5)), counts(0, 7))
	if got := strings.Join([]string{fmt.Sprint(out[0]), fmt.Sprint(out[1])}, " "); got != "[5 6 7] [0 1 7 8]" {
		t.Errorf("the positions are %s", got)
	}
}
