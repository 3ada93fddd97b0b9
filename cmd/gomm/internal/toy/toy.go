// Package toy is the smallest kind of model that gomm can train, measure and use, and a source of examples for it. It shows
// that the house is open: one package, one row of the table, a measure that is there already. Tests register both.
//
// The examples are pictures of 4×4 pixels that are bright in one of their quarters, and the model is one dense layer that
// says which.
package toy

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/task"
)

const side = 4

// Config is the size of the model.
type Config struct {
	Quarters int `json:"quarters"` // classes, 2 to 4
}

// Validate names the setting and the value at fault.
func (c *Config) Validate() error {
	if c.Quarters < 2 || c.Quarters > 4 {
		return fmt.Errorf("toy: quarters is %d: it must be 2 to 4", c.Quarters)
	}
	return nil
}

// Logits is the model: pictures [B, 4, 4, 1] to logits [B, Quarters].
func Logits(s *model.Scope, x *Node, c Config) *Node {
	return nn.Dense(s.At("toy"), Reshape(x, x.Shape().Dim(0), side*side), c.Quarters, 0.1)
}

// Task trains the model.
type Task struct {
	Config Config
	Set    *Set
}

// Len implements [task.Task].
func (t *Task) Len() int { return t.Set.Len() }

// Metrics implements [task.Task].
func (t *Task) Metrics() []string { return []string{"batch_accuracy"} }

// Batch implements [task.Task].
func (t *Task) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	pixels, labels := make([]float32, len(examples)*side*side), make([]int32, len(examples))
	for n, i := range examples {
		t.Set.Picture(pixels[n*side*side:(n+1)*side*side], i, r)
		labels[n] = int32(t.Set.Class(i))
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(pixels, len(examples), side, side, 1),
			tensors.FromFlatDataAndDimensions(labels, len(examples)),
		},
		Shared: []bool{false, false},
	}, nil
}

// Loss implements [task.Task].
func (t *Task) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	logits := Logits(s, in[0], t.Config)
	return loss.Classification(logits, in[1], 0), []*Node{loss.Accuracy(logits, in[1])}
}

// Predictor is the trained model, with the functions "classify" and "image".
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	in := []shapes.Shape{shapes.Make(dtypes.Float32, side, side, 1)}
	out := []shapes.Shape{shapes.Make(dtypes.Float32, p.Config.Quarters)}
	return []task.Func{
		{Name: "classify", In: in, Out: out, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{Softmax(Logits(s, in[0], p.Config), -1)}
		}},
		{Name: "image", In: in, Out: out, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{L2Normalize(Logits(s, in[0], p.Config), -1)}
		}},
	}
}

// Source makes the examples.
type Source struct {
	Name     string  `json:"name"`
	Examples int     `json:"examples"` // of training
	Noise    float64 `json:"noise"`    // standard deviation
}

// String is the source's name.
func (s *Source) String() string { return s.Name }

// Validate names the setting and the value at fault.
func (s *Source) Validate() error {
	if s.Examples < 1 {
		return fmt.Errorf("examples is %d: it must be at least 1", s.Examples)
	}
	return nil
}

// Load implements [data.Source].
func (s *Source) Load(_ context.Context, o data.Options) (map[string]data.Set, error) {
	if o.Picture.Size != side || o.Picture.Channels != 1 {
		return nil, errors.New("quarters: the pictures are grey, of 4×4 pixels, and cannot be resized")
	}
	return map[string]data.Set{
		data.Train:      &Set{s.Examples, s.Noise},
		data.Validation: &Set{100, s.Noise},
		data.Test:       &Set{200, s.Noise},
	}, nil
}

// Set is one split.
type Set struct {
	examples int
	noise    float64
}

// Len implements [data.Set].
func (s *Set) Len() int { return s.examples }

// Class is the quarter that is bright.
func (s *Set) Class(i int) int { return i % 4 }

// Classes names the quarters.
func (s *Set) Classes() captions.Classes {
	return captions.Classes{{Language: "en", Names: []string{"top left", "top right", "bottom left", "bottom right"}}}
}

// Picture writes example i.
func (s *Set) Picture(dst []float32, i int, r *rand.Rand) {
	if r == nil {
		r = rand.New(rand.NewPCG(uint64(i), 1))
	}
	for j := range side * side {
		x, y := j%side/2, j/side/2
		dst[j] = float32(s.noise * r.NormFloat64())
		if 2*y+x == s.Class(i) {
			dst[j]++
		}
	}
}

// Preprocess makes of a file what Picture makes of an example.
func (s *Set) Preprocess() picture.Preprocess { return picture.Preprocess{Size: side, Channels: 1} }

// Original is example i as people see it.
func (s *Set) Original(i int) image.Image {
	var pixels [side * side]float32
	s.Picture(pixels[:], i, nil)
	img := image.NewGray(image.Rect(0, 0, side, side))
	for j, x := range pixels {
		img.SetGray(j%side, j/side, color.Gray{uint8(min(max(255*x, 0), 255))})
	}
	return img
}
