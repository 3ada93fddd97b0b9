package attention

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/nn"
)

// Config is an attention layer; Heads alone must be set.
type Config struct {
	Heads         int     // H; without a HeadWidth the width of the queries' sequence must be a multiple of it
	KeyValueHeads int     // G, which divides H; 0: as many as Heads; 1: multi-query attention (Shazeer 2019)
	HeadWidth     int     // K; 0: D/H. PaLM 540B has 48 heads of 256 in a width of 18,432
	RoPE          float64 // the base of the rotation of queries and keys, see [Rotate]; 0: none
	NoBias        bool    // no biases beside W^Q, W^K, W^V and W^O, as in PaLM
	Mask          Mask
	Kernel        lean.Choice // as in [Options]
	Weights       bool        // as in [Options]
	LoRA          nn.LoRA     // low-rank terms beside W^Q, W^K, W^V and W^O; the zero value: none

	// The standard deviations that W^Q, W^K, W^V and W^O start from; 0: one over the root of the matrix's input width.
	InStd, OutStd float64
}

// Self is multi-head self-attention: every position of x looks at every position of x that the mask allows.
//
//	Q, K, V = X·W^Q, X·W^K, X·W^V    (one product with [W^Q W^K W^V], which is faster)
//	Z = Attention(Q, K, V)·W^O
//
// x [B, L, D] gives z [B, L, D]. Weights: "qkv/weights" [D, (H+2G)·K], which is [D, 3·D] where D = H·K and heads share
// nothing, "qkv/biases" [(H+2G)·K], "out/weights" [H·K, D], "out/biases" [D]. A low-rank term of W^Q, W^K or W^V is added to its
// own columns of the product: "qkv/lora/query/a" and "b", and so on, and "out/lora/out/a"; see [nn.LoRA.Adapt].
func Self(s *model.Scope, x *Node, c Config) Output {
	x.AssertRank(3)
	q, k, v := c.project(s, x, nil)
	return c.attend(s, q, k, v, x.Shape().Dim(2))
}

// project makes queries [B, L, H, K], keys and values [B, L, G, K] of x; positions, nil for 0 … L−1, are for the rotation.
func (c Config) project(s *model.Scope, x, positions *Node) (q, k, v *Node) {
	d := x.Shape().Dim(2)
	h, g, dK := c.heads(d)
	qkv := c.affine(s.At("qkv"), x, (h+2*g)*dK, std(c.InStd, d))
	part := func(t nn.Target, from, heads int) *Node {
		columns := Slice(qkv, AxisRange(), AxisRange(), AxisRange(from*dK, (from+heads)*dK))
		return split(c.LoRA.Adapt(s.At("qkv"), t, columns, x), heads)
	}
	q, k, v = part(nn.Query, 0, h), part(nn.Key, h, g), part(nn.Value, h+g, g)
	if c.RoPE != 0 {
		q, k = Rotate(q, positions, c.RoPE), Rotate(k, positions, c.RoPE)
	}
	return q, k, v
}

// Values says what V is in [CrossModal]. The chapter leaves it open: "V is Y itself or another sequence of values". The zero
// value is V = Y·W^V, as Vaswani et al. (2017, §3.2.3) have it.
type Values struct {
	Sequence *Node // [B, S, D_v], the values' sequence: its position j belongs to the key at j; nil: Y
	Raw      bool  // V is the sequence itself, cut into heads: head g has its numbers g·W … (g+1)·W−1, W = D_v/G; else it goes through W^V
}

// CrossModal is cross-modal attention (chapter 4.2.2): every position of x, in one modality, looks at the positions of y, in
// another, that the mask allows.
//
//	Q, K = X·W^Q, Y·W^K        V = Y·W^V, or Y itself, or another sequence: see [Values]
//	Z = Attention(Q, K, V)·W^O
//
// x [B, L, D], D = H·K, and y [B, S, D_y] give z [B, L, D]. Weights: "query/weights" [D, D], "key/weights" [D_y, G·K],
// "value/weights" [D_v, G·K] (none if the values are raw), "out/weights" [H·W, D], to each its "biases", and with LoRA
// "query/lora/query/a" and so on. There is no rotation, for positions of different modalities have no meaningful difference.
func CrossModal(s *model.Scope, x, y *Node, values Values, c Config) Output {
	x.AssertRank(3)
	y.AssertDims(x.Shape().Dim(0), -1, -1)
	q := c.query(s, x)
	cache := CrossModalCache(s, y, values, x.Shape().Dim(2), c)
	return c.attend(s, q, cache.Keys, cache.Values, x.Shape().Dim(2))
}

// query makes the queries [B, L, H, K] of cross-modal attention.
func (c Config) query(s *model.Scope, x *Node) *Node {
	if c.RoPE != 0 {
		exceptions.Panicf("attention: RoPE is %g: positions of two modalities cannot be compared by rotation; use 0", c.RoPE)
	}
	d := x.Shape().Dim(2)
	h, _, dK := c.heads(d)
	return split(c.dense(s.At("query"), nn.Query, x, h*dK), h)
}

// dense is a dense layer that reads the input of attention, with the low-rank term of its target.
func (c Config) dense(s *model.Scope, t nn.Target, x *Node, width int) *Node {
	return c.LoRA.Adapt(s, t, c.affine(s, x, width, std(c.InStd, x.Shape().Dim(2))), x)
}

// affine is x·W + b, or x·W where there are no biases.
func (c Config) affine(s *model.Scope, x *Node, width int, std float64) *Node {
	if c.NoBias {
		return nn.Linear(s, x, width, std)
	}
	return nn.Dense(s, x, width, std)
}

// attend is what both layers end with: Attention(Q, K, V)·W^O.
func (c Config) attend(s *model.Scope, q, k, v *Node, d int) Output {
	out := Attend(q, k, v, c.Mask, Options{Kernel: c.Kernel, Weights: c.Weights})
	b, l, width := q.Shape().Dim(0), q.Shape().Dim(1), q.Shape().Dim(2)*v.Shape().Dim(3)
	z := Reshape(out.Z, b, l, width)
	out.Z = c.LoRA.Adapt(s.At("out"), nn.Out, c.affine(s.At("out"), z, d, std(c.OutStd, width)), z)
	out.Z.AssertDims(b, l, d)
	return out
}

// heads returns H, G and K for queries of width d.
func (c Config) heads(d int) (h, g, dK int) {
	h, g = c.Heads, c.KeyValueHeads
	if g == 0 {
		g = h
	}
	if h < 1 || c.HeadWidth == 0 && d%h != 0 {
		exceptions.Panicf("attention: width %d is not a multiple of the number of heads %d", d, h)
	}
	if g < 1 || h%g != 0 {
		exceptions.Panicf("attention: %d heads are not a multiple of the number of key and value heads %d", h, g)
	}
	if c.HeadWidth < 0 {
		exceptions.Panicf("attention: the width of a head is %d: it must be positive, or 0 for the width over the number of heads", c.HeadWidth)
	}
	if c.HeadWidth > 0 {
		return h, g, c.HeadWidth
	}
	return h, g, d / h
}

func std(given float64, width int) float64 {
	if given != 0 {
		return given
	}
	return 1 / math.Sqrt(float64(width))
}

// split cuts the last axis into heads: [B, L, H·K] becomes [B, L, H, K].
func split(x *Node, heads int) *Node {
	return Reshape(x, x.Shape().Dim(0), x.Shape().Dim(1), heads, -1)
}
