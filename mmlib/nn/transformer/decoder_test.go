package transformer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/task"
)

var causal = attention.Mask{Causal: true}

// parts are the weights of a block: where PyTorch's TransformerDecoderLayer has them, and where ours are. Those whose name ends
// in "weights" are matrices, which PyTorch keeps as [out, in].
var parts = [][2]string{
	{"norm1.weight", "norm1/gain"}, {"norm1.bias", "norm1/offset"},
	{"self_attn.in_proj_weight", "attention/qkv/weights"}, {"self_attn.in_proj_bias", "attention/qkv/biases"},
	{"self_attn.out_proj.weight", "attention/out/weights"}, {"self_attn.out_proj.bias", "attention/out/biases"},
	{"norm2.weight", "norm_cross/gain"}, {"norm2.bias", "norm_cross/offset"},
	{"multihead_attn.out_proj.weight", "cross/out/weights"}, {"multihead_attn.out_proj.bias", "cross/out/biases"},
	{"norm3.weight", "norm2/gain"}, {"norm3.bias", "norm2/offset"},
	{"linear1.weight", "mlp/in/weights"}, {"linear1.bias", "mlp/in/biases"},
	{"linear2.weight", "mlp/out/weights"}, {"linear2.bias", "mlp/out/biases"},
}

// bind makes weights of PyTorch, in the order of names, those of our blocks; in cross-attention PyTorch has the three
// projections in one matrix.
func bind(s *model.Scope, names []string, in []*Node) {
	for i, name := range names {
		block, rest, _ := strings.Cut(name, ".")
		b, w := s.At("%s", block), in[i]
		if w.Rank() == 2 {
			w = Transpose(w, 0, 1)
		}
		switch rest {
		case "multihead_attn.in_proj_weight", "multihead_attn.in_proj_bias":
			kind, d := map[int]string{1: "biases", 2: "weights"}[w.Rank()], w.Shape().Dim(-1)/3
			for k, layer := range []string{"query", "key", "value"} {
				ranges := append(make([]SliceAxisSpec, w.Rank()-1), AxisRange(k*d, (k+1)*d))
				if w.Rank() == 2 {
					ranges[0] = AxisRange()
				}
				nntest.Bind(b, "cross/"+layer+"/"+kind, Slice(w, ranges...))
			}
		default:
			for _, part := range parts {
				if part[0] == rest {
					nntest.Bind(b, part[1], w)
				}
			}
		}
	}
}

// TestDecodeGolden: two blocks are torch.nn.TransformerDecoderLayer with norm_first, and so are the gradients at x, at the
// memory and at all weights.
func TestDecodeGolden(t *testing.T) {
	file := golden.Load(t, "testdata/decoder.safetensors")
	c := transformer.Config{Width: 8, Layers: 2, Heads: 2, MLP: 12, Activation: nn.GELU, LayerNorm: 1e-5}
	var weights []string
	for i := range 2 {
		for _, part := range parts {
			weights = append(weights, fmt.Sprintf("block%d.%s", i, part[0]))
		}
		weights = append(weights, fmt.Sprintf("block%d.multihead_attn.in_proj_weight", i), fmt.Sprintf("block%d.multihead_attn.in_proj_bias", i))
	}
	for _, name := range []string{"all", "padding"} {
		t.Run(name, func(t *testing.T) {
			var in []*tensors.Tensor
			for _, key := range append([]string{"x", "memory", "dz"}, weights...) {
				key = name + "." + key
				in = append(in, nntest.Tensor(dtypes.Float32, file.Floats(t, key), file.Get(t, key).Shape...))
			}
			lengths := []int32{4, 4} // all of the memory
			if name == "padding" {
				for i, n := range file.Ints(t, name+".lengths") {
					lengths[i] = int32(n)
				}
			}
			in = append(in, tensors.FromValue(lengths))
			out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
				x, w := in[0], in[3:len(in)-1]
				bind(s, weights, w)
				memory := transformer.Memory{Sequence: in[1], Lengths: in[len(in)-1]}
				z := transformer.Decode(s, x, memory, c.Attention(causal), c).X
				return append([]*Node{z}, Gradient(ReduceAllSum(Mul(z, in[2])), append([]*Node{x, in[1]}, w...)...)...)
			}, in...)
			for i, key := range append([]string{"z", "dx", "dmemory"}, weights...) {
				if i > 2 {
					key = "d" + key
				}
				got := make([]float32, len(out[i]))
				for k, v := range out[i] {
					got[k] = float32(v)
				}
				golden.Close(t, name+"."+key, got, file.Floats(t, name+"."+key), 1e-5)
			}
		})
	}
}

