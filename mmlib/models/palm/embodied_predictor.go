package palm

import (
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/task"
)

// Writer is a PaLM-E as a [task.Predictor]. Its functions are those of a writer of package fusion:
//
//	picture   pictures [H, W, C] → tokens [S, D_v]
//	next      tokens [S, D_v], a text [Length], its prefix [] (Int32) → for each place the most probable token to follow (Int32)
//	look      the same → [Length, Grid, Grid], how much each place looks at each patch in the last block: the mean of its heads, the
//	          class token and the text left out
//	score     tokens [S, D_v], a text [Length+1], its prefix [] (Int32) → the log-probability [] of all that stands behind the prefix
//	memory    tokens [S, D_v] → the keys and the values of the picture, one block's after the other's, [2·N, S, K]
//	step      a token [] and its place [] in the text (Int32), for every block keys and values of the tokens before, [Length, 1, K] each,
//	          and the memory → logits [V] of the next token, and keys and values with the token's own among them
//
// A text is written by calling step for each token, see infer.Generate: the picture is read once, and what was computed for it and for
// a token is kept. What is given of a text is read as all of it is, so next and look make no use of the prefix.
type Writer struct {
	Config  EmbodiedConfig
	Weights *model.Store
}

// Store implements [task.Predictor].
func (w *Writer) Store() *model.Store { return w.Weights }

// Decoder says how the functions go together.
func (w *Writer) Decoder() task.Decoder {
	t := w.Config.Text
	return task.Decoder{
		Memory: "memory", Step: "step", Length: w.Config.Length, Kept: w.caches(w.Config.Length),
		Start: int32(t.Start), End: int32(t.End), Pad: int32(t.Pad),
	}
}

// caches are the shapes of the keys and the values of so many positions, for each block.
func (w *Writer) caches(positions int) (list []shapes.Shape) {
	for range 2 * w.Config.Text.Layers {
		list = append(list, shapes.Make(dtypes.Float32, positions, 1, w.Config.Text.HeadWidth))
	}
	return list
}

// Funcs implements [task.Predictor].
func (w *Writer) Funcs() []task.Func {
	c := w.Config
	image := shapes.Make(dtypes.Float32, c.frame().Dims()...)
	picture := shapes.Make(dtypes.Float32, c.Prefix(), c.Vision.Width)
	token, text := shapes.Make(dtypes.Int32), shapes.Make(dtypes.Int32, c.Length)
	whole := []shapes.Shape{picture, text, token}
	kept, memory := w.caches(c.Length), shapes.Make(dtypes.Float32, 2*c.Text.Layers, c.Prefix(), c.Text.HeadWidth)
	return []task.Func{
		{Name: "picture", In: []shapes.Shape{image}, Out: []shapes.Shape{picture}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{See(s, in[0], c).Tokens}
		}},
		{Name: "next", In: whole, Out: []shapes.Shape{text}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{ArgMax(Write(s, in[1], in[0], c).Logits, -1, dtypes.Int32)}
		}},
		{
			Name: "look", In: whole, Out: []shapes.Shape{shapes.Make(dtypes.Float32, c.Length, c.Grid(), c.Grid())},
			Graph: func(s *model.Scope, in []*Node) []*Node { return []*Node{look(s, in[1], in[0], c)} },
		},
		{
			Name: "score", In: []shapes.Shape{picture, shapes.Make(dtypes.Int32, c.Length+1), token},
			Out:   []shapes.Shape{shapes.Make(dtypes.Float32)},
			Graph: func(s *model.Scope, in []*Node) []*Node { return []*Node{score(s, in[1], in[0], in[2], c)} },
		},
		{Name: "memory", In: []shapes.Shape{picture}, Out: []shapes.Shape{memory}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{remember(s, in[0], c)}
		}},
		{
			Name: "step", In: append(append([]shapes.Shape{token, token}, kept...), memory),
			Out: append([]shapes.Shape{shapes.Make(dtypes.Float32, c.Text.Vocab)}, kept...), Graph: w.step,
		},
	}
}

// remember reads the picture's tokens [B, S, D_v] and gives each block's keys and values of them, [B, 2·N, S, K].
func remember(s *model.Scope, picture *Node, c EmbodiedConfig) *Node {
	ls, t := s.At("language"), c.Text
	x := project(ls, picture, c)
	cache := make([]attention.Cache, t.Layers)
	for i := range cache {
		cache[i] = attention.NewCache(x, c.Prefix(), t.Attention())
	}
	_, cache = transformer.StepParallel(ls, x, Const(x.Graph(), int32(0)), cache, t.Attention(), t.Parallel)
	return Squeeze(Stack(attention.Nodes(cache), 1), 3)
}

// step is the function "step"; it computes what [Write] does. To the blocks the picture and the text are one sequence, of which the token
// stands at S and its place.
func (w *Writer) step(s *model.Scope, in []*Node) []*Node {
	t, first := w.Config.Text, w.Config.Prefix()
	memory, kept := in[len(in)-1], slices.Clone(in[2:len(in)-1])
	for i, own := range kept {
		seen := Squeeze(Slice(memory, AxisRange(), AxisElem(i)), 1) // [B, S, K]
		kept[i] = Concatenate([]*Node{ExpandAxes(seen, 2), own}, 1) // [B, S+Length, 1, K]
	}
	out, cache := Step(s.At("language"), ExpandAxes(in[0], -1), AddScalar(in[1], float64(first)), attention.Caches(kept), t.Config)
	result := []*Node{Squeeze(out.Logits, 1)}
	for _, all := range attention.Nodes(cache) {
		result = append(result, Slice(all, AxisRange(), AxisRange(first))) // of the text
	}
	return result
}

// look lays the weights of the last block over the patches: [B, L, Grid, Grid], each place's in sum 1.
func look(s *model.Scope, ids, picture *Node, c EmbodiedConfig) *Node {
	c.Text.Weights = true
	weights := Write(s, ids, picture, c).Weights
	last := ReduceMean(looks(weights[len(weights)-1:], c)[0], 1)   // [B, L, S]
	patches := Slice(last, AxisRange(), AxisRange(), AxisRange(1)) // without the class token
	patches = Div(patches, AddScalar(ReduceAndKeep(patches, ReduceSum, 2), 1e-9))
	return Reshape(patches, patches.Shape().Dim(0), patches.Shape().Dim(1), c.Grid(), c.Grid())
}

// score is the log-probability of what stands behind the prefix of texts ids [B, L+1], up to the padding, given the pictures:
//
//	log p = Σₗ log p(token at l+1 | picture, tokens up to l)        over prefix ≤ l+1 and tokens that are not padding
//
// The end of a text is one of its tokens. It gives [B].
func score(s *model.Scope, ids, picture, prefix *Node, c EmbodiedConfig) *Node {
	tokens, next := shift(ids)
	each := logP(Write(s, tokens, picture, c).Logits, next) // [B, L]
	at := AddScalar(Iota(next.Graph(), next.Shape(), 1), 1)
	said := LogicalAnd(GreaterOrEqual(at, BroadcastToDims(ExpandAxes(prefix, -1), next.Shape().Dimensions...)),
		NotEqual(next, Scalar(next.Graph(), next.DType(), c.Text.Pad)))
	return ReduceSum(Where(said, each, ZerosLike(each)), -1)
}
