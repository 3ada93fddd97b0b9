package transformer

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
)

// Memory is the sequence that a decoder looks at besides its own, usually another modality's or an encoder's output. The
// zero value is none: the blocks have no cross-attention then.
type Memory struct {
	Sequence *Node // [B, S, D_y], the chapter's Y
	Lengths  *Node // [B], integers: in row b the first Lengths[b] positions are real, the rest is padding; nil: all are real

	// Each row of the memory serves so many consecutive rows of x, such as the questions about one picture: its keys and values
	// are computed once. 0 is 1.
	Rows int
}

// Decode sends x [B, L, D] through the blocks, each of which looks at x itself, as self says, and at the whole memory
// [B, S, D_y]. To generate, self must be causal:
//
//	out := transformer.Decode(s, x, memory, c.Attention(attention.Mask{Causal: true}), c)
//
// Without a causal mask this is the encoder that fuses two modalities, as in ALBEF (Li et al. 2021, §3.1). Without a memory
// it is Encode.
//
// Weights of block i are under "block<i>/", see [DecodeBlock]; initial values are those of [Encode].
func Decode(s *model.Scope, x *Node, memory Memory, self attention.Config, c Config) Output {
	x.AssertDims(-1, -1, c.Width)
	out := Output{X: x}
	for i := range c.Layers {
		out.add(DecodeBlock(s.At("block%d", i), out.X, memory, self, c))
	}
	return out
}

// DecodeBlock is one block of a decoder: [EncodeBlock] with cross-attention to the memory in the middle. Weights are those of
// EncodeBlock, at the same paths, and with a memory "norm_cross" and "cross", an [attention.CrossModal]: so a stack that was
// trained by Encode becomes a decoder by adding these.
func DecodeBlock(s *model.Scope, x *Node, memory Memory, self attention.Config, c Config) BlockOutput {
	var kept attention.Cache
	if memory.Sequence != nil {
		kept = memory.cache(s, c)
	}
	return block(s, x, func(s *model.Scope, x *Node) attention.Output { return attention.Self(s, x, self) }, kept, memory.lengths(), c)
}

// cache computes a block's keys and values of the memory, [B, S, H, K] each.
func (m Memory) cache(s *model.Scope, c Config) attention.Cache {
	kept := attention.CrossModalCache(s.At("cross"), m.Sequence, attention.Values{}, c.Width, c.cross(m.Lengths))
	return attention.Cache{Keys: m.repeat(kept.Keys), Values: m.repeat(kept.Values)}
}

// lengths are those of the rows of x.
func (m Memory) lengths() *Node {
	if m.Lengths == nil {
		return nil
	}
	return m.repeat(m.Lengths)
}

// repeat makes of each row as many as it serves.
func (m Memory) repeat(x *Node) *Node {
	if m.Rows <= 1 {
		return x
	}
	dims := x.Shape().Dimensions
	x = BroadcastToDims(ExpandAxes(x, 1), append([]int{dims[0], m.Rows}, dims[1:]...)...)
	return Reshape(x, append([]int{dims[0] * m.Rows}, dims[1:]...)...)
}

func (c Config) cross(lengths *Node) attention.Config {
	return c.Attention(attention.Mask{Lengths: lengths})
}

// block is every block: self is its self-attention, with or without a cache; memory has no keys where there is none.
func block(s *model.Scope, x *Node, self func(s *model.Scope, x *Node) attention.Output,
	memory attention.Cache, lengths *Node, c Config) BlockOutput {
	_, outStd, mlpStd := c.std()
	var out BlockOutput

	// x ← x + SelfAttention(LayerNorm(x))
	h := nn.LayerNorm(s.At("norm1"), x, c.LayerNorm)
	a := self(s.At("attention"), h)
	x, out.Weights = Add(x, a.Z), a.Weights

	// x ← x + CrossAttention(LayerNorm(x), memory)
	if memory.Keys != nil {
		h = nn.LayerNorm(s.At("norm_cross"), x, c.LayerNorm)
		a = attention.CrossModalCached(s.At("cross"), h, memory, c.cross(lengths))
		x, out.Cross = Add(x, a.Z), a.Weights
	}

	// x ← x + W₂·act(W₁·LayerNorm(x))
	h = c.dense(s.At("mlp").At("in"), nn.MLPIn, nn.LayerNorm(s.At("norm2"), x, c.LayerNorm), c.MLP, mlpStd)
	h = c.dense(s.At("mlp").At("out"), nn.MLPOut, c.Activation.Apply(h), c.Width, outStd)
	out.X = Add(x, h)
	return out
}

// dense is a dense layer with the low-rank term of its target.
func (c Config) dense(s *model.Scope, t nn.Target, x *Node, width int, std float64) *Node {
	return c.LoRA.Adapt(s, t, nn.Dense(s, x, width, std), x)
}

// Cache is what a stack keeps between steps. Self changes with every step; Memory and Lengths stay, so that a compiled step
// takes them and does not return them (see [attention.Nodes] and [attention.Caches]).
type Cache struct {
	Self    []attention.Cache // each block's keys and values of the positions so far, [B, room, G, K]
	Memory  []attention.Cache // each block's keys and values of the memory, [B, S, H, K]; nil without memory
	Lengths *Node             // of the memory, [B]; nil without padding
}

// NewCache makes the cache of a stack for sequences of up to room positions: empty for the positions of x [B, L, D], whose
// values do not matter, and with the keys and values of the memory in it, which no step has to compute again. self is as in
// [Decode].
func NewCache(s *model.Scope, x *Node, memory Memory, room int, self attention.Config, c Config) Cache {
	x.AssertDims(-1, -1, c.Width)
	cache := Cache{Lengths: memory.lengths()}
	for i := range c.Layers {
		cache.Self = append(cache.Self, attention.NewCache(x, room, self))
		if memory.Sequence != nil {
			cache.Memory = append(cache.Memory, memory.cache(s.At("block%d", i), c))
		}
	}
	return cache
}

// Step sends new positions x [B, L, D], which begin at position, through the blocks, and returns the cache with them in it.
// position is an integer scalar or [B]; see [attention.SelfCached], also for decoding in a loop. The weights, and the result,
// are those of [Decode] over the whole sequence with the same self, which must be causal; or of [Encode], if there is no
// memory:
//
//	out, cache := transformer.Step(s, prompt, zero, cache, self, c)      // [B, L, D]
//	out, cache = transformer.Step(s, word, position, cache, self, c)     // [B, 1, D], at L, L+1, …
func Step(s *model.Scope, x, position *Node, cache Cache, self attention.Config, c Config) (Output, Cache) {
	x.AssertDims(-1, -1, c.Width)
	if len(cache.Self) != c.Layers || cache.Memory != nil && len(cache.Memory) != c.Layers {
		exceptions.Panicf("transformer: the cache is of %d blocks, with a memory for %d; the stack has %d",
			len(cache.Self), len(cache.Memory), c.Layers)
	}
	out, next := Output{X: x}, Cache{Memory: cache.Memory, Lengths: cache.Lengths}
	for i, kept := range cache.Self {
		var memory attention.Cache
		if cache.Memory != nil {
			memory = cache.Memory[i]
		}
		attend := func(s *model.Scope, x *Node) (a attention.Output) {
			a, kept = attention.SelfCached(s, x, position, kept, self)
			return a
		}
		out.add(block(s.At("block%d", i), out.X, attend, memory, cache.Lengths, c))
		next.Self = append(next.Self, kept)
	}
	return out, next
}
