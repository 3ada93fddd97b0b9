package fusion

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/task"
)

// Writer is a model that writes about pictures as a [task.Predictor]. Its functions are
//
//	picture   pictures [H, W, C] → tokens [S, D]
//	next      tokens [S, D], a text [Length], its prefix [] (Int32) → for each place the most probable token to follow (Int32)
//	look      the same → [Length, Grid, Grid], how much each place looks at each patch in the last block: the mean of its heads, the
//	          class token left out
//	score     tokens [S, D], a text [Length+1], its prefix [] (Int32) → the log-probability [] of all that stands behind the prefix
//	memory    tokens [S, D] → for each block that fuses the keys and the values of the picture, [S, H, K] each; with a counter its keys too
//	step      a token [] and its place [] (Int32), for every block keys and values of the tokens before, [Length, H, K] each, and the
//	          memory → logits [V] of the next token, and keys and values with the token's own among them; for a model without prefix
//
// A text is written by calling step for each token, see infer.Generate: what was computed for a token is kept.
type Writer struct {
	Config  WriterConfig
	Weights *model.Store
}

// Store implements [task.Predictor].
func (w *Writer) Store() *model.Store { return w.Weights }

// Decoder says how the functions go together.
func (w *Writer) Decoder() task.Decoder {
	t := w.Config.Text
	return task.Decoder{
		Memory: "memory", Step: "step", Length: w.Config.Length, Kept: w.kept(), Start: int32(t.Start), End: int32(t.End), Pad: int32(t.Pad),
	}
}

// kept are the shapes of the keys and values of the tokens so far.
func (w *Writer) kept() []shapes.Shape {
	return w.caches(w.Config.Text.Layers+w.Config.Text.FusionLayers, w.Config.Length)
}

// caches are the shapes of the keys and the values of so many positions, for each block.
func (w *Writer) caches(blocks, positions int) (list []shapes.Shape) {
	t := w.Config.Text
	for range 2 * blocks {
		list = append(list, shapes.Make(dtypes.Float32, positions, t.Heads, t.Width/t.Heads))
	}
	return list
}

// Funcs implements [task.Predictor].
func (w *Writer) Funcs() []task.Func {
	c, picture := w.Config, tokensShape(w.Config.Config)
	token, text := shapes.Make(dtypes.Int32), shapes.Make(dtypes.Int32, c.Length)
	whole := []shapes.Shape{picture, text, token}
	funcs := []task.Func{
		pictureFunc(c.Config),
		{Name: "next", In: whole, Out: []shapes.Shape{text}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{ArgMax(Write(s, in[1], in[0], in[2], c), -1, dtypes.Int32)}
		}},
		{
			Name: "look", In: whole, Out: []shapes.Shape{shapes.Make(dtypes.Float32, c.Length, c.Grid(), c.Grid())},
			Graph: func(s *model.Scope, in []*Node) []*Node { return []*Node{look(s, in[1], in[0], in[2], c)} },
		},
		{
			Name: "score", In: []shapes.Shape{picture, shapes.Make(dtypes.Int32, c.Length+1), token},
			Out:   []shapes.Shape{shapes.Make(dtypes.Float32)},
			Graph: func(s *model.Scope, in []*Node) []*Node { return []*Node{score(s, in[1], in[0], in[2], c)} },
		},
	}
	if c.Prefix { // whose tokens see what comes behind them: nothing that was computed for them can be kept
		return funcs
	}
	memory := w.caches(c.Text.FusionLayers, picture.Dim(0))
	if c.Counting {
		memory = append(memory, shapes.Make(dtypes.Float32, c.Regions.Count(), c.Text.Width))
	}
	return append(funcs,
		task.Func{Name: "memory", In: []shapes.Shape{picture}, Out: memory, Graph: func(s *model.Scope, in []*Node) []*Node {
			like := Zeros(in[0].Graph(), shapes.Make(dtypes.Float32, in[0].Shape().Dim(0), 1, c.Text.Width))
			stack := c.Text.stack(c.Text.FusionLayers)
			cache := transformer.NewCache(s.At("fusion"), like, transformer.Memory{Sequence: in[0]}, 1, causal(stack), stack)
			kept := attention.Nodes(cache.Memory)
			if c.Counting {
				kept = append(kept, c.Regions.CountKeys(s, in[0]))
			}
			return kept
		}},
		task.Func{
			Name: "step", In: append(append([]shapes.Shape{token, token}, w.kept()...), memory...),
			Out: append([]shapes.Shape{shapes.Make(dtypes.Float32, c.Text.Vocab)}, w.kept()...), Graph: w.step,
		})
}

