package attention_test

import (
	"fmt"
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
)

// fill gives every variable of a store random numbers, the low-rank ones too.
func fill(t *testing.T, store *model.Store) {
	t.Helper()
	seed := uint64(100)
	for v := range store.IterVariables() {
		if v.Path() == "/"+model.RNGStateVariableName {
			continue
		}
		seed++
		if err := v.SetValue(nntest.Random(seed, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLoRAOfOneSlice: with a low-rank term of one of W^Q, W^K and W^V, what the fused product gives of the two others stays as
// it is, to the bit, with heads that share keys and values too.
func TestLoRAOfOneSlice(t *testing.T) {
	const b, l, d, h = 2, 3, 8, 4
	for _, groups := range []int{4, 2} {
		for changed, target := range []nn.Target{nn.Query, nn.Key, nn.Value} {
			store := model.NewStore()
			plain := attention.Config{Heads: h, KeyValueHeads: groups}
			adapted := plain
			adapted.LoRA = nn.LoRA{Rank: 1, Targets: []nn.Target{target}}
			run := nntest.Compile(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
				q, k, v := attention.Project(plain, s, in[0])
				qA, kA, vA := attention.Project(adapted, s, in[0])
				return []*Node{q, k, v, qA, kA, vA}
			})
			x := nntest.Random(1, b, l, d)
			for _, fresh := range []bool{true, false} {
				out := run(x)
				for i := range 3 {
					same := fmt.Sprint(out[i]) == fmt.Sprint(out[3+i])
					if want := fresh || i != changed; same != want {
						t.Errorf("%d groups, LoRA of %s, just begun: %v: part %d of the product is the same: %v", groups, target, fresh, i, same)
					}
				}
				fill(t, store)
			}
		}
	}
}

// loraCase is a layer with all of its targets adapted.
type loraCase struct {
	name   string
	config attention.Config
	layer  func(s *model.Scope, in []*Node, c attention.Config) *Node
}

func loraCases() []loraCase {
	self := func(s *model.Scope, in []*Node, c attention.Config) *Node { return attention.Self(s, in[0], c).Z }
	cross := func(s *model.Scope, in []*Node, c attention.Config) *Node {
		return attention.CrossModal(s, in[0], in[1], attention.Values{}, c).Z
	}
	return []loraCase{
		{"self", attention.Config{Heads: 2}, self},
		{"self, shared, rotated", attention.Config{Heads: 2, KeyValueHeads: 1, RoPE: 100}, self},
		{"cross-modal", attention.Config{Heads: 2}, cross},
	}
}

// TestLoRAMerged: a layer computes the same when its low-rank terms are folded into its weights, and has as many numbers to
// train as the paper says, r·(in+out) a matrix.
func TestLoRAMerged(t *testing.T) {
	const b, l, s, d, dY, r = 2, 3, 4, 4, 6, 2
	in := []*tensors.Tensor{nntest.Random(1, b, l, d), nntest.Random(2, b, s, dY)}
	for i, c := range loraCases() {
		store := model.NewStore()
		with := c.config
		with.LoRA = nn.LoRA{Rank: r, Alpha: 3, Targets: nn.Targets()}
		compile := func(config attention.Config) func(...*tensors.Tensor) [][]float64 {
			return nntest.Compile(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
				return []*Node{c.layer(s.At("layer"), in, config)}
			})
		}
		base, adapted := compile(c.config), compile(with)
		before := base(in...)
		weights := store.NumParameters()
		if fresh := adapted(in...); fmt.Sprint(fresh) != fmt.Sprint(before) {
			t.Errorf("%s: just begun, it gives %v and not %v", c.name, fresh, before)
		}
		want := []int{r * 4 * (d + d), r * ((d + d) + 2*(d+d/2) + (d + d)), r * ((d + d) + 2*(dY+d) + (d + d))}[i]
		if got := store.NumParameters() - weights; got != want {
			t.Errorf("%s: %d numbers are to be trained, want %d", c.name, got, want)
		}
		fill(t, store)
		learnt := adapted(in...)[0]
		if err := with.LoRA.Merge(store, "/layer"); err != nil {
			t.Fatal(err)
		}
		if store.NumParameters() != weights {
			t.Errorf("%s: merged, it has %d numbers, and %d without LoRA", c.name, store.NumParameters(), weights)
		}
		for k, got := range base(in...)[0] {
			if math.Abs(got-learnt[k]) > 1e-9*(1+math.Abs(learnt[k])) {
				t.Fatalf("%s: merged, number %d is %v, unmerged %v", c.name, k, got, learnt[k])
			}
		}
	}
}

// TestLoRAGradient compares the gradients at A and B with finite differences.
func TestLoRAGradient(t *testing.T) {
	const b, l, s, d, dY, r = 1, 3, 2, 4, 3, 2
	for _, c := range loraCases() {
		c.config.LoRA = nn.LoRA{Rank: r, Alpha: 3, Targets: []nn.Target{nn.Key, nn.Out}}
		layer, dIn, dKey := "qkv", d, d
		if c.config.KeyValueHeads == 1 {
			dKey = d / 2
		}
		if c.name == "cross-modal" {
			layer, dIn = "key", dY
		}
		nntest.CheckGradient(t, quick, 4, func(scope *model.Scope, in []*Node) *Node {
			for i, path := range []string{layer + "/lora/key/a", layer + "/lora/key/b", "out/lora/out/a", "out/lora/out/b"} {
				nntest.Bind(scope, path, in[i])
			}
			columns := d + 2*dKey // the rest of the weights are the same numbers every time
			for path, dims := range map[string][]int{"qkv/weights": {d, columns}, "query/weights": {d, d}, "key/weights": {dY, d},
				"value/weights": {dY, d}, "out/weights": {d, d}} {
				nntest.Bind(scope, path, Const(in[0].Graph(), nntest.Random(uint64(len(path)), dims...)))
			}
			return ReduceAllSum(Mul(in[6], c.layer(scope, in[4:6], c.config)))
		}, nntest.Random(1, dIn, r), nntest.Random(2, r, dKey), nntest.Random(3, d, r), nntest.Random(4, r, d),
			nntest.Random(5, b, l, d), nntest.Random(6, b, s, dY), nntest.Random(7, b, l, d))
	}
}

// TestLoRACached: what is decoded position by position sees the low-rank terms as a whole sequence does.
func TestLoRACached(t *testing.T) {
	c := attention.Config{Heads: 2, Mask: attention.Mask{Causal: true}, LoRA: nn.LoRA{Rank: 1, Targets: nn.Targets()}}
	store := model.NewStore()
	run := nntest.Compile(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
		whole := attention.Self(s, in[0], c).Z
		cache := attention.NewCache(in[0], 3, c)
		var pieces []*Node
		for i := range 3 {
			var out attention.Output
			out, cache = attention.SelfCached(s, Slice(in[0], AxisRange(), AxisElem(i)), Const(in[0].Graph(), int32(i)), cache, c)
			pieces = append(pieces, out.Z)
		}
		return []*Node{whole, Concatenate(pieces, 1)}
	})
	run(nntest.Random(1, 1, 3, 4))
	fill(t, store)
	out := run(nntest.Random(1, 1, 3, 4))
	for i, want := range out[0] {
		if math.Abs(out[1][i]-want) > 1e-10*(1+math.Abs(want)) {
			t.Fatalf("in pieces it gives %v, as a whole %v", out[1], out[0])
		}
	}
}
