package clip

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

// ClassifierConfig is a vision tower with one linear layer on top.
type ClassifierConfig struct {
	Vision    vision.Config `json:"vision"`
	Classes   int           `json:"classes"`
	Smoothing float64       `json:"smoothing"` // of the labels, 0 for none
}

// Validate names the key and the value at fault.
func (c ClassifierConfig) Validate() error {
	if err := c.Vision.Validate(); err != nil {
		return fmt.Errorf("classifier: vision.%w", err)
	}
	switch {
	case c.Classes < 2:
		return fmt.Errorf("classifier: classes is %d: it must be at least 2", c.Classes)
	case !(c.Smoothing >= 0 && c.Smoothing < 1):
		return fmt.Errorf("classifier: smoothing is %g: it must be at least 0 and below 1", c.Smoothing)
	}
	return nil
}

// Merge folds the low-rank terms of the tower into its weights; see [transformer.Config.Merge].
func (c *ClassifierConfig) Merge(s *model.Store) error { return c.Vision.Merge(s, "/vision") }

// Classify is the model: pictures [B, H, W, C] to logits [B, Classes], from the vector that CLIP's vision tower has before
// its projection (CLIP §3.2). Weights: "vision/…" as in [EncodeImage], so that a pretrained tower fits, and "head/…".
func Classify(s *model.Scope, x *Node, c ClassifierConfig) (logits *Node, v vision.Output) {
	v = vision.Encode(s.At("vision"), x, c.Vision)
	logits = nn.Dense(s.At("head"), v.Pooled, c.Classes, headStd)
	logits.AssertDims(x.Shape().Dim(0), c.Classes)
	return logits, v
}

// headStd is nearly nothing, so that training starts from even odds and not from what the random head happens to say.
const headStd = 1e-3

// Labelled are pictures of known classes.
type Labelled interface {
	task.Pictures
	Class(i int) int
}

// Finetuning is supervised training of the classifier as a [task.Task]. Frozen weights are the trainer's business: with
// "/vision" frozen it is CLIP's linear probe, with nothing frozen full fine-tuning.
type Finetuning struct {
	Config   ClassifierConfig
	Pictures Labelled
}

// NewFinetuning checks what it is given and returns the task.
func NewFinetuning(c ClassifierConfig, pictures Labelled) (*Finetuning, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := frame(Config{Vision: c.Vision}).Check("classifier", pictures); err != nil {
		return nil, err
	}
	return &Finetuning{Config: c, Pictures: pictures}, nil
}

// Len implements [task.Task].
func (f *Finetuning) Len() int { return f.Pictures.Len() }

// Metrics implements [task.Task].
func (f *Finetuning) Metrics() []string { return []string{"batch_accuracy"} }

// Batch implements [task.Task]: pictures [B, H, W, C] and labels [B].
func (f *Finetuning) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	pictures := frame(Config{Vision: f.Config.Vision}).Read(f.Pictures, examples, r)
	labels := make([]int32, len(examples))
	for n, i := range examples {
		label := int32(f.Pictures.Class(i))
		labels[n] = label
		if label < 0 || int(label) >= f.Config.Classes {
			return task.Batch{}, fmt.Errorf("classifier: example %d has class %d; the model has %d classes", i, label, f.Config.Classes)
		}
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{pictures, tensors.FromFlatDataAndDimensions(labels, len(labels))},
		Shared: []bool{false, false},
	}, nil
}

// Loss implements [task.Task].
func (f *Finetuning) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	logits, _ := Classify(s, in[0], f.Config)
	return loss.Classification(logits, in[1], f.Config.Smoothing), []*Node{loss.Accuracy(logits, in[1])}
}

// Classifier is a trained classifier as a [task.Predictor]. Its functions are
//
//	classify   pictures [H, W, C] → probabilities [Classes]
//	attention  pictures [H, W, C] → [Layers, Heads, Grid, Grid], as in [Predictor]
type Classifier struct {
	Config  ClassifierConfig
	Weights *model.Store
}

// Store implements [task.Predictor].
func (p *Classifier) Store() *model.Store { return p.Weights }

// Funcs implements [task.Predictor].
func (p *Classifier) Funcs() []task.Func {
	c := p.Config
	image := imageShape(Config{Vision: c.Vision})
	return append([]task.Func{
		{Name: "classify", In: []shapes.Shape{image}, Out: []shapes.Shape{shapes.Make(dtypes.Float32, c.Classes)},
			Graph: func(s *model.Scope, in []*Node) []*Node {
				logits, _ := Classify(s, in[0], c)
				return []*Node{Softmax(logits, -1)}
			}},
	}, attentionFuncs(Config{Vision: c.Vision})...)
}

// KeepVision removes all but the vision tower from a store of CLIP's weights: what a classifier starts from.
func KeepVision(s *model.Store) error {
	var others []string
	for v := range s.IterVariables() {
		if !strings.HasPrefix(v.Path(), "/vision/") {
			others = append(others, v.Path())
		}
	}
	for _, path := range others {
		// The random state belongs to the training, not to CLIP.
		if path == "/"+model.RNGStateVariableName {
			continue
		}
		if err := s.DeleteVariable(path); err != nil {
			return fmt.Errorf("clip: leaving out %s: %w", path, err)
		}
	}
	return nil
}
