package transformer

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
)

// Parallel is the size of a stack of equal parallel blocks, see [ParallelBlock].
type Parallel struct {
	Width     int     `json:"width"`      // D, the width of the residual stream
	Layers    int     `json:"layers"`     // number of blocks
	Heads     int     `json:"heads"`      // H, of the queries; they share one head of keys and values
	HeadWidth int     `json:"head_width"` // K, an even number; H·K need not be D
	MLP       int     `json:"mlp"`        // width of the feed-forward layer's inside; PaLM takes 4·D
	LayerNorm float64 `json:"layer_norm"` // ε of the normalisation
	Dropout   float64 `json:"dropout"`    // share of what a block adds to the stream that is left out, at random, in training

	// How to compute, which is no part of the model and not saved with it; see [attention.Options].
	Kernel  lean.Choice `json:"-"`
	Weights bool        `json:"-"`
}

// Validate names the key and the value that are at fault.
func (c Parallel) Validate() error {
	switch {
	case c.Width < 1:
		return fmt.Errorf("width is %d: it must be at least 1", c.Width)
	case c.Layers < 1:
		return fmt.Errorf("layers is %d: it must be at least 1", c.Layers)
	case c.Heads < 1:
		return fmt.Errorf("heads is %d: it must be at least 1", c.Heads)
	case c.HeadWidth < 2 || c.HeadWidth%2 != 0:
		return fmt.Errorf("head_width is %d: it must be even, and at least 2, because RoPE turns its numbers in pairs", c.HeadWidth)
	case c.MLP < 1:
		return fmt.Errorf("mlp is %d: it must be at least 1 (4 times the width is usual)", c.MLP)
	case !(c.LayerNorm > 0) || math.IsInf(c.LayerNorm, 1):
		return fmt.Errorf("layer_norm is %g: it must be positive and finite (1e-6 is usual)", c.LayerNorm)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("dropout is %g: it must be at least 0 and below 1", c.Dropout)
	}
	return nil
}

// Parameters is the number of weights of the stack, without building it: for each block the gain of the normalisation, W^Q, W^K,
// W^V, W^O and the three matrices of SwiGLU.
//
//	N · ( D + D·(H+2)·K + H·K·D + 3·D·F )        F = MLP
func (c Parallel) Parameters() int {
	d, k := c.Width, c.HeadWidth
	return c.Layers * (d + d*(c.Heads+2)*k + c.Heads*k*d + 3*d*c.MLP)
}

// Attention is the self-attention of a block as PaLM has it: causal, multi-query, with RoPE of base 10,000, without biases.
func (c Parallel) Attention() attention.Config {
	return attention.Config{
		Heads: c.Heads, KeyValueHeads: 1, HeadWidth: c.HeadWidth, RoPE: 10_000, NoBias: true, Mask: attention.Mask{Causal: true},
		Kernel: c.Kernel, Weights: c.Weights,
	}
}

// EncodeParallel sends x [B, L, D] through a stack of parallel blocks; self is [Parallel.Attention] or a variant of it. Weights of
// block i are under "block<i>/", see [ParallelBlock].
func EncodeParallel(s *model.Scope, x *Node, self attention.Config, c Parallel) Output {
	x.AssertDims(-1, -1, c.Width)
	out := Output{X: x}
	for i := range c.Layers {
		out.add(ParallelBlock(s.At("block%d", i), out.X, self, c))
	}
	return out
}

// ParallelBlock is one block in the parallel form (Wang and Komatsuzaki 2021, GPT-J; PaLM, Chowdhery et al. 2022, §2): attention
// and feed-forward layer read the same normalised copy of the residual stream, where other blocks have one after the other.
//
//	y = x + MLP(LayerNorm(x)) + SelfAttention(LayerNorm(x))                   the parallel form, here
//	y = x + MLP(LayerNorm(x + SelfAttention(LayerNorm(x))))                   the serial one, [EncodeBlock]
//
// The MLP is [nn.SwiGLU], and nothing has biases. x [B, L, D] gives [B, L, D]. Weights: "norm/gain" [D], "attention/…" (see
// [attention.Self]), "mlp/…" (see [nn.SwiGLU]); all matrices start from N(0, 1/inputs), as in the paper (§5).
func ParallelBlock(s *model.Scope, x *Node, self attention.Config, c Parallel) BlockOutput {
	return parallel(s, x, func(s *model.Scope, h *Node) attention.Output { return attention.Self(s, h, self) }, c)
}

// parallel is the block with its self-attention, with or without a cache.
func parallel(s *model.Scope, x *Node, self func(*model.Scope, *Node) attention.Output, c Parallel) BlockOutput {
	h := nn.LayerNormNoBias(s.At("norm"), x, c.LayerNorm)
	a := self(s.At("attention"), h)
	mlp := nn.SwiGLU(s.At("mlp"), h, c.MLP, 1/math.Sqrt(float64(c.MLP)))
	added := layers.DropoutStatic(s, Add(mlp, a.Z), c.Dropout)
	return BlockOutput{X: Add(x, added), Weights: a.Weights}
}

// StepParallel is [EncodeParallel] for a sequence that comes in pieces: new positions x [B, L, D], which begin at position, an
// integer scalar or [B], go through the blocks, and cache has for each block the keys and values of the positions so far,
// [B, room, 1, K]; see [attention.NewCache] and [attention.SelfCached]. The result is that of EncodeParallel over the whole sequence.
func StepParallel(s *model.Scope, x, position *Node, cache []attention.Cache, self attention.Config, c Parallel) (
	Output, []attention.Cache) {
	x.AssertDims(-1, -1, c.Width)
	if len(cache) != c.Layers {
		exceptions.Panicf("transformer: the cache is of %d blocks; the stack has %d", len(cache), c.Layers)
	}
	out := Output{X: x}
	var next []attention.Cache
	for i, kept := range cache {
		attend := func(s *model.Scope, h *Node) (a attention.Output) {
			a, kept = attention.SelfCached(s, h, position, kept, self)
			return a
		}
		out.add(parallel(s.At("block%d", i), out.X, attend, c))
		next = append(next, kept)
	}
	return out, next
}
