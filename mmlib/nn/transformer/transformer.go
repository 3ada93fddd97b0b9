// Package transformer stacks attention and feed-forward layers into blocks (Vaswani et al. 2017), in the pre-norm form
// that CLIP and GPT-2 use: each layer reads a normalised copy of the residual stream and adds its result to it.
//
//	x ← x + SelfAttention(LayerNorm(x))
//	x ← x + W₂·act(W₁·LayerNorm(x))
//
// Functions here build graphs and panic on shapes that do not fit; [Config.Validate] says beforehand what would not.
package transformer

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
)

// Config is the size of a stack of equal blocks.
type Config struct {
	Width      int           `json:"width"`      // D, the width of the residual stream
	Layers     int           `json:"layers"`     // number of blocks
	Heads      int           `json:"heads"`      // H; D must be a multiple of it
	MLP        int           `json:"mlp"`        // width between the two dense layers; the papers take 4·D
	Activation nn.Activation `json:"activation"` // between them
	LayerNorm  float64       `json:"layer_norm"` // ε of the normalisation; CLIP has 1e-5

	// How to compute, which is no part of the model and not saved with it; see [attention.Options].
	Kernel  lean.Choice `json:"-"`
	Weights bool        `json:"-"`
}

// Validate names the key and the value that are at fault.
func (c Config) Validate() error {
	switch {
	case c.Width < 1:
		return fmt.Errorf("width is %d: it must be at least 1", c.Width)
	case c.Layers < 0:
		return fmt.Errorf("layers is %d: it cannot be negative", c.Layers)
	case c.Heads < 1 || c.Width%c.Heads != 0:
		return fmt.Errorf("width %d is not a multiple of heads %d", c.Width, c.Heads)
	case c.MLP < 1:
		return fmt.Errorf("mlp is %d: it must be at least 1 (4 times the width is usual)", c.MLP)
	case !(c.LayerNorm > 0) || math.IsInf(c.LayerNorm, 1):
		return fmt.Errorf("layer_norm is %g: it must be positive and finite (1e-5 is usual)", c.LayerNorm)
	}
	return c.Activation.Validate()
}

// Output is what a stack computed.
type Output struct {
	X       *Node   // [B, L, D], the residual stream after the last block
	Weights []*Node // each block's attention weights [B, H, L, L]; nil when Config does not ask for them
}

// Encode sends x [B, L, D] through the blocks. The mask's zero value lets every position look everywhere; a text tower's
// is causal. Weights of block i are under "block<i>/".
//
// Initial values are CLIP's (§2.5 and its released code), after GPT-2: with D the width and N the number of blocks,
// attention starts from std D^(-1/2), the layers that write to the residual stream from D^(-1/2)·(2N)^(-1/2), so that the
// stream does not grow with depth, and the first dense layer from (2D)^(-1/2).
func Encode(s *model.Scope, x *Node, mask attention.Mask, c Config) Output {
	x.AssertDims(-1, -1, c.Width)
	out := Output{X: x}
	for i := range c.Layers {
		var w *Node
		out.X, w = block(s.At("block%d", i), out.X, mask, c)
		if c.Weights {
			out.Weights = append(out.Weights, w)
		}
	}
	return out
}

func block(s *model.Scope, x *Node, mask attention.Mask, c Config) (y, weights *Node) {
	attnStd := math.Pow(float64(c.Width), -0.5)
	outStd := attnStd * math.Pow(float64(2*c.Layers), -0.5)
	mlpStd := math.Pow(float64(2*c.Width), -0.5)

	// x ← x + SelfAttention(LayerNorm(x))
	a := attention.Self(s.At("attention"), nn.LayerNorm(s.At("norm1"), x, c.LayerNorm), attention.Config{
		Heads: c.Heads, Mask: mask, Kernel: c.Kernel, Weights: c.Weights, InStd: attnStd, OutStd: outStd,
	})
	x = Add(x, a.Z)

	// x ← x + W₂·act(W₁·LayerNorm(x))
	h := nn.Dense(s.At("mlp").At("in"), nn.LayerNorm(s.At("norm2"), x, c.LayerNorm), c.MLP, mlpStd)
	h = nn.Dense(s.At("mlp").At("out"), c.Activation.Apply(h), c.Width, outStd)
	return Add(x, h), a.Weights
}
