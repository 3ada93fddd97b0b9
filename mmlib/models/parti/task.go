package parti

import (
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/task"
)

// Pretraining is the training of the second stage as a [task.Task].
type Pretraining struct {
	Config Config
	Pairs  task.Pairs
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c Config, pairs task.Pairs) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := frame(c).Check("parti", pairs); err != nil {
		return nil, err
	}
	p := &Pretraining{Config: c, Pairs: pairs}
	_, err := p.texts([]int{0}, rand.New(rand.NewPCG(0, 0)))
	return p, err
}

// frame is what the first stage reads.
func frame(c Config) task.Frame {
	return task.Frame{Size: c.Image.ImageSize, Channels: c.Image.Channels, Keys: "image.image_size, image.channels"}
}

// Len implements [task.Task].
func (p *Pretraining) Len() int { return p.Pairs.Len() }

// Stacks implements [task.Stacked].
func (p *Pretraining) Stacks() [][]string { return [][]string{{"/text"}, {"/decoder"}} }

// Metrics implements [task.Task]: what the first stage loses of the first pictures of a batch, the mean squared error of pixels from 0
// to 1. The loss itself is in nats a code.
func (p *Pretraining) Metrics() []string { return []string{"reconstruction_error"} }

// Batch implements [task.Task]: pictures [B, H, W, C], and the captions' ids [B, S], some of them empty.
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	ids, err := p.texts(examples, r)
	if err != nil {
		return task.Batch{}, err
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			frame(p.Config).Read(p.Pairs, examples, r),
			tensors.FromFlatDataAndDimensions(ids, len(examples), p.Config.Text.Context),
		},
		Shared: []bool{false, false},
	}, nil
}

// texts draws the captions of a batch, one behind the other, and empties some.
func (p *Pretraining) texts(examples []int, r *rand.Rand) ([]int32, error) {
	c := p.Config
	t, err := task.ReadTexts("parti", p.Pairs, examples, r, c.Text.Context, c.Text.Vocab)
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, k := range t.Own {
		row := t.IDs[k]
		if c.Drop > 0 && r.Float64() < c.Drop {
			row = c.Empty()
		}
		ids = append(ids, row...)
	}
	return ids, nil
}

// Loss implements [task.Task].
func (p *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	pictures, ids, c := in[0], in[1], p.Config
	codes := StopGradient(codebook.Codes(s.At("codes"), pictures, c.Image)) // [B, N]
	x := Decode(s, shift(codes, c), EncodeText(s, ids, c), c)
	l := loss.Sequence(Slice(x, AxisRange(), AxisRange(), AxisRange(0, c.Begin())), codes, loss.SequenceOptions{})

	lost := codebook.Lost(s.At("codes"), pictures, codes, c.Image) // and the whole first stage is in the run, for use
	return l, []*Node{lost}
}

// shift is what is read as codes [B, N] are said: the one before each, and Begin before the first. Nothing is shifted anywhere else.
func shift(codes *Node, c Config) *Node {
	begin := BroadcastToDims(Scalar(codes.Graph(), dtypes.Int32, c.Begin()), codes.Shape().Dim(0), 1)
	return Concatenate([]*Node{begin, Slice(codes, AxisRange(), AxisRange(0, codes.Shape().Dim(1)-1))}, 1)
}
