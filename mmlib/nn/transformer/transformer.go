// Package transformer stacks attention and feed-forward layers into blocks (Vaswani et al. 2017), in the pre-norm form
// that CLIP and GPT-2 use: each layer reads a normalised copy of the residual stream and adds its result to it.
//
//	x ← x + SelfAttention(LayerNorm(x))
//	x ← x + CrossAttention(LayerNorm(x), memory)        only in a decoder with a memory
//	x ← x + W₂·act(W₁·LayerNorm(x))
//
// [Encode] sends a whole sequence through a stack of blocks; [Decode] does so beside a memory, the other sequence that its
// blocks look at, such as a picture's patches. [Step] computes what either of them would, for a sequence that comes in pieces:
// a [Cache] keeps the keys and values of the positions so far, and those of the memory. So a text is generated at the cost of
// one position a step:
//
//	Encode      x [B, L, D]                                     → X [B, L, D]
//	Decode      x [B, L, D], memory [B, S, D_y]                 → X [B, L, D]
//	NewCache    memory [B, S, D_y]                              → cache: [B, room, G, K] and [B, S, H, K] for each block
//	Step        x [B, L, D], position [] or [B], cache          → X [B, L, D], cache
//
// Here L positions are new, S are the memory's, and a cache has room for so many in all (other letters: see mmlib/doc.go).
// [EncodeBlock] and [DecodeBlock] are single blocks, for models that put something between them.
//
// A block whose two layers read the same normalised copy, and work side by side, is another one: see [ParallelBlock].
//
// Functions here build graphs and panic on shapes that do not fit; [Config.Validate] reports in advance what would not.
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

	// Low-rank terms beside the matrices of every block, by which a pretrained stack is fine-tuned; the zero value: none.
	LoRA nn.LoRA `json:"lora,omitzero"`

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
	if err := c.LoRA.Validate(c.Width); err != nil {
		return err
	}
	return c.Activation.Validate()
}

// Merge folds the low-rank terms in the blocks of the stacks at these paths of the store into the matrices beside them, and
// sets c.LoRA to none: the model then computes the same without them. See [nn.LoRA.Merge].
func (c *Config) Merge(s *model.Store, stacks ...string) error {
	for _, path := range stacks {
		if err := c.LoRA.Merge(s, path); err != nil {
			return err
		}
	}
	c.LoRA = nn.LoRA{}
	return nil
}

// Attention is the self-attention of a block of this size: heads, kernel, weights and initial values. Models change what
// the published blocks have and CLIP's have not, such as
//
//	self := c.Attention(attention.Mask{Causal: true})
//	self.RoPE, self.KeyValueHeads = 10000, 1
func (c Config) Attention(mask attention.Mask) attention.Config {
	in, out, _ := c.std()
	return attention.Config{
		Heads: c.Heads, Mask: mask, Kernel: c.Kernel, Weights: c.Weights, LoRA: c.LoRA, InStd: in, OutStd: out,
	}
}

// std returns the standard deviations that weights start from: those of attention, of the layers that write to the residual
// stream, and of the first dense layer; see [Encode].
func (c Config) std() (in, out, mlp float64) {
	in = math.Pow(float64(c.Width), -0.5)
	return in, in * math.Pow(float64(2*c.Layers), -0.5), math.Pow(float64(2*c.Width), -0.5)
}

// Output is what a stack computed.
type Output struct {
	X       *Node   // [B, L, D], the residual stream after the last block
	Weights []*Node // each block's weights of self-attention, [B, H, L, L], or [B, H, L, room] of a step; nil unless Config asks for them
	Cross   []*Node // each block's weights over the memory, [B, H, L, S]; nil without memory and unless Config asks for them
}

// BlockOutput is what one block computed: one entry of an [Output].
type BlockOutput struct {
	X, Weights, Cross *Node
}

// add appends what block i computed.
func (o *Output) add(b BlockOutput) {
	o.X = b.X
	if b.Weights != nil {
		o.Weights = append(o.Weights, b.Weights)
	}
	if b.Cross != nil {
		o.Cross = append(o.Cross, b.Cross)
	}
}

// Encode sends x [B, L, D] through the blocks. The mask's zero value lets every position look everywhere; a text tower's
// is causal. Weights of block i are under "block<i>/", see [EncodeBlock].
//
// Initial values are CLIP's (§2.5 and its released code), after GPT-2: with D the width and N the number of blocks,
// attention starts from std D^(-1/2), the layers that write to the residual stream from D^(-1/2)·(2N)^(-1/2), so that the
// stream does not grow with depth, and the first dense layer from (2D)^(-1/2).
func Encode(s *model.Scope, x *Node, mask attention.Mask, c Config) Output {
	x.AssertDims(-1, -1, c.Width)
	out := Output{X: x}
	for i := range c.Layers {
		out.add(EncodeBlock(s.At("block%d", i), out.X, c.Attention(mask), c))
	}
	return out
}

// EncodeBlock is one block: x [B, L, D] goes through self-attention and the dense layers, each behind its normalisation.
// self is [Config.Attention] or a variant of it. Weights: "norm1", "attention", "norm2", "mlp/in", "mlp/out"; with LoRA also
// "mlp/in/lora/mlp_in/a" and so on, where the dense layers are among its targets.
func EncodeBlock(s *model.Scope, x *Node, self attention.Config, c Config) BlockOutput {
	return DecodeBlock(s, x, Memory{}, self, c)
}
