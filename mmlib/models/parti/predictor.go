package parti

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/task"
)

// Predictor is a trained Parti as a [task.Predictor]. Its functions are
//
//	codes     pictures [H, W, C], 0 to 1 → codes [N] (Int32)
//	drawing   codes [N] (Int32) → pictures [H, W, C], 0 to 1
//	memory    a caption [S] (Int32), g [] → its length and that of the empty one [2] (Int32), g [], and for every block the keys and the
//	          values of both, [2, S, H, K] each
//	step      a token [] and its place [] (Int32), for every block keys and values of the codes before, with the caption and without,
//	          [2, N, H, K] each, and the memory → logits [Tokens] of the next code, guided, and keys and values with the token's own
//	score     a caption [S] (Int32), codes [N] (Int32) → nats [], the mean of a code
//
// A picture is drawn by calling step for each code, see infer.Generate.
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Decoder says how the functions go together. A picture has no end but its last code.
func (p *Predictor) Decoder() task.Decoder {
	n := p.Config.Image.Count()
	return task.Decoder{
		Memory: "memory", Step: "step", Length: n, Kept: p.Config.caches(n), Start: int32(p.Config.Begin()), End: -1, Pad: -1,
	}
}

// CaptionLength is S.
func (p *Predictor) CaptionLength() int { return p.Config.Text.Context }

// Caption is a caption as the function "score" reads it: its ids.
func (p *Predictor) Caption(ids []int32) []int32 { return ids }

// FirstCode is the token that stands for code 0.
func (p *Predictor) FirstCode() int32 { return 0 }

// Begin is what drawing from captions' ids begins with: what the pictures are about, and the token before their first code.
func (p *Predictor) Begin(ids [][]int32, guidance float64) (about []*tensors.Tensor, prompts [][]int32, err error) {
	switch {
	case !(guidance >= 0) || math.IsInf(guidance, 0):
		return nil, nil, fmt.Errorf("parti: guidance is %g: it must be at least 0, and finite; 1 is none", guidance)
	case guidance != 1 && p.Config.Drop == 0:
		return nil, nil, fmt.Errorf("parti: guidance is %g, and the model has never seen an empty caption (model.drop is 0): it must be 1",
			guidance)
	}
	flat := slices.Concat(ids...)
	for range ids {
		prompts = append(prompts, []int32{int32(p.Config.Begin())})
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(flat, len(ids), p.Config.Text.Context),
		tensors.FromFlatDataAndDimensions(slices.Repeat([]float32{float32(guidance)}, len(ids)), len(ids)),
	}, prompts, nil
}

// caches are the shapes of keys and values of n positions, with the caption and without, for each block.
func (c Config) caches(n int) (list []shapes.Shape) {
	for range 2 * c.Decoder.Layers {
		list = append(list, shapes.Make(dtypes.Float32, 2, n, c.Decoder.Heads, c.Decoder.Width/c.Decoder.Heads))
	}
	return list
}

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	c, token, number := p.Config, shapes.Make(dtypes.Int32), shapes.Make(dtypes.Float32)
	picture := shapes.Make(dtypes.Float32, c.Image.ImageSize, c.Image.ImageSize, c.Image.Channels)
	codes, caption := shapes.Make(dtypes.Int32, c.Image.Count()), shapes.Make(dtypes.Int32, c.Text.Context)
	memory := append([]shapes.Shape{shapes.Make(dtypes.Int32, 2), number}, c.caches(c.Text.Context)...)
	kept := c.caches(c.Image.Count())
	return []task.Func{
		{Name: "codes", In: []shapes.Shape{picture}, Out: []shapes.Shape{codes}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{codebook.Codes(s.At("codes"), in[0], c.Image)}
		}},
		{Name: "drawing", In: []shapes.Shape{codes}, Out: []shapes.Shape{picture}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{codebook.Picture(s.At("codes"), in[0], c.Image)}
		}},
		{Name: "memory", In: []shapes.Shape{caption, number}, Out: memory, Graph: func(s *model.Scope, in []*Node) []*Node {
			return remember(s, in[0], in[1], c)
		}},
		{
			Name: "step", In: slices.Concat([]shapes.Shape{token, token}, kept, memory),
			Out: append([]shapes.Shape{shapes.Make(dtypes.Float32, c.Tokens())}, kept...),
			Graph: func(s *model.Scope, in []*Node) []*Node {
				return guided(s, in[0], in[1], in[2:2+len(kept)], in[2+len(kept):], c)
			},
		},
		{Name: "score", In: []shapes.Shape{caption, codes}, Out: []shapes.Shape{number}, Graph: func(s *model.Scope, in []*Node) []*Node {
			logP := LogSoftmax(Decode(s, shift(in[1], c), EncodeText(s, in[0], c), c), -1)
			return []*Node{Neg(ReduceMean(ReduceSum(Mul(logP, OneHot(in[1], c.Tokens(), logP.DType())), -1), 1))}
		}},
	}
}

// remember is the function "memory": the caption's and the empty one's, side by side.
func remember(s *model.Scope, ids, guidance *Node, c Config) []*Node {
	b := ids.Shape().Dim(0)
	empty := BroadcastToDims(ExpandAxes(Const(ids.Graph(), c.Empty()), 0), b, c.Text.Context)
	both := Reshape(Stack([]*Node{ids, empty}, 1), 2*b, c.Text.Context)
	memory := EncodeText(s, both, c)
	like := Zeros(ids.Graph(), shapes.Make(dtypes.Float32, 2*b, 1, c.Decoder.Width))
	cache := transformer.NewCache(s.At("decoder"), like, memory, 1, c.self(), c.Decoder)
	return append([]*Node{Reshape(memory.Lengths, b, 2), guidance}, apart(attention.Nodes(cache.Memory), b)...)
}

// guided is the function "step".
func guided(s *model.Scope, token, position *Node, kept, memory []*Node, c Config) []*Node {
	b := token.Shape().Dim(0)
	twice := func(x *Node) *Node { return Reshape(Stack([]*Node{x, x}, 1), 2*b) }
	cache := transformer.Cache{
		Self: attention.Caches(together(kept)), Memory: attention.Caches(together(memory[2:])), Lengths: Reshape(memory[0], 2*b),
	}
	logits, next := step(s, twice(token), twice(position), cache, c)
	logits = Reshape(logits, b, 2, -1)
	with, without := Squeeze(Slice(logits, AxisRange(), AxisElem(0)), 1), Squeeze(Slice(logits, AxisRange(), AxisElem(1)), 1)
	// u + g·(c − u)
	out := Add(without, Mul(ExpandAxes(memory[1], -1), Sub(with, without)))
	return append([]*Node{out}, apart(attention.Nodes(next), b)...)
}

// together makes rows [2·B, …] of pairs [B, 2, …], and apart the reverse.
func together(list []*Node) (out []*Node) {
	for _, x := range list {
		dims := x.Shape().Dimensions
		out = append(out, Reshape(x, append([]int{2 * dims[0]}, dims[2:]...)...))
	}
	return out
}

func apart(list []*Node, b int) (out []*Node) {
	for _, x := range list {
		out = append(out, Reshape(x, append([]int{b, 2}, x.Shape().Dimensions[1:]...)...))
	}
	return out
}