func causal(stack transformer.Config) attention.Config {
	return stack.Attention(attention.Mask{Causal: true})
}

// step is the function "step"; it computes what [Write] does without a prefix.
func (w *Writer) step(s *model.Scope, in []*Node) []*Node {
	t := w.Config.Text
	token, position, kept := ExpandAxes(in[0], -1), in[1], in[2:] // [B, 1], [B]
	own, fused := 2*t.Layers, 2*(t.Layers+t.FusionLayers)
	ts := s.At("text")
	x := embed(ts, tokens(ts, token, t), ExpandAxes(positionsAt(ts, position, t), 1), t)
	stack := t.stack(t.Layers)
	alone, text := transformer.Step(ts, x, position, transformer.Cache{Self: attention.Caches(kept[:own])}, causal(stack), stack)
	stack = t.stack(t.FusionLayers)
	seen := fused + 2*t.FusionLayers
	cache := transformer.Cache{Self: attention.Caches(kept[own:fused]), Memory: attention.Caches(kept[fused:seen])}
	fs := s.At("fusion")
	out, fusion := transformer.Step(fs, alone.X, position, cache, causal(stack), stack)
	x = normalised(fs, out.X, t)
	if w.Config.Counting {
		x, _ = w.Config.Regions.Counter(s, x, kept[seen])
	}
	logits := Squeeze(Predict(s, x, w.Config.Config), 1)
	return append(append([]*Node{logits}, attention.Nodes(text.Self)...), attention.Nodes(fusion.Self)...)
}

// look lays the weights of the last block over the patches: [B, L, Grid, Grid], each place's in sum 1.
func look(s *model.Scope, ids, picture, prefix *Node, c WriterConfig) *Node {
	c.Text.Weights = true
	r := Reading{Causal: true}
	if c.Prefix {
		r.Prefix = prefix
	}
	cross := Fuse(s, ids, picture, 1, r, c.Config).Cross
	last := ReduceMean(cross[len(cross)-1], 1)                     // [B, L, S]
	patches := Slice(last, AxisRange(), AxisRange(), AxisRange(1)) // without the class token
	patches = Div(patches, AddScalar(ReduceAndKeep(patches, ReduceSum, 2), 1e-9))
	return Reshape(patches, patches.Shape().Dim(0), patches.Shape().Dim(1), c.Grid(), c.Grid())
}

// score is the log-probability of what stands behind the prefix of texts ids [B, L+1], up to the padding, given what they are about:
//
//	log p = Σₗ log p(token at l+1 | tokens up to l, picture)        over prefix ≤ l+1 and tokens that are not padding
//
// The end of a text is one of its tokens: without it "top" would never be less probable than "top left". It gives [B].
func score(s *model.Scope, ids, picture, prefix *Node, c WriterConfig) *Node {
	before, after := shift(ids)
	logP := LogSoftmax(Write(s, before, picture, prefix, c), -1) // [B, L, V]
	logP = ReduceSum(Mul(logP, OneHot(after, c.Text.Vocab, logP.DType())), -1)
	at := AddScalar(Iota(after.Graph(), after.Shape(), 1), 1)
	said := LogicalAnd(GreaterOrEqual(at, BroadcastToDims(ExpandAxes(prefix, -1), after.Shape().Dimensions...)),
		NotEqual(after, Scalar(after.Graph(), after.DType(), c.Text.Pad)))
	return ReduceSum(Where(said, logP, ZerosLike(logP)), -1)
}
