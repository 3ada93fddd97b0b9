package dalle

import (
	"errors"
	"fmt"
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

// Pairs are pictures and the texts that go with them; see [gomm/mmlib/models/clip.Pairs].
type Pairs interface {
	Len() int
	// Shape is what Picture writes; frames is 1 except for video.
	Shape() (frames, height, width, channels int)
	// Picture writes example i into dst, channels last, 0 to 1; with r not nil it is changed at random.
	Picture(dst []float32, i int, r *rand.Rand)
	// Texts draws the texts of a batch: ids, padded, and for each example the number of its own text among them.
	Texts(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32)
}

// Pretraining is the training of the second stage as a [task.Task].
type Pretraining struct {
	Config Config
	Pairs  Pairs
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c Config, pairs Pairs) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if pairs == nil || pairs.Len() == 0 {
		return nil, errors.New("dalle: there are no pictures to train on")
	}
	frames, h, w, channels := pairs.Shape()
	if frames != 1 || h != c.Image.ImageSize || w != c.Image.ImageSize || channels != c.Image.Channels {
		return nil, fmt.Errorf("dalle: the data gives pictures of %d×%d pixels, %d channels, %d frames; the model reads %d×%d pixels, "+
			"%d channels, 1 frame (image.image_size, image.channels)", w, h, channels, frames, c.Image.ImageSize, c.Image.ImageSize,
			c.Image.Channels)
	}
	p := &Pretraining{Config: c, Pairs: pairs}
	_, err := p.texts([]int{0}, rand.New(rand.NewPCG(0, 0)))
	return p, err
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
	c := p.Config.Image
	size := c.ImageSize * c.ImageSize * c.Channels
	flat := make([]float32, len(examples)*size)
	for n, i := range examples {
		p.Pairs.Picture(flat[n*size:(n+1)*size], i, r)
	}
	tokens, err := p.texts(examples, r)
	if err != nil {
		return task.Batch{}, err
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(flat, len(examples), c.ImageSize, c.ImageSize, c.Channels),
			tensors.FromFlatDataAndDimensions(tokens, len(examples), p.Config.Text.Context),
		},
		Shared: []bool{false, false},
	}, nil
}

// texts draws the captions of a batch, as tokens of the stream, one behind the other.
func (p *Pretraining) texts(examples []int, r *rand.Rand) ([]int32, error) {
	rows, own, _ := p.Pairs.Texts(examples, r)
	if len(own) != len(examples) {
		return nil, fmt.Errorf("dalle: the data gives %d texts for %d pictures", len(own), len(examples))
	}
	var tokens []int32
	for n, k := range own {
		if k < 0 || int(k) >= len(rows) {
			return nil, fmt.Errorf("dalle: example %d has the text number %d of %d", examples[n], k, len(rows))
		}
		row := rows[k]
		if len(row) != p.Config.Text.Context {
			return nil, fmt.Errorf("dalle: a text has %d ids, text.context is %d", len(row), p.Config.Text.Context)
		}
		for _, id := range row {
			if id < 0 || int(id) >= p.Config.Text.Vocab {
				return nil, fmt.Errorf("dalle: a text has the id %d: it must be at least 0 and below text.vocab (%d)", id, p.Config.Text.Vocab)
			}
		}
		tokens = append(tokens, p.Config.Unpadded(row)...)
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

	few := min(codes.Shape().Dim(0), 4) // and the whole first stage is in the run, for use
	back := codebook.Picture(s.At("codes"), Slice(codes, AxisRange(0, few)), c.Image)
	lost := StopGradient(ReduceAllMean(Square(Sub(back, Slice(pictures, AxisRange(0, few))))))
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
