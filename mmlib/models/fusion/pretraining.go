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
	"gomm/mmlib/task"
)

// Objectives are the weights of the pretraining losses of chapter 3.1 in their sum; those of weight 0 are not computed.
type Objectives struct {
	Classification float64 `json:"classification"` // of the picture's regions
	Contrast       float64 `json:"contrast"`       // image-text contrastive learning, ITC: pictures and captions by themselves in one space
	Matching       float64 `json:"matching"`       // image-text matching, ITM: does this caption belong to this picture? With hard negatives
	Masking        float64 `json:"masking"`        // masked language modelling, MLM, in sight of the picture
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
	}{{"classification", o.Classification}, {"contrast", o.Contrast}, {"matching", o.Matching}, {"masking", o.Masking}} {
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
	case !(c.Hidden >= 0 && c.Hidden < 1):
		return fmt.Errorf("fusion: hidden is %g: it must be at least 0 and below 1", c.Hidden)
	}
	if o.Masking > 0 {
		if err := c.Masking.validate(c.Text.Vocab); err != nil {
			return err
		}
	}
	if o.Classification > 0 {
		return c.Regions.validate(c.Config)
	}
	return nil
}

// Captioned are pictures with captions.
type Captioned interface {
	Pictures
	// Caption draws a caption of example i: its ids with start, end and padding, as many for all.
	Caption(i int, r *rand.Rand) ([]int32, error)
}

// Masking is BERT's (Devlin et al. 2019, §3.1): of the tokens that may be hidden, Share are chosen to be guessed; of those 80 % become
// the mask token, 10 % another token and 10 % stay as they are, so that no token can be trusted blindly.
type Masking struct {
	Share float64 `json:"share"` // BERT: 0.15
	Token int32   `json:"token"` // the mask token
	First int32   `json:"first"` // tokens from First up to Last-1 may be hidden and stand in for others: all but the special ones
	Last  int32   `json:"last"`
}

func (m Masking) validate(vocab int) error {
	if !(m.Share > 0 && m.Share < 1) {
		return fmt.Errorf("fusion: masking.share is %g: it must be between 0 and 1; BERT has 0.15", m.Share)
	}
	if m.First < 0 || m.First >= m.Last || int(m.Last) > vocab || m.Token < 0 || int(m.Token) >= vocab {
		return fmt.Errorf("fusion: masking has the token %d, and hides tokens %d to %d: there are tokens 0 to %d", m.Token, m.First,
			m.Last-1, vocab-1)
	}
	return nil
}

// Probability is that of a token being shown as another: of one that is chosen, or of one of which that is not known.
func (m Masking) Probability(shown, token int32, chosen bool) float64 {
	if token < m.First || token >= m.Last { // special tokens stay
		if shown == token {
			return 1
		}
		return 0
	}
	p := 0.0
	switch {
	case shown == m.Token:
		p = 0.8
	case shown >= m.First && shown < m.Last:
		p = 0.1 / float64(m.Last-m.First)
	}
	if shown == token {
		p += 0.1
	}
	if chosen {
		return p
	}
	p *= m.Share
	if shown == token {
		p += 1 - m.Share
	}
	return p
}

// Apply hides tokens of ids in place and returns which ones are to be guessed: at least one where any may be hidden.
func (m Masking) Apply(ids []int32, r *rand.Rand) (chosen []bool) {
	chosen = make([]bool, len(ids))
	seen, at := 0, -1 // for one of the candidates at random, if chance chooses none
	hidden := false
	for i, id := range ids {
		if id < m.First || id >= m.Last {
			continue
		}
		if seen++; r.IntN(seen) == 0 {
			at = i
		}
		if r.Float64() < m.Share {
			chosen[i], hidden = true, true
		}
	}
	if !hidden && at >= 0 {
		chosen[at] = true
	}
	for i := range ids {
		if !chosen[i] {
			continue
		}
		switch p := r.Float64(); {
		case p < 0.8:
			ids[i] = m.Token
		case p < 0.9:
			ids[i] = m.First + int32(r.IntN(int(m.Last-m.First)))
		}
	}
	return chosen
}

// Pretraining is the pretraining of the encoders as a [task.Task].
type Pretraining struct {
	Config   PretrainingConfig
	Captions Captioned
}

// NewPretraining checks what it is given and returns the task.
func NewPretraining(c PretrainingConfig, p Captioned) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if p == nil || p.Len() == 0 {
		return nil, errors.New("fusion: there are no captions to train on")
	}
	if err := checkShape(c.Config, p); err != nil {
		return nil, err
	}
	if _, ok := p.(Regional); !ok && c.Objectives.Classification > 0 {
		return nil, errors.New("fusion: objectives.classification is not 0, and the examples have no classes of regions")
	}
	return &Pretraining{Config: c, Captions: p}, nil
}

