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
	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

// Pictures are labelled examples, as data packages give them.
type Pictures interface {
	Len() int
	Class(i int) int
	// Picture writes example i into dst, [height, width, channels], normalised; with r not nil it is changed at random.
	Picture(dst []float32, i int, r *rand.Rand)
}

// Caption is a text in the form the model reads, and the class that it describes.
type Caption struct {
	IDs   []int32
	Class int
}

// Sharing says among which captions of a batch a picture's target mass is shared.
type Sharing string

// The kinds of sharing. Equal captions have equal embeddings and so equal logits: sharing among them changes neither the
// loss nor its gradient. Only sharing by meaning is a different training.
const (
	SharePairs    Sharing = "pairs"    // none: plain InfoNCE, every other pair of the batch is a negative
	ShareCaptions Sharing = "captions" // among captions that are equal
	ShareMeanings Sharing = "meanings" // among captions that say the same, in any template or language
)

// Pretraining is CLIP's training as a [task.Task]: pictures, and for each one a caption of its class drawn at random.
//
// To encode no caption twice, a batch draws Distinct/classes captions for each class and its pictures choose among them:
// the text tower reads Distinct texts and not one for each picture.
type Pretraining struct {
	Config   Config
	Pictures Pictures
	Captions []Caption
	Distinct int     // captions that a batch encodes
	Sharing  Sharing // how target mass is shared
	byClass  [][]int // caption numbers of each class
}

// NewPretraining checks what it is given and returns the task. Each class needs at least distinct/classes captions.
func NewPretraining(c Config, pictures Pictures, captions []Caption, distinct int, sharing Sharing) (*Pretraining, error) {
	p := &Pretraining{Config: c, Pictures: pictures, Captions: captions, Distinct: distinct, Sharing: sharing}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if pictures == nil || pictures.Len() == 0 {
		return nil, errors.New("clip: there are no pictures to train on")
	}
	switch sharing {
	case SharePairs, ShareCaptions, ShareMeanings:
	default:
		return nil, fmt.Errorf("clip: sharing %q is unknown: use %q, %q or %q", sharing, SharePairs, ShareCaptions, ShareMeanings)
	}
	for i, caption := range captions {
		if len(caption.IDs) != c.Text.Context {
			return nil, fmt.Errorf("clip: caption %d has %d ids, text.context is %d", i, len(caption.IDs), c.Text.Context)
		}
		for _, id := range caption.IDs {
			if id < 0 || int(id) >= c.Text.Vocab {
				return nil, fmt.Errorf("clip: caption %d has the id %d: it must be at least 0 and below text.vocab (%d)", i, id, c.Text.Vocab)
			}
		}
		if caption.Class < 0 {
			return nil, fmt.Errorf("clip: caption %d has class %d: it must be at least 0", i, caption.Class)
		}
		for len(p.byClass) <= caption.Class {
			p.byClass = append(p.byClass, nil)
		}
		p.byClass[caption.Class] = append(p.byClass[caption.Class], i)
	}
	if len(p.byClass) == 0 {
		return nil, errors.New("clip: there are no captions to train on")
	}
	classes := len(p.byClass)
	if distinct < classes || distinct%classes != 0 {
		return nil, fmt.Errorf("clip: captions per batch is %d: it must be a multiple of the %d classes", distinct, classes)
	}
	for class, list := range p.byClass {
		if len(list) < distinct/classes {
			return nil, fmt.Errorf("clip: captions per batch is %d, %d for each class, but class %d has only %d captions", distinct, distinct/classes, class, len(list))
		}
	}
	return p, nil
}

// Len implements [task.Task].
func (p *Pretraining) Len() int { return p.Pictures.Len() }

// Metrics implements [task.Task]: the loss's floor, how often a picture's nearest caption means the same, and 1/τ.
func (p *Pretraining) Metrics() []string { return []string{"floor", "batch_accuracy", "logit_scale"} }

// Batch implements [task.Task]: pictures [B, H, W, C], the distinct captions' ids [U, L], and for each picture the number
// of its caption among those [B], and its group for the targets [B].
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	pictures, classes := load(p.Pictures, p.Config.Vision, examples, r)
	b := len(examples)
	caption, group := make([]int32, b), make([]int32, b)

	// The batch's captions: `each` of every class, drawn without repetition.
	each := p.Distinct / len(p.byClass)
	drawn := make([]int, 0, p.Distinct)
	for _, list := range p.byClass {
		for _, k := range r.Perm(len(list))[:each] {
			drawn = append(drawn, list[k])
		}
	}
	ids := make([]int32, 0, p.Distinct*p.Config.Text.Context)
	for _, c := range drawn {
		ids = append(ids, p.Captions[c].IDs...)
	}
	for n, class := range classes {
		if class < 0 || int(class) >= len(p.byClass) {
			return task.Batch{}, fmt.Errorf("clip: example %d has class %d, for which there is no caption", examples[n], class)
		}
		caption[n] = class*int32(each) + r.Int32N(int32(each))
		switch p.Sharing {
		case SharePairs:
			group[n] = int32(n)
		case ShareCaptions:
			group[n] = caption[n]
		case ShareMeanings:
			group[n] = class
		}
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			pictures,
			tensors.FromFlatDataAndDimensions(ids, p.Distinct, p.Config.Text.Context),
			tensors.FromFlatDataAndDimensions(caption, b),
			tensors.FromFlatDataAndDimensions(group, b),
		},
		Shared: []bool{false, true, false, true},
	}, nil
}

// Loss implements [task.Task].
func (p *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	pictures, ids, caption, group := in[0], in[1], in[2], in[3]
	image := EncodeImage(s, pictures, p.Config).Embeddings
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

// load reads the given examples: pixels [B, H, W, C] and classes.
func load(p Pictures, v vision.Config, examples []int, r *rand.Rand) (pixels *tensors.Tensor, classes []int32) {
	size := v.ImageSize * v.ImageSize * v.Channels
	flat, classes := make([]float32, len(examples)*size), make([]int32, len(examples))
	for n, i := range examples {
		p.Picture(flat[n*size:(n+1)*size], i, r)
		classes[n] = int32(p.Class(i))
	}
	return tensors.FromFlatDataAndDimensions(flat, len(examples), v.ImageSize, v.ImageSize, v.Channels), classes
}

func scalar(v float64) *tensors.Tensor { return tensors.FromValue(float32(v)) }

func imageShape(c Config) shapes.Shape {
	return shapes.Make(dtypes.Float32, c.Vision.ImageSize, c.Vision.ImageSize, c.Vision.Channels)
}
