package vqvae

import (
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/task"
)

// Pretraining is the training as a [task.Task].
type Pretraining struct {
	Config   Config
	Pictures task.Pictures
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c Config, p task.Pictures) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := frame(c).Check("vqvae", p); err != nil {
		return nil, err
	}
	return &Pretraining{Config: c, Pictures: p}, nil
}

// frame is what the model reads.
func frame(c Config) task.Frame {
	return task.Frame{Size: c.ImageSize, Channels: c.Channels, Keys: "image_size, channels"}
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
	x := frame(p.Config).Read(p.Pictures, examples, r)
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