// Len implements [task.Task].
func (t *Pretraining) Len() int { return t.Captions.Len() }

// Metrics implements [task.Task]: each objective's loss and accuracy in the batch.
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
	} {
		if x.weight > 0 {
			list = append(list, x)
		}
	}
	return list
}

// Batch implements [task.Task]: pictures [B, H, W, C], captions [B, L], the same with tokens hidden, [B, L], which ones, [B, L] Bool,
// and the classes of regions.
func (t *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	in := []*tensors.Tensor{load(t.Captions, t.Config.Config, examples, r)}
	captions, masked := make([][]int32, len(examples)), make([][]int32, len(examples))
	var chosen []bool
	for n, i := range examples {
		var err error
		if captions[n], err = t.Captions.Caption(i, r); err != nil {
			return task.Batch{}, fmt.Errorf("fusion: example %d: %w", i, err)
		}
		masked[n] = append([]int32(nil), captions[n]...)
		chosen = append(chosen, t.Config.Masking.Apply(masked[n], r)...)
	}
	in = append(in, matrix(captions), matrix(masked), tensors.FromFlatDataAndDimensions(chosen, len(examples), len(captions[0])))
	if t.Config.Objectives.Classification > 0 {
		in = append(in, t.Config.Regions.labels(t.Captions.(Regional), examples))
	}
	return task.Batch{Inputs: in, Shared: make([]bool, len(in))}, nil
}

// batch is what the objectives are computed from.
type batch struct {
	picture                  Picture
	captions, masked, chosen *Node
	regions                  *Node // nil without classification
	similarities             *Node // of pictures and captions [B, B]; nil without contrast
}

// Loss implements [task.Task].
func (t *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	b := batch{picture: EncodePicture(s, in[0], t.Config.Config), captions: in[1], masked: in[2], chosen: in[3]}
	if len(in) > 4 {
		b.regions = in[4]
	}
	if t.Config.Objectives.Contrast > 0 {
		b.similarities = Similarities(s, b.picture, b.captions, t.Config)
	}
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
	return t.Config.Regions.loss(s, b.picture, b.regions, t.Config.Config)
}

// Similarities compares pictures with captions by themselves: cosines in a shared space times exp(s), as CLIP's (ALBEF §3.2, without
// the momentum model). It gives [B, B]. Weights: "contrast/picture" and "contrast/text" [D, Projection], "contrast/logit_scale".
func Similarities(s *model.Scope, p Picture, captions *Node, c PretrainingConfig) *Node {
	cs := s.At("contrast")
	std := func(width int) float64 { return math.Pow(float64(width), -0.5) }
	picture := L2Normalize(nn.Linear(cs.At("picture"), p.Pooled, c.Projection, std(c.Vision.Width)), -1)
	text := L2Normalize(nn.Linear(cs.At("text"), EncodeText(s, captions, c.Config).First(), c.Projection, std(c.Text.Width)), -1)
	start := initializer.BroadcastTensorToShape(tensors.FromScalar(float32(math.Log(1 / 0.07)))) // CLIP's
	scale := cs.WithInitializer(start).VariableWithShape("logit_scale", shapes.Make(dtypes.Float32)).NodeValue(captions.Graph())
	return Mul(loss.Similarity(picture, text), loss.LogitScale(scale))
}

// contrast is the loss of CLIP, in both directions; every caption belongs to its own picture alone.
func (t *Pretraining) contrast(_ *model.Scope, b batch) (l, accuracy *Node) {
	logits := b.similarities
	n := logits.Shape().Dim(0)
	own := Iota(logits.Graph(), shapes.Make(dtypes.Int32, n), 0)
	return loss.CLIP(logits, loss.Targets(own)), loss.Accuracy(logits, own)
}

// masking is masked language modelling. The last Hidden pictures of the batch are not seen: zeros stand for their tokens.
func (t *Pretraining) masking(s *model.Scope, b batch) (l, accuracy *Node) {
	n := b.captions.Shape().Dim(0)
	picture := b.picture.Tokens
	if hidden := int(t.Config.Hidden * float64(n)); hidden > 0 {
		g := picture.Graph()
		seen := LessThan(Iota(g, shapes.Make(dtypes.Int32, n, 1, 1), 0), Scalar(g, dtypes.Int32, n-hidden))
		picture = Mul(picture, ConvertDType(seen, picture.DType()))
	}
	logits := Predict(s, Fuse(s, b.masked, picture, 1, Reading{}, t.Config.Config).X, t.Config.Config)
	return loss.MaskedTokens(logits, b.captions, b.chosen), shareRight(logits, b.captions, b.chosen)
}
