// Package palm is PaLM: Scaling Language Modeling with Pathways (Chowdhery et al. 2022, arXiv:2204.02311), a language model: given
// the tokens of a text so far it says how probable each token of the vocabulary is as the next one. Section 2 of the paper is this
// file:
//
//	x = E[tokens]                                                     embeddings, E [V, D]
//	x ← x + MLP(LayerNorm(x)) + Attention(LayerNorm(x))               N times: the parallel block
//	logits = LayerNorm(x)·Eᵀ / √D                                     E again: input and output share it
//
//	MLP(h) = (swish(h·W) ⊙ h·V)·W₂                                    SwiGLU
//	Attention                                                         H heads of queries share one of keys and values (multi-query);
//	                                                                  causal; positions by rotation (RoPE), no table of them
//
// No matrix and no normalisation has a bias. Matrices start from N(0, 1/inputs) and E from N(0, 1), which is why the logits are
// divided by √D (§5). The loss adds to the cross-entropy the z-loss 10⁻⁴·log² Z, which keeps the softmax's normaliser Z near 1 (§5).
//
// A parallel block computes its two layers side by side, which made training the paper's models 15 % faster, for no loss of quality
// from 62B on. One head of keys and values makes what is kept while a text is written H times smaller.
//
// This file is the model; presets.go its sizes, task.go its training, predictor.go its use. In embodied.go it reads pictures: PaLM-E, with
// its training and its use in the files beside.
package palm

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
)

// Config is the size of the model.
type Config struct {
	transformer.Parallel
	Vocab   int     `json:"vocab"`   // V, the number of tokens
	Context int     `json:"context"` // L, the most tokens that the model sees at once
	ZLoss   float64 `json:"z_loss"`  // the coefficient of log² Z in the loss; the paper has 1e-4
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	if err := c.check(); err != nil {
		return fmt.Errorf("palm: %w", err)
	}
	return nil
}

// check is Validate without the name of the package.
func (c Config) check() error {
	if err := c.Parallel.Validate(); err != nil {
		return err
	}
	switch {
	case c.Vocab < 2:
		return fmt.Errorf("vocab is %d: it must be at least 2", c.Vocab)
	case c.Context < 2:
		return fmt.Errorf("context is %d: it must be at least 2 tokens", c.Context)
	case !(c.ZLoss >= 0) || math.IsInf(c.ZLoss, 1):
		return fmt.Errorf("z_loss is %g: it must be at least 0, and finite (the paper has 1e-4)", c.ZLoss)
	}
	return nil
}

// Parameters is the number of weights, without building the model: embeddings, blocks and the last normalisation,
//
//	V·D + N·( D + D·(H+2)·K + H·K·D + 3·D·F ) + D
func (c Config) Parameters() int { return c.Vocab*c.Width + c.Parallel.Parameters() + c.Width }

// Output is what the model makes of a text.
type Output struct {
	Logits *Node // [B, L, V] of the token behind each position
	transformer.Output
}

// Read is the model: tokens [B, L] (an integer type) to the logits of the token behind each, and all that was computed on the way.
// Weights: "embedding" [V, D], "block<i>/…" (see [transformer.ParallelBlock]), "norm/gain" [D].
func Read(s *model.Scope, tokens *Node, c Config) Output {
	tokens.AssertDims(-1, -1)
	e := embedding(s, tokens, c)
	x := Gather(e, ExpandAxes(tokens, -1)) // [B, L, D]
	out := transformer.EncodeParallel(s, x, c.Attention(), c.Parallel)
	return Output{Logits: predict(s, out.X, e, c), Output: out}
}

// Step is [Read] for a text that comes in pieces: tokens [B, L] that begin at position, an integer scalar or [B], and what was kept
// for the tokens before, in a cache of [attention.NewCache] for each block. It gives logits [B, L, V] and what to keep.
func Step(s *model.Scope, tokens, position *Node, cache []attention.Cache, c Config) (Output, []attention.Cache) {
	tokens.AssertDims(-1, -1)
	e := embedding(s, tokens, c)
	x := Gather(e, ExpandAxes(tokens, -1))
	out, cache := transformer.StepParallel(s, x, position, cache, c.Attention(), c.Parallel)
	return Output{Logits: predict(s, out.X, e, c), Output: out}, cache
}

// embedding is E [V, D].
func embedding(s *model.Scope, tokens *Node, c Config) *Node {
	like := Const(tokens.Graph(), float32(0))
	return nn.Weight(s, like, "embedding", 1, c.Vocab, c.Width)
}

// predict is the model's end, x [B, L, D] to logits [B, L, V]:
//
//	logits = LayerNorm(x)·Eᵀ / √D
func predict(s *model.Scope, x, e *Node, c Config) *Node {
	h := nn.LayerNormNoBias(s.At("norm"), x, c.LayerNorm)
	return MulScalar(Einsum("BLD,VD->BLV", h, e), 1/math.Sqrt(float64(c.Width)))
}

// Loss is the cross-entropy of the next tokens with the z-loss, a mean over all positions: logits [B, L, V], next [B, L], the token
// behind each position. See [loss.Sequence], which shifts nothing.
//
//	L = 1/BL Σ ( −log softmax(logits)[next] + z_loss·log² Z )
func Loss(logits, next *Node, c Config) *Node {
	return loss.Sequence(logits, next, loss.SequenceOptions{ZLoss: c.ZLoss})
}
