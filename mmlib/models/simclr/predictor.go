package simclr

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

// Predictor is a trained SimCLR as a [task.Predictor]. Its function is
//
//	image   pictures [H, W, C] → representation h [D], brought to length 1
//
// The projection head is left out, as in the paper: what serves other tasks is the layer before it (§4.2).
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	v := p.Config.Vision
	return []task.Func{{
		Name: "image",
		In:   []shapes.Shape{shapes.Make(dtypes.Float32, v.ImageSize, v.ImageSize, v.Channels)},
		Out:  []shapes.Shape{shapes.Make(dtypes.Float32, v.Width)},
		Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{L2Normalize(vision.Encode(s.At("vision"), in[0], v).Pooled, -1)}
		},
	}}
}
