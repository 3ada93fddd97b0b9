package dalle

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/task"
)

// Predictor is a trained DALL-E as a [task.Predictor]. Its functions are
//
//	codes     pictures [H, W, C], 0 to 1 → codes [N] (Int32)
//	drawing   codes [N] (Int32) → pictures [H, W, C], 0 to 1
//	step      a token [] and its place [] (Int32), for every block keys and values of the tokens before, [Length, H, K] each →
//	          logits [Tokens] of the next token, and keys and values with the token's own among them
//	score     tokens of a caption [T] (Int32), codes [N] (Int32) → nats [] of the text and nats [] of the codes, the mean of a token
//
// A picture is drawn by calling step for each token, see infer.Generate. Tokens are those of the stream; see [Config.Tokens].
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Decoder says how the functions go together. A stream has no end but its length.
func (p *Predictor) Decoder() task.Decoder {
	c := p.Config
	return task.Decoder{Step: "step", Length: c.Length(), Kept: c.keptShapes(c.Length()), Start: int32(c.Text.Start), End: -1, Pad: -1}
}

// CaptionLength is T.
func (p *Predictor) CaptionLength() int { return p.Config.Text.Context }

// Caption is a caption's ids of the tokenizer, padded to T, as tokens of the stream.
func (p *Predictor) Caption(ids []int32) []int32 { return p.Config.Unpadded(ids) }

// Prompt is the beginning of the stream of a caption's ids of the tokenizer, padded to T.
func (p *Predictor) Prompt(ids []int32) []int32 {
	return append([]int32{int32(p.Config.Text.Start)}, p.Config.Unpadded(ids)...)
}

// Begin is what drawing from captions' ids begins with: nothing but the prompts. DALL-E has no guidance.
func (p *Predictor) Begin(ids [][]int32, guidance float64) (about []*tensors.Tensor, prompts [][]int32, err error) {
	if guidance != 1 {
		return nil, nil, fmt.Errorf("dalle: guidance is %g, and the model has none, as DALL-E has none: it must be 1; a parti can be guided",
			guidance)
	}
	for _, row := range ids {
		prompts = append(prompts, p.Prompt(row))
	}
	return nil, prompts, nil
}

// FirstCode is the token that stands for code 0.
func (p *Predictor) FirstCode() int32 { return int32(p.Config.FirstCode()) }

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	c, scalar := p.Config, shapes.Make(dtypes.Int32)
	picture := shapes.Make(dtypes.Float32, c.Image.ImageSize, c.Image.ImageSize, c.Image.Channels)
	codes, caption, nats := shapes.Make(dtypes.Int32, c.Image.Count()), shapes.Make(dtypes.Int32, c.Text.Context), shapes.Make(dtypes.Float32)
	kept := c.keptShapes(c.Length())
	return []task.Func{
		{Name: "codes", In: []shapes.Shape{picture}, Out: []shapes.Shape{codes}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{codebook.Codes(s.At("codes"), in[0], c.Image)}
		}},
		{Name: "drawing", In: []shapes.Shape{codes}, Out: []shapes.Shape{picture}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{codebook.Picture(s.At("codes"), in[0], c.Image)}
		}},
		{
			Name: "step", In: append([]shapes.Shape{scalar, scalar}, kept...),
			Out: append([]shapes.Shape{shapes.Make(dtypes.Float32, c.Tokens())}, kept...),
			Graph: func(s *model.Scope, in []*Node) []*Node {
				logits, next := Step(s, in[0], in[1], attention.Caches(in[2:]), c)
				return append([]*Node{logits}, attention.Nodes(next)...)
			},
		},
		{
			Name: "score", In: []shapes.Shape{caption, codes}, Out: []shapes.Shape{nats, nats},
			Graph: func(s *model.Scope, in []*Node) []*Node { return score(s, in[0], in[1], c) },
		},
	}
}

// score gives −ln p of the tokens of captions [B, T] and of the codes [B, N] behind them, the mean over each: [B] and [B].
func score(s *model.Scope, text, codes *Node, c Config) []*Node {
	read, said := shift(text, codes, c)
	logP := LogSoftmax(Stream(s, read, c), -1)
	nats := Neg(ReduceSum(Mul(logP, OneHot(said, c.Tokens(), logP.DType())), -1)) // [B, Length]
	mean := func(from, to int) *Node { return ReduceMean(Slice(nats, AxisRange(), AxisRange(from, to)), 1) }
	return []*Node{mean(0, c.Text.Context), mean(c.Text.Context, c.Length())}
}
