package palm

import (
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn/regions"
	"gomm/mmlib/task"
)

// Writing is the training of texts about pictures as a [task.Task] (chapter 3.2): answers to questions, captions, dialogues. The loss is
// the cross-entropy of each token that is to be said, given the picture and the true tokens before it (PaLM-E §3: that of the tokens
// behind the prefix), with PaLM's z-loss. Beside it the picture's regions can be classified, and where the data know from which regions a
// token is read, a loss can ask the model to look there (see [regions.Config.Grounding]): the same as in package fusion.
type Writing struct {
	Config EmbodiedConfig
	Texts  task.Written

	known regions.Priors
}

// NewWriting checks what it is given and returns the task.
func NewWriting(c EmbodiedConfig, texts task.Written) (*Writing, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := c.frame().Check("palm", texts); err != nil {
		return nil, err
	}
	known, err := c.Priors(texts)
	if err != nil {
		return nil, fmt.Errorf("palm: %w", err)
	}
	return &Writing{Config: c, Texts: texts, known: known}, nil
}

// frame is what the model reads.
func (c EmbodiedConfig) frame() task.Frame {
	return task.Frame{Size: c.Vision.ImageSize, Channels: c.Vision.Channels, Keys: "vision.image_size, vision.channels"}
}

// Len implements [task.Task].
func (t *Writing) Len() int { return t.Texts.Len() }

// Stacks implements [task.Stacked].
func (t *Writing) Stacks() [][]string { return [][]string{{"/vision"}, {"/language"}} }

// Metrics implements [task.Task]: the share of tokens that are right, each given the true ones before it, and of texts of which all
// are.
func (t *Writing) Metrics() []string {
	return append([]string{"token_accuracy", "text_accuracy"}, t.Config.Supervision.Metrics()...)
}

// Batch implements [task.Task]: pictures [B, H, W, C], texts [B·T, L+1], which tokens to say [B·T, L+1] Bool and, where they are trained,
// the classes of regions [B, regions, attributes] and where the tokens look [B·T, L+1, places].
func (t *Writing) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	c, long, rows := t.Config, t.Config.Length+1, len(examples)*t.Config.Texts
	look := c.Look(rows * long)
	texts, err := task.ReadPassages("palm", t.Texts, examples, r, c.Texts, long, c.Text.Pad, func(from int, at [][]int) error {
		return c.Mark(look, from, at)
	})
	if err != nil {
		return task.Batch{}, err
	}
	in := []*tensors.Tensor{c.frame().Read(t.Texts, examples, r), texts.IDs, texts.Say}
	in = append(in, c.Inputs(t.Texts, examples, look, rows)...)
	return task.Batch{Inputs: in, Shared: make([]bool, len(in))}, nil
}

// Loss implements [task.Task].
func (t *Writing) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	c := t.Config
	c.Text.Weights = c.Grounding > 0
	picture := See(s, in[0], c)
	tokens, next := shift(in[1])
	_, say := shift(in[2])
	written := Write(s, tokens, picture.Tokens, c)
	l := loss.Sequence(written.Logits, next, loss.SequenceOptions{Mask: say, ZLoss: c.Text.ZLoss})
	metrics := []*Node{loss.TokenAccuracy(written.Logits, next, say), loss.TextAccuracy(written.Logits, next, say)}
	if c.Classification > 0 {
		classes, accuracy := c.Regions.Loss(s, picture.Tokens, in[3], t.known)
		l, metrics = Add(l, MulScalar(classes, c.Classification)), append(metrics, accuracy)
	}
	if c.Grounding > 0 {
		_, look := shift(in[len(in)-1])
		grounding, share := c.Regions.Grounding(looks(written.Weights, c), look)
		l, metrics = Add(l, MulScalar(grounding, c.Grounding)), append(metrics, grounding, share)
	}
	return l, metrics
}