// TestRows: a row of the memory that serves two rows of x is as good as the row twice, with padding and without, at once and in steps.
func TestRows(t *testing.T) {
	c := config()
	for _, padded := range []bool{false, true} {
		out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
			once, twice := transformer.Memory{Sequence: in[1], Rows: 2}, transformer.Memory{Sequence: in[2]}
			if padded {
				once.Lengths, twice.Lengths = in[3], in[4]
			}
			self := c.Attention(causal)
			cache := transformer.NewCache(s, in[0], once, 3, self, c)
			steps, _ := transformer.Step(s, in[0], Const(in[0].Graph(), int32(0)), cache, self, c)
			return []*Node{transformer.Decode(s, in[0], twice, self, c).X, transformer.Decode(s, in[0], once, self, c).X, steps.X}
		}, nntest.Random(1, 4, 3, c.Width), nntest.Random(2, 2, 5, 6), repeated(nntest.Random(2, 2, 5, 6)),
			tensors.FromValue([]int32{2, 4}), tensors.FromValue([]int32{2, 2, 4, 4}))
		nntest.Compare(t, "once", out[1], out[0])
		nntest.Compare(t, "in steps", out[2], out[0])
	}
}

// repeated has each row twice.
func repeated(x *tensors.Tensor) *tensors.Tensor {
	flat := tensors.MustCopyFlatData[float64](x)
	dims := slices.Clone(x.Shape().Dimensions)
	size := len(flat) / dims[0]
	var twice []float64
	for row := range slices.Chunk(flat, size) {
		twice = append(append(twice, row...), row...)
	}
	dims[0] *= 2
	return tensors.FromFlatDataAndDimensions(twice, dims...)
}

// TestStep: in pieces, with a cache, x goes through the blocks as it does at once: with a memory, whose padding nobody sees,
// and without one, which is Encode.
func TestStep(t *testing.T) {
	c := config()
	c.Weights = true
	for name, memory := range map[string]func(in []*Node) transformer.Memory{
		"memory":  func(in []*Node) transformer.Memory { return transformer.Memory{Sequence: in[1]} },
		"padding": func(in []*Node) transformer.Memory { return transformer.Memory{Sequence: in[1], Lengths: in[2]} },
		"none":    func([]*Node) transformer.Memory { return transformer.Memory{} },
	} {
		t.Run(name, func(t *testing.T) {
			out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
				x, m := in[0], memory(in)
				self := c.Attention(causal)
				self.RoPE, self.KeyValueHeads = 100, 1
				whole := transformer.Decode(s, x, m, self, c)
				if m.Sequence == nil {
					self = c.Attention(causal)
					whole = transformer.Encode(s.At("encoder"), x, causal, c)
					s = s.At("encoder")
				}
				cache := transformer.NewCache(s, x, m, 6, self, c)
				var z []*Node
				for from, to := 0, 2; from < 5; from, to = to, to+1 {
					piece := Slice(x, AxisRange(), AxisRange(from, to))
					var out transformer.Output
					out, cache = transformer.Step(s, piece, Scalar(x.Graph(), dtypes.Int32, float64(from)), cache, self, c)
					z = append(z, out.X)
					if crosses := map[bool]int{false: 2}[m.Sequence == nil]; len(out.Weights) != 2 || len(out.Cross) != crosses {
						t.Errorf("a step has the weights of %d blocks, and over the memory of %d", len(out.Weights), len(out.Cross))
					}
				}
				return []*Node{Concatenate(z, 1), whole.X}
			}, nntest.Random(1, 2, 5, 4), nntest.Random(2, 2, 3, 6), tensors.FromValue([]int32{2, 3}))
			nntest.Compare(t, "x", out[0], out[1])
		})
	}
}

