package parti

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
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
		return nil, errors.New("parti: there are no pictures to train on")
	}
	frames, h, w, channels := pairs.Shape()
	if frames != 1 || h != c.Image.ImageSize || w != c.Image.ImageSize || channels != c.Image.Channels {
		return nil, fmt.Errorf("parti: the data gives pictures of %d×%d pixels, %d channels, %d frames; the model reads %d×%d pixels, "+
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
func (p *Pretraining) Stacks() [][]string { return [][]string{{"/text"}, {"/decoder"}} }

// Metrics implements [task.Task]: what the first stage loses of the first pictures of a batch, the mean squared error of pixels from 0
// to 1. The loss itself is in nats a code.
func (p *Pretraining) Metrics() []string { return []string{"reconstruction_error"} }

// Batch implements [task.Task]: pictures [B, H, W, C], and the captions' ids [B, S], some of them empty.
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	c := p.Config.Image
	size := c.ImageSize * c.ImageSize * c.Channels
	flat := make([]float32, len(examples)*size)
	for n, i := range examples {
		p.Pairs.Picture(flat[n*size:(n+1)*size], i, r)
	}
	ids, err := p.texts(examples, r)
	if err != nil {
		return task.Batch{}, err
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(flat, len(examples), c.ImageSize, c.ImageSize, c.Channels),
			tensors.FromFlatDataAndDimensions(ids, len(examples), p.Config.Text.Context),
		},
		Shared: []bool{false, false},
	}, nil
}

// texts draws the captions of a batch, one behind the other, and empties some.
func (p *Pretraining) texts(examples []int, r *rand.Rand) ([]int32, error) {
	rows, own, _ := p.Pairs.Texts(examples, r)
	if len(own) != len(examples) {
		return nil, fmt.Errorf("parti: the data gives %d texts for %d pictures", len(own), len(examples))
	}
	var ids []int32
	for n, k := range own {
		if k < 0 || int(k) >= len(rows) {
			return nil, fmt.Errorf("parti: example %d has the text number %d of %d", examples[n], k, len(rows))
		}
		row := rows[k]
		if len(row) != p.Config.Text.Context {
			return nil, fmt.Errorf("parti: a text has %d ids, text.context is %d", len(row), p.Config.Text.Context)
		}
		for _, id := range row {
			if id < 0 || int(id) >= p.Config.Text.Vocab {
				return nil, fmt.Errorf("parti: a text has the id %d: it must be at least 0 and below text.vocab (%d)", id, p.Config.Text.Vocab)
			}
		}
		if p.Config.Drop > 0 && r != nil && r.Float64() < p.Config.Drop {
			row = p.Config.Empty()
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

	few := min(codes.Shape().Dim(0), 4) // and the whole first stage is in the run, for use
	back := codebook.Picture(s.At("codes"), Slice(codes, AxisRange(0, few)), c.Image)
	return l, []*Node{StopGradient(ReduceAllMean(Square(Sub(back, Slice(pictures, AxisRange(0, few))))))}
}

// shift is what is read as codes [B, N] are said: the one before each, and Begin before the first. Nothing is shifted anywhere else.
func shift(codes *Node, c Config) *Node {
	begin := BroadcastToDims(Scalar(codes.Graph(), dtypes.Int32, c.Begin()), codes.Shape().Dim(0), 1)
	return Concatenate([]*Node{begin, Slice(codes, AxisRange(), AxisRange(0, codes.Shape().Dim(1)-1))}, 1)
}
