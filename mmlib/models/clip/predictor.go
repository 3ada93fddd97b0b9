package clip

import (
	"errors"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

// Predictor is a trained CLIP as a [task.Predictor]. Its functions are
//
//	image      pictures [H, W, C]     → embedding [P], of length 1; a model of films reads [T, H, W, C]
//	text       ids [L] (int32)        → embedding [P], of length 1
//	attention  pictures [H, W, C]     → [Layers, Heads, Grid, Grid]: what the class token looks at, in each block;
//	                                    not of films
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	c := p.Config
	embedding := []shapes.Shape{shapes.Make(dtypes.Float32, c.Projection)}
	return append([]task.Func{
		{Name: "image", In: []shapes.Shape{imageShape(c)}, Out: embedding, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{encode(s, in[0], c)}
		}},
		{Name: "text", In: []shapes.Shape{shapes.Make(dtypes.Int32, c.Text.Context)}, Out: embedding,
			Graph: func(s *model.Scope, in []*Node) []*Node {
				return []*Node{EncodeText(s, in[0], c).Embeddings}
			}},
	}, attentionFuncs(c)...)
}

// LogitScale is what the model multiplies cosines by before a softmax, exp(s), at most [loss.MaxLogitScale].
func (p *Predictor) LogitScale() (float64, error) {
	v := p.Weights.GetVariable("/logit_scale")
	if v == nil {
		return 0, errors.New("clip: the weights lack /logit_scale")
	}
	value, err := v.Value()
	if err != nil {
		return 0, err
	}
	return min(math.Exp(float64(tensors.ToScalar[float32](value))), loss.MaxLogitScale), nil
}

// attentionFuncs is the function "attention", and none for a tower without blocks or a model of films.
func attentionFuncs(c Config) []task.Func {
	if c.Vision.Layers == 0 || c.Film.Frames > 0 {
		return nil
	}
	grid := c.Vision.Grid()
	c.Vision.Weights = true
	return []task.Func{{
		Name: "attention",
		In:   []shapes.Shape{imageShape(c)},
		Out:  []shapes.Shape{shapes.Make(dtypes.Float32, c.Vision.Layers, c.Vision.Heads, grid, grid)},
		Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{classAttention(vision.Encode(s.At("vision"), in[0], c.Vision), grid)}
		},
	}}
}

// classAttention takes from each block's weights [B, H, 1+G², 1+G²] the class token's row, without the class token itself,
// and lays it out as the picture's grid: [B, Layers, H, G, G].
func classAttention(v vision.Output, grid int) *Node {
	maps := make([]*Node, len(v.Weights))
	for i, w := range v.Weights {
		row := Slice(w, AxisRange(), AxisRange(), AxisElem(0), AxisRangeToEnd(1)) // [B, H, 1, G²]
		maps[i] = Reshape(row, row.Shape().Dim(0), row.Shape().Dim(1), grid, grid)
	}
	return Stack(maps, 1)
}
