// Package convnet is a small convolutional network that names classes, in the line of LeNet (LeCun et al. 1998, Gradient-Based Learning
// Applied to Document Recognition, §II.B). It is the judge of pictures that models draw: trained on real pictures alone, it has nothing in
// common with the model it judges.
//
//	x ← MaxPool₂(ReLU(Conv₃(x)))         for each of Channels: half the side, so many channels
//	h = ReLU(W·x + b)                    the features                                     [B, Hidden]
//	p(class) = softmax(W'·h + b')
//
// By its answers one learns whether a drawing shows what was asked for; by the distribution of its features whether drawings are as
// varied as pictures are (the Fréchet distance of Heusel et al. 2017, arXiv:1706.08500, with the network of this task in the place of an
// Inception network); and a fresh one that is trained on drawings alone tells what can be learnt from them (the classification accuracy
// score of Ravuri and Vinyals 2019, arXiv:1905.10887).
package convnet

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/task"
)

// Config is the size of the network.
type Config struct {
	ImageSize     int   `json:"image_size"`     // height and width in pixels; a multiple of 2 for each of Channels
	ImageChannels int   `json:"image_channels"` // 1 for gray, 3 for color
	Channels      []int `json:"channels"`       // of each convolution
	Hidden        int   `json:"hidden"`         // features
	Classes       int   `json:"classes"`
}

// Digits is the network for MNIST: 206,922 parameters.
func Digits() Config {
	return Config{ImageSize: 28, ImageChannels: 1, Channels: []int{16, 32}, Hidden: 128, Classes: 10}
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	switch {
	case len(c.Channels) == 0 || len(c.Channels) > 8:
		return fmt.Errorf("convnet: channels has %d numbers: there must be 1 to 8 convolutions", len(c.Channels))
	case c.ImageSize < 1 || c.ImageSize%(1<<len(c.Channels)) != 0:
		return fmt.Errorf("convnet: image_size is %d: it must be a multiple of %d, as each of %d convolutions halves it", c.ImageSize,
			1<<len(c.Channels), len(c.Channels))
	case c.ImageChannels < 1:
		return fmt.Errorf("convnet: image_channels is %d: it must be at least 1", c.ImageChannels)
	case c.Hidden < 1:
		return fmt.Errorf("convnet: hidden is %d: it must be at least 1", c.Hidden)
	case c.Classes < 2:
		return fmt.Errorf("convnet: classes is %d: it must be at least 2", c.Classes)
	}
	for _, n := range c.Channels {
		if n < 1 {
			return fmt.Errorf("convnet: channels has %d: it must be at least 1", n)
		}
	}
	return nil
}

// Output is what the network makes of pictures.
type Output struct {
	Features *Node // h [B, Hidden]
	Logits   *Node // [B, Classes]
}

// Classify is the network: pictures x [B, ImageSize, ImageSize, ImageChannels]. Weights: "conv<i>/weights" [3, 3, in, out] and its
// biases, "hidden", "head".
func Classify(s *model.Scope, x *Node, c Config) Output {
	x.AssertDims(-1, c.ImageSize, c.ImageSize, c.ImageChannels)
	for i, channels := range c.Channels {
		cs, in := s.At("conv%d", i), x.Shape().Dim(-1)
		kernel := nn.Weight(cs, x, "weights", math.Sqrt(2/float64(9*in)), 3, 3, in, channels)
		bias := nn.Weight(cs, x, "biases", 1e-3, channels)
		x = activation.Relu(Add(Convolve(x, kernel).PadSame().Done(), ExpandLeftToRank(bias, 4)))
		x = MaxPool(x).Window(2).Done()
	}
	x = Reshape(x, x.Shape().Dim(0), -1)
	h := activation.Relu(nn.Dense(s.At("hidden"), x, c.Hidden, math.Sqrt(2/float64(x.Shape().Dim(1)))))
	return Output{Features: h, Logits: nn.Dense(s.At("head"), h, c.Classes, 1e-2)}
}

// Pictures are examples of known classes that write their own pixels, as data packages give them.
type Pictures interface {
	task.Pictures
	Class(i int) int
}

// frame is what the network reads.
func (c Config) frame() task.Frame {
	return task.Frame{Size: c.ImageSize, Channels: c.ImageChannels, Keys: "image_size, image_channels"}
}

// Training is the training of the network as a [task.Task].
type Training struct {
	Config   Config
	Pictures Pictures
}

// NewTraining checks what it is given and returns the task.
func NewTraining(c Config, p Pictures) (*Training, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := c.frame().Check("convnet", p); err != nil {
		return nil, err
	}
	return &Training{Config: c, Pictures: p}, nil
}

// Len implements [task.Task].
func (t *Training) Len() int { return t.Pictures.Len() }

// Metrics implements [task.Task].
func (t *Training) Metrics() []string { return []string{"batch_accuracy"} }

// Batch implements [task.Task]: pictures [B, H, W, C] and labels [B].
func (t *Training) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	c := t.Config
	labels := make([]int32, len(examples))
	for n, i := range examples {
		class := t.Pictures.Class(i)
		if class < 0 || class >= c.Classes {
			return task.Batch{}, fmt.Errorf("convnet: example %d has class %d; the network has %d classes", i, class, c.Classes)
		}
		labels[n] = int32(class)
	}
	x := c.frame().Read(t.Pictures, examples, r)
	return task.Batch{
		Inputs: []*tensors.Tensor{x, tensors.FromFlatDataAndDimensions(labels, len(labels))}, Shared: []bool{false, false},
	}, nil
}

// Loss implements [task.Task].
func (t *Training) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	logits := Classify(s, in[0], t.Config).Logits
	return loss.Classification(logits, in[1], 0), []*Node{loss.Accuracy(logits, in[1])}
}

// Predictor is a trained network as a [task.Predictor]. Its functions are
//
//	classify   pictures [H, W, C] → probabilities [Classes]
//	features   pictures [H, W, C] → probabilities [Classes], features [Hidden]
type Predictor struct {
	Config  Config
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Predictor) Store() *model.Store { return p.Weights }

// Funcs implements [task.Predictor].
func (p *Predictor) Funcs() []task.Func {
	c := p.Config
	picture := []shapes.Shape{shapes.Make(dtypes.Float32, c.ImageSize, c.ImageSize, c.ImageChannels)}
	odds, features := shapes.Make(dtypes.Float32, c.Classes), shapes.Make(dtypes.Float32, c.Hidden)
	return []task.Func{
		{Name: "classify", In: picture, Out: []shapes.Shape{odds}, Graph: func(s *model.Scope, in []*Node) []*Node {
			return []*Node{Softmax(Classify(s, in[0], c).Logits, -1)}
		}},
		{Name: "features", In: picture, Out: []shapes.Shape{odds, features}, Graph: func(s *model.Scope, in []*Node) []*Node {
			out := Classify(s, in[0], c)
			return []*Node{Softmax(out.Logits, -1), out.Features}
		}},
	}
}
