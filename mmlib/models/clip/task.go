package clip

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
	"gomm/mmlib/task"
)

// Pictures are examples that write their own pixels, as data packages give them.
type Pictures interface {
	Len() int
	// Shape is what Picture writes; frames is 1 except for films.
	Shape() (frames, height, width, channels int)
	// Picture writes example i into dst, channels last, normalised; with r not nil it is changed at random.
	Picture(dst []float32, i int, r *rand.Rand)
}

// Pairs are pictures and the texts that go with them: one or several captions for each picture, or captions made of the
// names of classes.
type Pairs interface {
	Pictures
	// Texts draws the texts of a batch: the ids of the distinct texts, for each example the number of its own text among
	// them, and its group. The target mass of a picture is shared among the texts of all examples of its group: in plain
	// InfoNCE every example is a group of its own. The number of texts is the same for every batch.
	Texts(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32)
}

// Pretraining is CLIP's training as a [task.Task]. The text tower reads each distinct text of a batch once, and not one
// for each picture.
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
		return nil, errors.New("clip: there are no pictures to train on")
	}
	if err := checkShape("clip", c, pairs); err != nil {
		return nil, err
	}
	p := &Pretraining{Config: c, Pairs: pairs}
	_, err := p.texts([]int{0}, rand.New(rand.NewPCG(0, 0)))
	return p, err
}

// checkShape refuses pictures of another shape than the model reads. Their pixels would be scrambled in silence.
func checkShape(model string, c Config, p Pictures) error {
	v := c.Vision
	want := max(c.Film.Frames, 1)
	frames, height, width, channels := p.Shape()
	if frames != want || height != v.ImageSize || width != v.ImageSize || channels != v.Channels {
		return fmt.Errorf("%s: the data gives pictures of %d×%d pixels, %d channels, %d frames; the model reads %d×%d pixels, %d channels, "+
			"%d frames (vision.image_size, vision.channels, film.frames)", model, height, width, channels, frames, v.ImageSize, v.ImageSize,
			v.Channels, want)
	}
	return nil
}

// Len implements [task.Task].
func (p *Pretraining) Len() int { return p.Pairs.Len() }

// Metrics implements [task.Task]: the loss's floor, how often a picture's nearest caption means the same, and 1/τ.
func (p *Pretraining) Metrics() []string { return []string{"floor", "batch_accuracy", "logit_scale"} }

// Batch implements [task.Task]: pictures [B, H, W, C] or films [B, T, H, W, C], the distinct texts' ids [U, L], and for each
// picture the number of its text among those [B], and its group for the targets [B].
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	pictures := load(p.Pairs, p.Config, examples, r)
	t, err := p.texts(examples, r)
	if err != nil {
		return task.Batch{}, err
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			pictures,
			tensors.FromFlatDataAndDimensions(t.ids, len(t.ids)/p.Config.Text.Context, p.Config.Text.Context),
			tensors.FromFlatDataAndDimensions(t.own, len(t.own)),
			tensors.FromFlatDataAndDimensions(t.group, len(t.group)),
		},
		Shared: []bool{false, true, false, true},
	}, nil
}

// texts are the texts of a batch, their ids [U, L] in a row.
type texts struct{ ids, own, group []int32 }

// texts draws the texts of a batch and checks them against the size of the text tower.
func (p *Pretraining) texts(examples []int, r *rand.Rand) (t texts, err error) {
	var rows [][]int32
	rows, t.own, t.group = p.Pairs.Texts(examples, r)
	if len(t.own) != len(examples) || len(t.group) != len(examples) {
		return t, fmt.Errorf("clip: the data gives %d texts and %d groups for %d pictures", len(t.own), len(t.group), len(examples))
	}
	for _, row := range rows {
		if len(row) != p.Config.Text.Context {
			return t, fmt.Errorf("clip: a text has %d ids, text.context is %d", len(row), p.Config.Text.Context)
		}
		for _, id := range row {
			if id < 0 || int(id) >= p.Config.Text.Vocab {
				return t, fmt.Errorf("clip: a text has the id %d: it must be at least 0 and below text.vocab (%d)", id, p.Config.Text.Vocab)
			}
		}
		t.ids = append(t.ids, row...)
	}
	for n, own := range t.own {
		if own < 0 || int(own) >= len(rows) {
			return t, fmt.Errorf("clip: example %d has the text number %d of %d", examples[n], own, len(rows))
		}
	}
	return t, nil
}

// Loss implements [task.Task].
func (p *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	pictures, ids, caption, group := in[0], in[1], in[2], in[3]
	image := encode(s, pictures, p.Config)
	distinct := EncodeText(s, ids, p.Config).Embeddings // [U, P], each caption once
	n := caption.Shape().Dim(0)
	text := Gather(distinct, Reshape(caption, n, 1)) // [B, P]

	logits := Logits(s, image, text, p.Config)
	targets := loss.Targets(group)
	l := loss.CLIP(logits, targets)

	// A picture is right when the target mass of its nearest caption is not 0.
	nearest := OneHot(ArgMax(logits, -1, dtypes.Int32), n, dtypes.Float32)
	right := ReduceSum(Mul(nearest, ConvertDType(GreaterThan(targets, ScalarZero(targets.Graph(), targets.DType())), dtypes.Float32)), 1)
	scale := loss.LogitScale(s.GetVariable("logit_scale").NodeValue(l.Graph()))
	return l, []*Node{loss.Entropy(targets), ReduceAllMean(right), scale}
}

// load reads the pixels of the given examples: [B, H, W, C], of films [B, T, H, W, C].
func load(p Pictures, c Config, examples []int, r *rand.Rand) *tensors.Tensor {
	shape := imageShape(c)
	size := shape.Size()
	flat := make([]float32, len(examples)*size)
	for n, i := range examples {
		p.Picture(flat[n*size:(n+1)*size], i, r)
	}
	return tensors.FromFlatDataAndDimensions(flat, append([]int{len(examples)}, shape.Dimensions...)...)
}

func scalar(v float64) *tensors.Tensor { return tensors.FromValue(float32(v)) }

// imageShape is the shape of a picture that the model reads, [H, W, C], or of a film, [T, H, W, C].
func imageShape(c Config) shapes.Shape {
	v := c.Vision
	if t := c.Film.Frames; t > 0 {
		return shapes.Make(dtypes.Float32, t, v.ImageSize, v.ImageSize, v.Channels)
	}
	return shapes.Make(dtypes.Float32, v.ImageSize, v.ImageSize, v.Channels)
}
