package palm

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/data/text"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/regions"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// This file is PaLM-E (Driess et al. 2023, An Embodied Multimodal Language Model, arXiv:2303.03378): a language model that reads
// pictures. Section 3 of the paper, with one picture in front of the text:
//
//	P = ViT(picture)                                                  the picture's tokens, [B, S, D_v]
//	x = [ψ(P); E[tokens]]                                             ψ affine, to the width D of the language model
//	x ← x + MLP(LayerNorm(x)) + Attention(LayerNorm(x))               N times, as in PaLM
//	p(token behind l) = softmax(LayerNorm(x)[S+l]·Eᵀ / √D)
//
// To the language model the picture is a beginning of the text that nobody has written: no block has layers for pictures alone, and
// what is learnt of language serves to speak of them. (In package fusion texts look at the picture in layers of their own, by cross-modal
// attention.) Attention is causal throughout, as in the paper: what stands at l sees the whole picture and the tokens up to l, and a token
// of the picture sees those before it. The vision transformer has let them all see each other already.
//
// The paper's largest model is a PaLM of 540 billion weights with a ViT of 22 billion, both trained before. Here the vision transformer
// can come from another run, as one that was pretrained by classification, and the language model begins from random weights: its
// vocabulary is that of scenes.

// EmbodiedConfig is a model that writes about a picture in front of the text: answers, captions or dialogues.
type EmbodiedConfig struct {
	Vision vision.Config `json:"vision"`
	Pool   int           `json:"pool,omitempty"` // patches along one side of what the language model reads as one token; 0 is 1
	Text   TextConfig    `json:"text"`

	Length int `json:"length"` // of what it reads and writes, in tokens
	Texts  int `json:"texts"`  // about each picture of a batch
	regions.Supervision
}

// TextConfig is the language model with the tokens that it has to know.
type TextConfig struct {
	Config
	Pad       int       `json:"pad"`                 // ids of the padding, the start and the end of a text
	Start     int       `json:"start"`               // …
	End       int       `json:"end"`                 // …
	Mask      int       `json:"mask"`                // id of the token at which an answer begins
	Tokenizer text.Kind `json:"tokenizer,omitempty"` // how ids are made of texts
}

// Grid is the number of the picture's tokens along one side, without the class token.
func (c EmbodiedConfig) Grid() int { return c.Vision.Grid() / max(c.Pool, 1) }

// Prefix is S, the number of tokens that a picture is to the language model, the class token among them.
func (c EmbodiedConfig) Prefix() int { return 1 + c.Grid()*c.Grid() }

// Validate names the key and the value at fault.
func (c EmbodiedConfig) Validate() error {
	if err := c.Vision.Validate(); err != nil {
		return fmt.Errorf("palm: vision.%w", err)
	}
	if err := c.Text.validate(); err != nil {
		return err
	}
	switch room := c.Text.Context - c.Prefix(); {
	case c.Pool < 0 || c.Vision.Grid()%max(c.Pool, 1) != 0:
		return fmt.Errorf("palm: pool is %d: it must divide the %d patches along one side of the picture", c.Pool, c.Vision.Grid())
	case c.Length < 2 || c.Length > room:
		return fmt.Errorf("palm: length is %d: it must be between 2 and %d, which is text.context, %d, without the %d tokens of the picture",
			c.Length, room, c.Text.Context, c.Prefix())
	case c.Texts < 1:
		return fmt.Errorf("palm: texts is %d: there must be at least 1 about each picture", c.Texts)
	}
	if err := c.Supervision.Validate(c.Grid()); err != nil {
		return fmt.Errorf("palm: %w", err)
	}
	return nil
}

func (t TextConfig) validate() error {
	if err := t.check(); err != nil {
		return fmt.Errorf("palm: text.%w", err)
	}
	for _, id := range []struct {
		name  string
		value int
	}{{"pad", t.Pad}, {"start", t.Start}, {"end", t.End}, {"mask", t.Mask}} {
		if id.value < 0 || id.value >= t.Vocab {
			return fmt.Errorf("palm: text.%s is %d: it must be one of the %d tokens of text.vocab", id.name, id.value, t.Vocab)
		}
	}
	if err := t.Tokenizer.Validate(); err != nil {
		return fmt.Errorf("palm: text.%w", err)
	}
	return nil
}

// Merge folds the low-rank terms of the vision transformer into its weights; see [transformer.Config.Merge]. The language model has
// none.
func (c *EmbodiedConfig) Merge(s *model.Store) error { return c.Vision.Merge(s, "/vision") }

// See reads pictures x [B, height, width, channels]: tokens [B, S, D_v], the class token first. Weights: those of [vision.See],
// "vision/…" and "picture/…".
func See(s *model.Scope, x *Node, c EmbodiedConfig) vision.Seen {
	return vision.See(s, x, c.Vision, c.Pool)
}

// Write gives the logits [B·T, L, V] of the token behind each of ids [B·T, L], given those before and the pictures' tokens [B, S, D_v],
// of which each belongs to T texts that follow one another. Weights: "language/prefix" (ψ), and those of [Read] under "language/".
func Write(s *model.Scope, ids, picture *Node, c EmbodiedConfig) Output {
	ids.AssertDims(-1, -1)
	b, n := picture.Shape().Dim(0), ids.Shape().Dim(0)
	if n%b != 0 {
		exceptions.Panicf("palm: %d texts cannot be as many for each of %d pictures", n, b)
	}
	ls, t := s.At("language"), c.Text
	prefix := project(ls, picture, c)
	prefix = BroadcastToDims(ExpandAxes(prefix, 1), b, n/b, c.Prefix(), t.Width) // the same for each of a picture's texts
	prefix = Reshape(prefix, n, c.Prefix(), t.Width)
	e := embedding(ls, ids, t.Config)
	x := Concatenate([]*Node{prefix, Gather(e, ExpandAxes(ids, -1))}, 1) // [B·T, S+L, D]
	out := transformer.EncodeParallel(ls, x, t.Attention(), t.Parallel)
	said := Slice(out.X, AxisRange(), AxisRange(c.Prefix())) // what stands at the text
	return Output{Logits: predict(ls, said, e, t.Config), Output: out}
}

// project is ψ, the picture's tokens [B, S, D_v] as tokens of the language model, [B, S, D], of about the size of its embeddings.
func project(s *model.Scope, picture *Node, c EmbodiedConfig) *Node {
	picture.AssertDims(-1, c.Prefix(), c.Vision.Width)
	return nn.Dense(s.At("prefix"), picture, c.Text.Width, math.Pow(float64(c.Vision.Width), -0.5))
}

// looks are each block's weights of the text over the picture, [B·T, H, L, S], of all weights [B·T, H, S+L, S+L]. Those of a token are
// made to sum to 1: how much it looks at the picture, and how much at the text before it, is its own business.
func looks(weights []*Node, c EmbodiedConfig) (list []*Node) {
	for _, w := range weights {
		w = Slice(w, AxisRange(), AxisRange(), AxisRange(c.Prefix()), AxisRange(0, c.Prefix()))
		list = append(list, Div(w, AddScalar(ReduceAndKeep(w, ReduceSum, -1), 1e-9)))
	}
	return list
}
