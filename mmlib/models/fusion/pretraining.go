package fusion

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/regions"
	"gomm/mmlib/task"
)

// Objectives are the weights of the pretraining losses of chapter 3.1 in their sum; those of weight 0 are not computed.
type Objectives struct {
	Classification float64 `json:"classification"` // of the picture's regions
	Contrast       float64 `json:"contrast"`       // image-text contrastive learning, ITC: pictures and captions by themselves in one space
	Matching       float64 `json:"matching"`       // image-text matching, ITM: does this caption belong to this picture? With hard negatives
	Masking        float64 `json:"masking"`        // masked language modelling, MLM, in sight of the picture

	// Grounding is of looking, where words are hidden, at the regions that the words tell of; with Masking, see [Regions].
	Grounding float64 `json:"grounding,omitempty"`
}

// PretrainingConfig is the model and what it is pretrained by.
type PretrainingConfig struct {
	Config
	Objectives Objectives `json:"objectives"`
	Regions    Regions    `json:"regions"`    // of the classification
	Caption    int        `json:"caption"`    // length of a caption in tokens, with start and end
	Masking    Masking    `json:"masking"`    // of masked language modelling
	Projection int        `json:"projection"` // width of the space in which pictures and captions are compared
	Hidden     float64    `json:"hidden"`     // share of the pictures that masked language modelling does not see, to learn from text alone
}

// Validate names the key and the value at fault.
func (c PretrainingConfig) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	o, sum := c.Objectives, 0.0
	for _, w := range []struct {
		name  string
		value float64
	}{
		{"classification", o.Classification}, {"contrast", o.Contrast}, {"matching", o.Matching}, {"masking", o.Masking},
		{"grounding", o.Grounding},
	} {
		if !(w.value >= 0) || math.IsInf(w.value, 1) {
			return fmt.Errorf("fusion: objectives.%s is %g: a weight is at least 0 and finite", w.name, w.value)
		}
		sum += w.value
	}
	switch {
	case sum == 0:
		return errors.New("fusion: all objectives are 0: there is nothing to learn")
	case c.Caption < 2 || c.Caption > c.Text.Context:
		return fmt.Errorf("fusion: caption is %d: it must be between 2 and text.context, %d", c.Caption, c.Text.Context)
	case o.Contrast > 0 && c.Projection < 1:
		return fmt.Errorf("fusion: projection is %d: it must be at least 1", c.Projection)
	case o.Grounding > 0 && o.Masking == 0:
		return fmt.Errorf("fusion: objectives.grounding is %g and objectives.masking 0: it says where to look as hidden words are read",
			o.Grounding)
	case !(c.Hidden >= 0 && c.Hidden < 1):
		return fmt.Errorf("fusion: hidden is %g: it must be at least 0 and below 1", c.Hidden)
	}
	if o.Masking > 0 {
		if err := c.Masking.validate(c.Text.Vocab); err != nil {
			return err
		}
	}
	if o.Classification > 0 || o.Grounding > 0 {
		return c.Config.checkRegions(c.Regions)
	}
	return nil
}

// Captioned are pictures with captions.
type Captioned interface {
	task.Pictures
	// Caption draws a caption of example i: its ids with start, end and padding, as many for all.
	Caption(i int, r *rand.Rand) ([]int32, error)
}

// Grounded are pictures with captions that say which regions of the picture they tell of.
type Grounded interface {
	Captioned
	// GroundedCaption draws a caption as Caption does: its IDs, and where each of them looks.
	GroundedCaption(i int, r *rand.Rand) (Passage, error)
}

// Pretraining is the pretraining of the encoders as a [task.Task].
type Pretraining struct {
	Config   PretrainingConfig
	Captions Captioned

	known regions.Priors
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c PretrainingConfig, p Captioned) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := frame(c.Config).Check("fusion", p); err != nil {
		return nil, err
	}
	if _, ok := p.(regions.Classified); !ok && c.Objectives.Classification > 0 {
		return nil, errors.New("fusion: objectives.classification is not 0, and the examples have no classes of regions")
	}
	if _, ok := p.(Grounded); !ok && c.Objectives.Grounding > 0 {
		return nil, errors.New("fusion: objectives.grounding is not 0, and the captions do not say which regions they tell of")
	}
	t := &Pretraining{Config: c, Captions: p}
	if classified, ok := p.(regions.Classified); ok && c.Objectives.Classification > 0 {
		t.known = c.Regions.Priors(classified)
	}
	return t, nil
}

// Len implements [task.Task].
func (t *Pretraining) Len() int { return t.Captions.Len() }

// Stacks implements [task.Stacked].
func (t *Pretraining) Stacks() [][]string { return stacks }

// Metrics implements [task.Task]: each objective's loss and accuracy in the batch; the accuracy of grounding is the share of the
// attention that lies right.
func (t *Pretraining) Metrics() []string {
	var names []string
	for _, o := range t.objectives() {
		names = append(names, o.name+"_loss", o.name+"_accuracy")
	}
	return names
}

// objective is one of the losses.
type objective struct {
	name   string
	weight float64
	loss   func(s *model.Scope, b batch) (l, accuracy *Node)
}

