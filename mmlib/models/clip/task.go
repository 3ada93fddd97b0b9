package clip

import (
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/task"
)

// Pretraining is CLIP's training as a [task.Task]. The text tower reads each distinct text of a batch once, and not one
// for each picture.
type Pretraining struct {
	Config Config
	Pairs  task.Pairs
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c Config, pairs task.Pairs) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := frame(c).Check("clip", pairs); err != nil {
		return nil, err
	}
	p := &Pretraining{Config: c, Pairs: pairs}
	_, err := p.texts([]int{0}, rand.New(rand.NewPCG(0, 0)))
	return p, err
}

// frame is what the model reads.
func frame(c Config) task.Frame {
	return task.Frame{
		Frames: c.Film.Frames, Size: c.Vision.ImageSize, Channels: c.Vision.Channels,
		Keys: "vision.image_size, vision.channels, film.frames",
	}
}

// Len implements [task.Task].
func (p *Pretraining) Len() int { return p.Pairs.Len() }

// Metrics implements [task.Task]: the loss's floor, how often a picture's nearest caption means the same, and 1/τ.
func (p *Pretraining) Metrics() []string { return []string{"floor", "batch_accuracy", "logit_scale"} }

// Batch implements [task.Task]: pictures [B, H, W, C] or films [B, T, H, W, C], the distinct texts' ids [U, L], and for each
// picture the number of its text among those [B], and its group for the targets [B].
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	pictures := frame(p.Config).Read(p.Pairs, examples, r)
	t, err := p.texts(examples, r)
	if err != nil {
		return task.Batch{}, err
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			pictures,
			tensors.FromFlatDataAndDimensions(slices.Concat(t.IDs...), len(t.IDs), p.Config.Text.Context),
			tensors.FromFlatDataAndDimensions(t.Own, len(t.Own)),
			tensors.FromFlatDataAndDimensions(t.Group, len(t.Group)),
		},
		Shared: []bool{false, true, false, true},
	}, nil
}

// texts draws the texts of a batch.
func (p *Pretraining) texts(examples []int, r *rand.Rand) (task.Texts, error) {
	return task.ReadTexts("clip", p.Pairs, examples, r, p.Config.Text.Context, p.Config.Text.Vocab)
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

func scalar(v float64) *tensors.Tensor { return tensors.FromValue(float32(v)) }

// imageShape is the shape of a picture that the model reads, [H, W, C], or of a film, [T, H, W, C].
func imageShape(c Config) shapes.Shape { return shapes.Make(dtypes.Float32, frame(c).Dims()...) }
