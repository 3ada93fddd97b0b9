package palm

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/attention"
	"gomm/mmlib/task"
)

// Predictor is a trained PaLM as a [task.Predictor]. Its functions are
//
//	score   a window of a text [Context+1] (Int32) → the log-probability of each token but the first, given those before, [Context]
//	step    a token [] and its place [] (Int32), for every block keys and values of the tokens before, [Context, 1, K] each → logits [V]
//	        of the next token, and keys and values with the token's own among them
//
// A text is written by calling step for each token, see infer.Generate: what was computed for a token is kept.
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Decoder says how a text is written. There is nothing that it is about but its beginning, and no token ends it: a text goes on until
// the context is full.
func (p *Predictor) Decoder() task.Decoder {
	return task.Decoder{Step: "step", Kept: p.kept(), Length: p.Config.Context, End: -1}
}

// kept are the shapes of the keys and the values of the tokens so far, for each block.
func (p *Predictor) kept() (list []shapes.Shape) {
	for range 2 * p.Config.Layers {
		list = append(list, shapes.Make(dtypes.Float32, p.Config.Context, 1, p.Config.HeadWidth))
	}
	return list
}

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	c, token := p.Config, shapes.Make(dtypes.Int32)
	return []task.Func{
		{
			Name: "score", In: []shapes.Shape{shapes.Make(dtypes.Int32, c.Context+1)},
			Out: []shapes.Shape{shapes.Make(dtypes.Float32, c.Context)},
			Graph: func(s *model.Scope, in []*Node) []*Node {
				tokens, next := shift(in[0])
				return []*Node{logP(Read(s, tokens, c).Logits, next)}
			},
		},
		{
			Name: "step", In: append([]shapes.Shape{token, token}, p.kept()...),
			Out: append([]shapes.Shape{shapes.Make(dtypes.Float32, c.Vocab)}, p.kept()...),
			Graph: func(s *model.Scope, in []*Node) []*Node {
				out, cache := Step(s, ExpandAxes(in[0], -1), in[1], attention.Caches(in[2:]), c)
				return append([]*Node{Squeeze(out.Logits, 1)}, attention.Nodes(cache)...)
			},
		},
	}
}

// logP is the log-probability of each next token [B, L] by logits [B, L, V].
func logP(logits, next *Node) *Node {
	all := LogSoftmax(logits, -1)
	return ReduceSum(Mul(all, OneHot(next, all.Shape().Dim(2), all.DType())), -1)
}
