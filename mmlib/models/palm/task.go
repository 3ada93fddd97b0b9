package palm

import (
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/task"
)

// Pretraining is the training of a language model on one long text as a [task.Task]: every token from those before it.
//
// The text is cut into windows of Context+1 tokens, of which the first Context are read and the last Context are predicted. Example i
// is the window that begins somewhere between tokens i·Context and (i+1)·Context, at random: so each pass over the examples sees nearly
// the whole text, and each time with other cuts.
type Pretraining struct {
	Config Config
	tokens []int32
}

// NewPretraining checks the tokens of the text and returns the task.
func NewPretraining(c Config, tokens []int32) (*Pretraining, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(tokens) <= c.Context {
		return nil, fmt.Errorf("palm: the text to train on has %d tokens: it must have more than the context of %d; "+
			"use a longer text, or a smaller context", len(tokens), c.Context)
	}
	for i, token := range tokens {
		if token < 0 || int(token) >= c.Vocab {
			return nil, fmt.Errorf("palm: token %d of the text is %d: the vocabulary has tokens 0 to %d (vocab)", i, token, c.Vocab-1)
		}
	}
	return &Pretraining{Config: c, tokens: tokens}, nil
}

// Len implements [task.Task]: the number of windows that the text has, one behind the other.
func (p *Pretraining) Len() int {
	return (len(p.tokens) - 1 + p.Config.Context - 1) / p.Config.Context
}

// Metrics implements [task.Task]: the loss without the z-loss, in nats a token.
func (p *Pretraining) Metrics() []string { return []string{"cross_entropy"} }

// Batch implements [task.Task]: windows [B, Context+1] (Int32).
func (p *Pretraining) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	length := p.Config.Context + 1
	flat := make([]int32, 0, len(examples)*length)
	for _, i := range examples {
		from := i * p.Config.Context
		if r != nil {
			from += r.IntN(p.Config.Context)
		}
		from = min(from, len(p.tokens)-length)
		flat = append(flat, p.tokens[from:from+length]...)
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(flat, len(examples), length)}, Shared: []bool{false},
	}, nil
}

// Loss implements [task.Task].
func (p *Pretraining) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	tokens, next := shift(in[0])
	logits := Read(s, tokens, p.Config).Logits
	return Loss(logits, next, p.Config), []*Node{loss.Sequence(logits, next, loss.SequenceOptions{})}
}

// shift makes of windows [B, L+1] what is read and what is predicted, [B, L] each: next[l] is the token behind tokens[l].
func shift(window *Node) (tokens, next *Node) {
	l := window.Shape().Dim(1) - 1
	return Slice(window, AxisRange(), AxisRange(0, l)), Slice(window, AxisRange(), AxisRange(1))
}
