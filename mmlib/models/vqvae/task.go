package vqvae

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/task"
)

// Pictures are examples that write their own pixels, as data packages give them.
type Pictures interface {
	Len() int
	// Shape is what Picture writes; frames is 1 except for video.
	Shape() (frames, height, width, channels int)
	// Picture writes example i into dst, channels last, 0 to 1; with r not nil it is changed at random.
	Picture(dst []float32, i int, r *rand.Rand)
}

// Pretraining is the training as a [task.Task].
type Pretraining struct {
	Config   Config
	Pictures Pictures
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c Config, p Pictures) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if p == nil || p.Len() == 0 {
		return nil, errors.New("vqvae: there are no pictures to train on")
	}
	if frames, h, w, channels := p.Shape(); frames != 1 || h != c.ImageSize || w != c.ImageSize || channels != c.Channels {
		return nil, fmt.Errorf("vqvae: the data gives pictures of %d×%d pixels, %d channels, %d frames; the model reads %d×%d pixels, "+
			"%d channels, 1 frame (image_size, channels)", w, h, channels, frames, c.ImageSize, c.ImageSize, c.Channels)
	}
	return &Pretraining{Config: c, Pictures: p}, nil
}

// Len implements [task.Task].
func (p *Pretraining) Len() int { return p.Pictures.Len() }

// Metrics implements [task.Task]: the mean squared error of pixels from 0 to 1, and of the batch the perplexity of the codes and the
// share of them in use; relaxed the temperature, with an adversary how often it is right.
func (p *Pretraining) Metrics() []string {
	names := []string{"reconstruction_error", "perplexity", "use"}
	if p.Config.Method == codebook.Relaxed {
		names = append(names, "temperature")
	}
	if p.Config.Adversary.Weight > 0 {
		names = append(names, "adversary_accuracy")
	}
	return names
}

// Batch implements [task.Task]: pictures [B, H, W, C].
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	c := p.Config
	size := c.ImageSize * c.ImageSize * c.Channels
	flat := make([]float32, len(examples)*size)
	for n, i := range examples {
		p.Pictures.Picture(flat[n*size:(n+1)*size], i, r)
	}
	x := tensors.FromFlatDataAndDimensions(flat, len(examples), c.ImageSize, c.ImageSize, c.Channels)
	return task.Batch{Inputs: []*tensors.Tensor{x}, Shared: []bool{false}}, nil
}

// Loss implements [task.Task].
func (p *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	x, c := in[0], p.Config
	var tau *Node
	if c.Method == codebook.Relaxed {
		tau = c.temperature(s, x.Graph())
	}
	r := Reconstruct(s, x, tau, c)
	if c.Method == codebook.VQ {
		codebook.Follow(s.At("codes").At("codebook"), r.Z, r.Codes, c.Codebook)
	}
	squares := ReduceAllMean(Square(Sub(x, r.Picture)))
	l := Add(squares, r.Loss)
	metrics := []*Node{squares, codebook.Perplexity(r.Codes, c.Codebook.Codes), codebook.Use(r.Codes, c.Codebook.Codes)}
	if tau != nil {
		metrics = append(metrics, tau)
	}
	if c.Adversary.Weight > 0 {
		deceived, accuracy := c.Adversary.loss(s.At("adversary"), x, r.Picture, c.Autoencoder)
		l, metrics = Add(l, deceived), append(metrics, accuracy)
	}
	return l, metrics
}

// temperature counts the steps, in the weight "step", and gives τ of this one:
//
//	τ = cold + (hot − cold)·(1 + cos(π·min(step/cooling, 1)))/2
func (c Config) temperature(s *model.Scope, g *Graph) *Node {
	counter := s.VariableWithValue("step", float32(0)).SetTrainable(false)
	step := counter.NodeValue(g)
	counter.SetNodeValue(AddScalar(step, 1))
	done := MinScalar(DivScalar(step, float64(max(c.Cooling, 1))), 1)
	half := MulScalar(AddScalar(Cos(MulScalar(done, math.Pi)), 1), 0.5)
	return ConvertDType(AddScalar(MulScalar(half, c.Hot-c.Cold), c.Cold), dtypes.Float32)
}
