package fusion

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

// WriterConfig is a model that writes about a picture, token by token: answers, captions or dialogues.
type WriterConfig struct {
	Config
	Length int  `json:"length"` // of what it reads and writes, in tokens
	Texts  int  `json:"texts"`  // about each picture of a batch
	Prefix bool `json:"prefix"` // what is given of a text is read as a whole, and not word by word

	// With Counting the model has a counter of regions too (see [regions.Config.Counter]), between the fusion and the head, which is told
	// which regions are counted, with Grounding for the weight of that loss.
	regions.Supervision
}

// Validate names the key and the value at fault.
func (c WriterConfig) Validate() error {
	if err := c.Config.Validate(); err != nil {
		return err
	}
	switch {
	case c.Length < 2 || c.Length > c.Text.Context:
		return fmt.Errorf("fusion: length is %d: it must be between 2 and text.context, %d", c.Length, c.Text.Context)
	case c.Texts < 1:
		return fmt.Errorf("fusion: texts is %d: there must be at least 1 about each picture", c.Texts)
	}
	if err := c.Supervision.Validate(c.Grid()); err != nil {
		return fmt.Errorf("fusion: %w", err)
	}
	return nil
}

// Regions say how pictures are classified, region by region.
type Regions = regions.Config

// ClassToken stands among the regions of [Passage.Look] for the picture's class token.
const ClassToken = regions.ClassToken

// checkRegions refuses regions that do not divide the picture's tokens.
func (c Config) checkRegions(r Regions) error {
	if err := r.Validate(c.Grid()); err != nil {
		return fmt.Errorf("fusion: regions.%w", err)
	}
	return nil
}

// Passage is a text about a picture, of which the model is to say some tokens, given all those before.
type Passage = task.Passage

// Written are pictures with texts about them.
type Written = task.Written

// Writing is the training of texts about pictures as a [task.Task] (chapter 3.2): visual question answering, where an answer is said
// to a question; captioning, where all is said; and dialogue, where the answers are said to questions that follow one another. The
// loss is the cross-entropy of each token that is to be said, given the true ones before it (teacher forcing). Where the data know from
// which regions of the picture a token is read, a second loss can ask the model to look there (see [regions.Config.Grounding]).
type Writing struct {
	Config WriterConfig
	Texts  Written

	known regions.Priors
}

// NewWriting checks what it is given and returns the task.
func NewWriting(c WriterConfig, texts Written) (*Writing, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := frame(c.Config).Check("fusion", texts); err != nil {
		return nil, err
	}
	known, err := c.Priors(texts)
	if err != nil {
		return nil, fmt.Errorf("fusion: %w", err)
	}
	return &Writing{Config: c, Texts: texts, known: known}, nil
}

// Len implements [task.Task].
func (t *Writing) Len() int { return t.Texts.Len() }

// Stacks implements [task.Stacked].
func (t *Writing) Stacks() [][]string { return stacks }

// Metrics implements [task.Task]: the share of tokens that are right, each given the true ones before it, and of texts of which all
// are; of attention where it should lie; and of counts for which every region is on its right side.
func (t *Writing) Metrics() []string {
	names := append([]string{"token_accuracy", "text_accuracy"}, t.Config.Supervision.Metrics()...)
	if t.Config.Counting {
		names = append(names, "counting_loss", "counting_accuracy")
	}
	return names
}

// Batch implements [task.Task]: pictures [B, H, W, C], texts [B·T, L+1], which tokens to say [B·T, L+1] Bool, the prefixes [B·T] and,
// where it is trained, the classes of regions [B, regions, attributes].
func (t *Writing) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	c, long, rows := t.Config, t.Config.Length+1, len(examples)*t.Config.Texts
	look := c.Look(rows * long)
	texts, err := task.ReadPassages("fusion", t.Texts, examples, r, c.Texts, long, c.Text.Pad, func(from int, at [][]int) error {
		return c.Mark(look, from, at)
	})
	if err != nil {
		return task.Batch{}, err
	}
	in := []*tensors.Tensor{frame(c.Config).Read(t.Texts, examples, r), texts.IDs, texts.Say, texts.Prefix}
	in = append(in, c.Inputs(t.Texts, examples, look, rows)...)
	return task.Batch{Inputs: in, Shared: make([]bool, len(in))}, nil
}

// Loss implements [task.Task].
func (t *Writing) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	c := t.Config
	picture := EncodePicture(s, in[0], c.Config)
	before, after := shift(in[1])
	_, say := shift(in[2])
	c.Text.Weights = c.Grounding > 0
	text := write(s, before, picture.Tokens, in[3], c)
	logits := Predict(s, text.X, c.Config)
	l := loss.Sequence(logits, after, loss.SequenceOptions{Mask: say})
	metrics := []*Node{loss.TokenAccuracy(logits, after, say), loss.TextAccuracy(logits, after, say)}
	if c.Classification > 0 {
		classes, accuracy := c.Regions.Loss(s, picture.Tokens, in[4], t.known)
		l, metrics = Add(l, MulScalar(classes, c.Classification)), append(metrics, accuracy)
	}
	if c.Grounding > 0 {
		_, look := shift(in[len(in)-1])
		grounding, share := c.Regions.Grounding(text.Cross, look)
		l, metrics = Add(l, MulScalar(grounding, c.Grounding)), append(metrics, grounding, share)
		if c.Counting {
			counting, right := c.Regions.CountLoss(text.counted, look)
			l, metrics = Add(l, MulScalar(counting, c.Grounding)), append(metrics, counting, right)
		}
	}
	return l, metrics
}

// Write gives the logits [B·T, L, V] of the token behind each of ids [B·T, L], given those before and the pictures' tokens [B, S, D].
// prefix [B·T] is how many tokens are given at the start of each text.
func Write(s *model.Scope, ids, picture, prefix *Node, c WriterConfig) *Node {
	return Predict(s, write(s, ids, picture, prefix, c).X, c.Config)
}

// written is a text and, with Counting, the a of [regions.Config.Counter].
type written struct {
	Text
	counted *Node
}

func write(s *model.Scope, ids, picture, prefix *Node, c WriterConfig) written {
	r := Reading{Causal: true}
	if c.Prefix {
		r.Prefix = prefix
	}
	rows := ids.Shape().Dim(0) / picture.Shape().Dim(0)
	w := written{Text: Fuse(s, ids, picture, rows, r, c.Config)}
	if c.Counting {
		w.X, w.counted = c.Regions.Counter(s, w.X, c.Regions.CountKeys(s, picture))
	}
	return w
}
