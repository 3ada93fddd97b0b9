package fusion

import (
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"gomm/mmlib/task"
)

// Predictor is a pretrained model as a [task.Predictor]. Its functions are
//
//	regions   pictures [H, W, C] → the most probable class of each attribute of each region, [regions, attributes] (Int32)
//	picture   pictures [H, W, C] → tokens [S, D]
//	mask      tokens [S, D] (zeros for a picture that is not seen), text [L] with hidden tokens → the most probable tokens [L] (Int32)
type Predictor struct {
	Config  PretrainingConfig
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	c := p.Config
	image := imageShape(c.Config)
	funcs := []task.Func{pictureFunc(c.Config)}
	if c.Objectives.Classification > 0 {
		funcs = append(funcs, task.Func{
			Name: "regions", In: []shapes.Shape{image},
			Out: []shapes.Shape{shapes.Make(dtypes.Int32, c.Regions.Grid*c.Regions.Grid, len(c.Regions.Classes))},
			Graph: func(s *model.Scope, in []*Node) []*Node {
				var classes []*Node
				for _, logits := range c.Regions.Logits(s, EncodePicture(s, in[0], c.Config).Tokens) {
					classes = append(classes, ArgMax(logits, -1, dtypes.Int32))
				}
				return []*Node{Stack(classes, -1)}
			},
		})
	}
	if c.Objectives.Masking > 0 {
		text := shapes.Make(dtypes.Int32, c.Caption)
		funcs = append(funcs, task.Func{
			Name: "mask", In: []shapes.Shape{tokensShape(c.Config), text}, Out: []shapes.Shape{text},
			Graph: func(s *model.Scope, in []*Node) []*Node {
				fused := Fuse(s, in[1], in[0], 1, Reading{}, c.Config)
				return []*Node{ArgMax(Predict(s, fused.X, c.Config), -1, dtypes.Int32)}
			},
		})
	}
	return funcs
}

// Hide hides tokens of a text in place, as in training, and returns which ones are to be guessed.
func (p *Predictor) Hide(ids []int32, r *rand.Rand) []bool { return p.Config.Masking.Apply(ids, r) }

// Shown is the probability of a token being shown as another; see [Masking.Probability].
func (p *Predictor) Shown(shown, token int32, chosen bool) float64 {
	return p.Config.Masking.Probability(shown, token, chosen)
}

func imageShape(c Config) shapes.Shape {
	return shapes.Make(dtypes.Float32, c.Vision.ImageSize, c.Vision.ImageSize, c.Vision.Channels)
}

// tokensShape is the shape of a picture's tokens.
func tokensShape(c Config) shapes.Shape {
	return shapes.Make(dtypes.Float32, 1+c.Grid()*c.Grid(), c.Vision.Width)
}

// pictureFunc is the function "picture": pictures [H, W, C] → tokens [S, D], which other functions read.
func pictureFunc(c Config) task.Func {
	return task.Func{
		Name: "picture", In: []shapes.Shape{imageShape(c)}, Out: []shapes.Shape{tokensShape(c)},
		Graph: func(s *model.Scope, in []*Node) []*Node { return []*Node{EncodePicture(s, in[0], c).Tokens} },
	}
}