// TestDecodeGradients: gradients at x and at the memory, through Decode and through Step, are what finite differences say.
func TestDecodeGradients(t *testing.T) {
	c := config()
	c.Layers = 1
	weights := map[string]*tensors.Tensor{
		"attention/qkv/weights": nntest.Random(4, 4, 12), "attention/out/weights": nntest.Random(5, 4, 4),
		"cross/query/weights": nntest.Random(6, 4, 4), "cross/key/weights": nntest.Random(7, 6, 4),
		"cross/value/weights": nntest.Random(8, 6, 4), "cross/out/weights": nntest.Random(9, 4, 4),
		"mlp/in/weights": nntest.Random(10, 4, 8), "mlp/out/weights": nntest.Random(11, 8, 4),
	}
	nntest.CheckGradient(t, backend, 2, func(s *model.Scope, in []*Node) *Node {
		x, g := in[0], in[0].Graph()
		for path, w := range weights {
			nntest.Bind(s.At("block0"), path, MulScalar(Const(g, w), 0.3)) // steeper ones are too much for differences
		}
		self, memory := c.Attention(causal), transformer.Memory{Sequence: in[1], Lengths: Const(g, []int32{3, 2})}
		whole := transformer.Decode(s, x, memory, self, c).X
		cache := transformer.NewCache(s, x, memory, 4, self, c)
		first, cache := transformer.Step(s, Slice(x, AxisRange(), AxisRange(0, 2)), Scalar(g, dtypes.Int32, 0), cache, self, c)
		second, _ := transformer.Step(s, Slice(x, AxisRange(), AxisRange(2, 3)), Scalar(g, dtypes.Int32, 2), cache, self, c)
		steps := Concatenate([]*Node{first.X, second.X}, 1)
		return ReduceAllSum(Mul(Add(whole, MulScalar(steps, 2)), in[2]))
	}, nntest.Random(1, 2, 3, 4), nntest.Random(2, 2, 3, 6), nntest.Random(3, 2, 3, 4))
}

// TestDecoderParameters: what a memory adds to a block is a normalisation and a cross-attention, at new paths.
func TestDecoderParameters(t *testing.T) {
	c := config()
	count := func(build func(s *model.Scope, x, y *Node)) (n int, paths map[string]bool) {
		store := model.NewStore()
		g := NewGraph(backend, "parameters")
		defer g.Finalize()
		x := Zeros(g, shapes.Make(dtypes.Float32, 1, 3, 4))
		build(store.RootScope(), x, Zeros(g, shapes.Make(dtypes.Float32, 1, 2, 6)))
		paths = map[string]bool{}
		for v := range store.IterVariables() {
			n, paths[v.Path()] = n+v.Shape().Size(), true
		}
		return n, paths
	}
	encoder, old := count(func(s *model.Scope, x, _ *Node) { transformer.Encode(s, x, causal, c) })
	decoder, all := count(func(s *model.Scope, x, y *Node) {
		transformer.Decode(s, x, transformer.Memory{Sequence: y}, c.Attention(causal), c)
	})
	cross := 2*4 + (4*4 + 4) + 2*(6*4+4) + (4*4 + 4) // norm, query, key and value, out
	if decoder != encoder+2*cross {
		t.Errorf("a decoder has %d parameters, an encoder %d: want %d more", decoder, encoder, 2*cross)
	}
	for path := range old {
		if !all[path] {
			t.Errorf("the decoder lacks %s: an encoder's weights cannot become its", path)
		}
	}
}

func TestStepRefuses(t *testing.T) {
	c := config()
	for want, step := range map[string]func(s *model.Scope, x *Node){
		"the cache is of 1 blocks, with a memory for 0; the stack has 2": func(s *model.Scope, x *Node) {
			cache := transformer.NewCache(s, x, transformer.Memory{}, 4, c.Attention(causal), c)
			cache.Self = cache.Self[:1]
			transformer.Step(s, x, Scalar(x.Graph(), dtypes.Int32, 0), cache, c.Attention(causal), c)
		},
		"a cache needs a causal mask": func(s *model.Scope, x *Node) {
			self := c.Attention(attention.Mask{})
			transformer.Step(s, x, Scalar(x.Graph(), dtypes.Int32, 0), transformer.NewCache(s, x, transformer.Memory{}, 4, self, c), self, c)
		},
		"3 new positions do not fit into a cache of 2": func(s *model.Scope, x *Node) {
			self := c.Attention(causal)
			transformer.Step(s, x, Scalar(x.Graph(), dtypes.Int32, 0), transformer.NewCache(s, x, transformer.Memory{}, 2, self, c), self, c)
		},
		"for x (Float32)[1, 3, 4] they must be (Float32)[1, S, 2, 2]": func(s *model.Scope, x *Node) {
			memory := transformer.Memory{Sequence: Zeros(x.Graph(), shapes.Make(dtypes.Float32, 3, 2, 6))}
			transformer.Decode(s, x, memory, c.Attention(causal), c)
		},
	} {
		g := NewGraph(backend, "refuses")
		err := task.Try(func() error {
			step(model.NewStore().RootScope(), Zeros(g, shapes.Make(dtypes.Float32, 1, 3, 4)))
			return nil
		})
		g.Finalize()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
