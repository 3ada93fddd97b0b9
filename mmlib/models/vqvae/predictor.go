package vqvae

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/task"
)

// Predictor is a trained model as a [task.Predictor]. Its functions are
//
//	codes     pictures [H, W, C], 0 to 1 → codes [Count] (Int32)
//	drawing   codes [Count] (Int32) → pictures [H, W, C], 0 to 1
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	c := p.Config.Autoencoder
	picture := shapes.Make(dtypes.Float32, c.ImageSize, c.ImageSize, c.Channels)
	codes := shapes.Make(dtypes.Int32, c.Count())
	return []task.Func{
		{Name: "codes", In: []shapes.Shape{picture}, Out: []shapes.Shape{codes}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{codebook.Codes(s.At("codes"), in[0], c)}
		}},
		{Name: "drawing", In: []shapes.Shape{codes}, Out: []shapes.Shape{picture}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{codebook.Picture(s.At("codes"), in[0], c)}
		}},
	}
}
