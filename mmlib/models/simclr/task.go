package simclr

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/task"
)

// Pretraining is SimCLR's training as a [task.Task].
type Pretraining struct {
	Config   Config
	Pictures task.Pictures // nothing else is asked of an example: no class, no caption
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c Config, p task.Pictures) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := frame(c).Check("simclr", p); err != nil {
		return nil, err
	}
	return &Pretraining{Config: c, Pictures: p}, nil
}

// frame is what the model reads.
func frame(c Config) task.Frame {
	return task.Frame{Size: c.Vision.ImageSize, Channels: c.Vision.Channels, Keys: "vision.image_size, vision.channels"}
}

// Len implements [task.Task].
func (p *Pretraining) Len() int { return p.Pictures.Len() }

// Metrics implements [task.Task]: how often a view's nearest neighbour in the batch is the other view of its picture.
func (p *Pretraining) Metrics() []string { return []string{"batch_accuracy"} }

// Batch implements [task.Task]: two views of each picture, both drawn from r, x̃ [B, H, W, C] and x̃⁺ [B, H, W, C].
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	v := p.Config.Vision
	size := v.ImageSize * v.ImageSize * v.Channels
	var views [2][]float32
	for k := range views {
		views[k] = make([]float32, len(examples)*size)
	}
	for n, i := range examples {
		for k := range views {
			p.Pictures.Picture(views[k][n*size:(n+1)*size], i, r)
		}
	}
	b := task.Batch{Shared: []bool{false, false}}
	for _, flat := range views {
		b.Inputs = append(b.Inputs, tensors.FromFlatDataAndDimensions(flat, len(examples), v.ImageSize, v.ImageSize, v.Channels))
	}
	return b, nil
}

// Loss implements [task.Task].
func (p *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	n := in[0].Shape().Dim(0)
	z := Encode(s, Concatenate(in, 0), p.Config).Projections // [2B, P]
	first, second := Slice(z, AxisRange(0, n)), Slice(z, AxisRange(n))
	return Loss(first, second, p.Config), []*Node{Accuracy(first, second)}
}
