package dalle

import (
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
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
	if err := frame(c).Check("dalle", pairs); err != nil {
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
func (p *Pretraining) Stacks() [][]string { return [][]string{{"/stream"}} }

// Metrics implements [task.Task]: the two losses, in nats a token and nats a code, and what the first stage loses of the first
// pictures of a batch, the mean squared error of pixels from 0 to 1.
func (p *Pretraining) Metrics() []string {
	return []string{"text_loss", "image_loss", "reconstruction_error"}
}

// Batch implements [task.Task]: pictures [B, H, W, C], and the captions' tokens of the stream [B, T].
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	tokens, err := p.texts(examples, r)
	if err != nil {
		return task.Batch{}, err
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			frame(p.Config).Read(p.Pairs, examples, r),
			tensors.FromFlatDataAndDimensions(tokens, len(examples), p.Config.Text.Context),
		},
		Shared: []bool{false, false},
	}, nil
}

// texts draws the captions of a batch, as tokens of the stream, one behind the other.
func (p *Pretraining) texts(examples []int, r *rand.Rand) ([]int32, error) {
	c := p.Config
	t, err := task.ReadTexts("dalle", p.Pairs, examples, r, c.Text.Context, c.Text.Vocab)
	if err != nil {
		return nil, err
	}
	var tokens []int32
	for _, k := range t.Own {
		tokens = append(tokens, c.Unpadded(t.IDs[k])...)
	}
	return tokens, nil
}

// Loss implements [task.Task].
func (p *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	pictures, text, c := in[0], in[1], p.Config
	codes := StopGradient(codebook.Codes(s.At("codes"), pictures, c.Image)) // [B, N]
	read, said := shift(text, codes, c)
	x := Stream(s, read, c)

	part := func(from, to, first, last int) *Node { // the loss of a part, over its own vocabulary
		logits := Slice(x, AxisRange(), AxisRange(from, to), AxisRange(first, last))
		return loss.Sequence(logits, AddScalar(Slice(said, AxisRange(), AxisRange(from, to)), float64(-first)), loss.SequenceOptions{})
	}
	textLoss, imageLoss := part(0, c.Text.Context, 0, c.FirstCode()), part(c.Text.Context, c.Length(), c.FirstCode(), c.Tokens())
	l := Add(MulScalar(textLoss, c.TextWeight), MulScalar(imageLoss, 1-c.TextWeight))

	lost := codebook.Lost(s.At("codes"), pictures, codes, c.Image) // and the whole first stage is in the run, for use
	return l, []*Node{textLoss, imageLoss, lost}
}

// shift makes streams of captions' tokens [B, T] and codes [B, N]: what is read and what is said at each place, [B, Length] each. This is
// the only place where anything is shifted: the token before the text is read first, and the last code is not read.
func shift(text, codes *Node, c Config) (read, said *Node) {
	said = Concatenate([]*Node{text, AddScalar(codes, float64(c.FirstCode()))}, 1)
	start := BroadcastToDims(Scalar(text.Graph(), dtypes.Int32, c.Text.Start), text.Shape().Dim(0), 1)
	return Concatenate([]*Node{start, Slice(said, AxisRange(), AxisRange(0, c.Length()-1))}, 1), said
}

// keptShapes are those of the keys and values of n positions, for each block.
func (c Config) keptShapes(n int) (list []shapes.Shape) {
	for range 2 * c.Stream.Layers {
		list = append(list, shapes.Make(dtypes.Float32, n, c.Stream.Heads, c.Stream.Width/c.Stream.Heads))
	}
	return list
}