// objectives lists those that count.
func (t *Pretraining) objectives() []objective {
	o := t.Config.Objectives
	var list []objective
	for _, x := range []objective{
		{"classification", o.Classification, t.classification},
		{"contrast", o.Contrast, t.contrast},
		{"matching", o.Matching, t.matching},
		{"masking", o.Masking, t.masking},
		{"grounding", o.Grounding, t.grounding},
	} {
		if x.weight > 0 {
			list = append(list, x)
		}
	}
	return list
}

// Batch implements [task.Task]: pictures [B, H, W, C], captions [B, L], the same with tokens hidden, [B, L], which ones, [B, L] Bool,
// the classes of regions, and the regions to look at, [B, L, regions].
func (t *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	in := []*tensors.Tensor{frame(t.Config.Config).Read(t.Captions, examples, r)}
	captions, masked := make([][]int32, len(examples)), make([][]int32, len(examples))
	var chosen []bool
	var look []float32
	for n, i := range examples {
		var err error
		if captions[n], look, err = t.caption(look, i, r); err != nil {
			return task.Batch{}, fmt.Errorf("fusion: example %d: %w", i, err)
		}
		masked[n] = append([]int32(nil), captions[n]...)
		chosen = append(chosen, t.Config.Masking.Apply(masked[n], r)...)
	}
	in = append(in, matrix(captions), matrix(masked), tensors.FromFlatDataAndDimensions(chosen, len(examples), len(captions[0])))
	if t.Config.Objectives.Classification > 0 {
		in = append(in, t.Config.Regions.Labels(t.Captions.(regions.Classified), examples))
	}
	if look != nil {
		in = append(in, tensors.FromFlatDataAndDimensions(look, len(examples), len(captions[0]), t.Config.Regions.Count()))
	}
	return task.Batch{Inputs: in, Shared: make([]bool, len(in))}, nil
}

// caption draws a caption of example i and marks behind look where its tokens look, where that is trained.
func (t *Pretraining) caption(look []float32, i int, r *rand.Rand) ([]int32, []float32, error) {
	if t.Config.Objectives.Grounding == 0 {
		ids, err := t.Captions.Caption(i, r)
		return ids, nil, err
	}
	p, err := t.Captions.(Grounded).GroundedCaption(i, r)
	if err != nil {
		return nil, nil, err
	}
	own := make([]float32, len(p.IDs)*t.Config.Regions.Count())
	err = t.Config.Regions.Mark(own, t.Config.Regions.Count(), 0, p.Look)
	return p.IDs, append(look, own...), err
}

// batch is what the objectives are computed from.
type batch struct {
	picture          Picture
	captions, chosen *Node
	regions, look    *Node // nil without classification, and without grounding
	similarities     *Node // of pictures and captions [B, B]; nil without contrast
	matched, masked  Text  // pairs, and captions with hidden tokens, in sight of pictures; empty without matching, and without masking
}

// Loss implements [task.Task].
func (t *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	b := batch{picture: EncodePicture(s, in[0], t.Config.Config), captions: in[1], chosen: in[3]}
	if t.Config.Objectives.Classification > 0 {
		b.regions = in[4]
	}
	if t.Config.Objectives.Grounding > 0 {
		b.look = in[len(in)-1]
	}
	t.read(s, &b, in[2])
	var sum *Node
	var metrics []*Node
	for _, o := range t.objectives() {
		l, accuracy := o.loss(s, b)
		metrics = append(metrics, l, accuracy)
		if l = MulScalar(l, o.weight); sum == nil {
			sum = l
		} else {
			sum = Add(sum, l)
		}
	}
	return sum, metrics
}

func (t *Pretraining) classification(s *model.Scope, b batch) (l, accuracy *Node) {
	return t.Config.Regions.Loss(s, b.picture.Tokens, b.regions, t.known)
}

// Similarities compares pictures with captions by themselves (see [EncodeText]): cosines in a shared space times exp(s), as CLIP's (ALBEF
// §3.2, without the momentum model). It gives [B, B]. Weights: "contrast/picture" and "contrast/text" [D, Projection],
// "contrast/logit_scale".
func Similarities(s *model.Scope, p Picture, captions Text, c PretrainingConfig) *Node {
	cs := s.At("contrast")
	std := func(width int) float64 { return math.Pow(float64(width), -0.5) }
	picture := L2Normalize(nn.Linear(cs.At("picture"), p.Pooled, c.Projection, std(c.Vision.Width)), -1)
	text := L2Normalize(nn.Linear(cs.At("text"), captions.First(), c.Projection, std(c.Text.Width)), -1)
	start := initializer.BroadcastTensorToShape(tensors.FromScalar(float32(math.Log(1 / 0.07)))) // CLIP's
	scale := cs.WithInitializer(start).VariableWithShape("logit_scale", shapes.Make(dtypes.Float32)).NodeValue(text.Graph())
	return Mul(loss.Similarity(picture, text), loss.LogitScale(scale))
}

// contrast is the loss of CLIP, in both directions; every caption belongs to its own picture alone.
func (t *Pretraining) contrast(_ *model.Scope, b batch) (l, accuracy *Node) {
	logits := b.similarities
	n := logits.Shape().Dim(0)
	own := Iota(logits.Graph(), shapes.Make(dtypes.Int32, n), 0)
	return loss.CLIP(logits, loss.Targets(own)), loss.Accuracy(logits, own)
}
