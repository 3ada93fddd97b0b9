// Package fusion is a model of pictures and language in the line of ALBEF (Li et al. 2021, Align before Fuse,
// arXiv:2107.07651) and BLIP (Li et al. 2022, arXiv:2201.12086): a vision transformer, a text encoder, and layers that fuse the two by
// cross-modal attention (chapter 4.2.2), which read and write.
//
//	P = LayerNorm(ViT(picture))                 the picture's tokens, [B, S, D]
//	T = Text(tokens)                            the text by itself, [B, L, D]
//	F = Fusion(T, P)                            the text in sight of the picture: its queries, the picture's keys and values
//	p(token at l) = softmax(Head(F)[l]·Eᵀ)      E the tokens' vectors
//
// What these layers do is a matter of the mask of self-attention (see [Reading]). Without one they are the encoder: every token sees
// every other, and the head guesses words that are hidden. With a causal mask they are the decoder: what stands at l sees the tokens
// up to l, and the head says the one at l+1. BLIP's encoder and decoder share all layers but self-attention; here they share that too,
// as those of UniLM do (Dong et al. 2019), so that what masked language modelling has learnt serves to write.
//
// The encoders are trained by the objectives of chapter 3.1, each alone or mixed (see [Pretraining]): image-text contrast, image-text
// matching, masked language modelling, and classification of the picture. The tasks of chapter 3.2 start from there and are one,
// [Writing]: answers to questions, captions, and dialogues.
//
// This file is the model; pretraining.go, matching.go and writing.go its tasks, predictor.go and writer.go its use.
package fusion

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// Config is the size of the model.
type Config struct {
	Vision vision.Config `json:"vision"`
	Text   TextConfig    `json:"text"`
	Pool   int           `json:"pool,omitempty"` // patches along one side of what the text sees as one token; 0 is 1
}

// Grid is the number of the picture's tokens along one side, without the class token.
func (c Config) Grid() int { return c.Vision.Grid() / max(c.Pool, 1) }

// TextConfig is the size of all that reads and writes text: two stacks of blocks of one width.
type TextConfig struct {
	Vocab        int `json:"vocab"`         // V, the number of tokens
	Context      int `json:"context"`       // the length of the longest text
	Pad          int `json:"pad"`           // ids of the padding, the start and the end of a text
	Start        int `json:"start"`         // …
	End          int `json:"end"`           // …
	Mask         int `json:"mask"`          // id of the token that stands for one to be guessed, and at which an answer begins
	FusionLayers int `json:"fusion_layers"` // blocks behind those of the text, with cross-modal attention to the picture
	transformer.Config

	Tokenizer Tokenizer `json:"tokenizer,omitempty"` // how ids are made of texts
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	if err := c.Vision.Validate(); err != nil {
		return fmt.Errorf("fusion: vision.%w", err)
	}
	if err := c.Text.Config.Validate(); err != nil {
		return fmt.Errorf("fusion: text.%w", err)
	}
	switch t := c.Text; {
	case t.Vocab < 1:
		return fmt.Errorf("fusion: text.vocab is %d: it must be at least 1", t.Vocab)
	case t.Context < 2:
		return fmt.Errorf("fusion: text.context is %d: a text has at least a start and an end token", t.Context)
	case t.FusionLayers < 1:
		return fmt.Errorf("fusion: text.fusion_layers is %d: it must be at least 1", t.FusionLayers)
	case c.Pool < 0 || c.Vision.Grid()%max(c.Pool, 1) != 0:
		return fmt.Errorf("fusion: pool is %d: it must divide the %d patches along one side of the picture", c.Pool, c.Vision.Grid())
	}
	for _, id := range []struct {
		name  string
		value int
	}{{"pad", c.Text.Pad}, {"start", c.Text.Start}, {"end", c.Text.End}, {"mask", c.Text.Mask}} {
		if id.value < 0 || id.value >= c.Text.Vocab {
			return fmt.Errorf("fusion: text.%s is %d: it must be one of the %d tokens of text.vocab", id.name, id.value, c.Text.Vocab)
		}
	}
	if err := c.Text.Tokenizer.Validate(); err != nil {
		return fmt.Errorf("fusion: text.%w", err)
	}
	return nil
}

// Merge folds the low-rank terms of all stacks into their weights; see [transformer.Config.Merge].
func (c *Config) Merge(s *model.Store) error {
	if err := c.Vision.Merge(s, "/vision"); err != nil {
		return err
	}
	return c.Text.Merge(s, "/text", "/fusion")
}

// stack is the size of one of the two stacks.
func (t TextConfig) stack(layers int) transformer.Config {
	c := t.Config
	c.Layers = layers
	return c
}

// stacks are the scopes of the stacks of blocks: that of the fusion reads what the two others give.
var stacks = [][]string{{"/vision", "/text"}, {"/fusion"}}

// Picture is what the vision transformer makes of pictures.
type Picture = vision.Seen

// EncodePicture reads pictures x [B, height, width, channels]: tokens [B, 1+Grid², D], see [vision.See].
func EncodePicture(s *model.Scope, x *Node, c Config) Picture {
	return vision.See(s, x, c.Vision, c.Pool)
}

// Reading says which tokens of a text see which others.
type Reading struct {
	// Causal makes what stands at l see the tokens up to l alone: it can then say the one at l+1.
	Causal bool
	// Prefix [B], integers, only with Causal: the first Prefix[b] tokens, such as a question, all see each other; nil: none do.
	Prefix *Node
}

// mask hides padding from a text that is read as a whole; in a causal one nothing sees what comes behind.
func (r Reading) mask(lengths *Node) attention.Mask {
	if r.Causal {
		return attention.Mask{Causal: true, Prefix: r.Prefix}
	}
	return attention.Mask{Lengths: lengths}
}

// Text is what the layers make of texts.
type Text struct {
	X     *Node   // [B, L, D], normalised
	Cross []*Node // weights over the picture, as in transformer.Output
}

// First is what stands at the first token, which speaks for the whole text, [B, D].
func (t Text) First() *Node { return Squeeze(Slice(t.X, AxisRange(), AxisElem(0)), 1) }

// EncodeText reads texts by themselves: ids [B, L], padded. Weights: "text/token" [V, D], "text/position" [Context, D],
// "text/norm_pre", "text/block<i>", "text/norm".
func EncodeText(s *model.Scope, ids *Node, c Config) Text { return readAlone(s, ids, c).text(s, c) }

func encodeText(s *model.Scope, ids *Node, mask attention.Mask, c Config) *Node {
	ts := s.At("text")
	x := embed(ts, tokens(ts, ids, c.Text), positions(ts, ids, c.Text), c.Text)
	return transformer.Encode(ts, x, mask, c.Text.stack(c.Text.Layers)).X
}

// Fuse reads texts in sight of pictures: ids [B·rows, L], of which rows consecutive ones belong to each picture's tokens
// [B, S, D]. Weights: those of [EncodeText] but its norm, "fusion/block<i>" and "fusion/norm".
func Fuse(s *model.Scope, ids, picture *Node, rows int, r Reading, c Config) Text {
	if ids.Shape().Dim(0) != rows*picture.Shape().Dim(0) {
		exceptions.Panicf("fusion: %d texts cannot be %d for each of %d pictures", ids.Shape().Dim(0), rows, picture.Shape().Dim(0))
	}
	mask := r.mask(countTokens(ids, c.Text.Pad))
	return fuse(s, encodeText(s, ids, mask, c), picture, rows, mask, c)
}

// fuse is the part of [Fuse] behind the text's own layers, which gave x [B·rows, L, D].
func fuse(s *model.Scope, x, picture *Node, rows int, mask attention.Mask, c Config) Text {
	fs, stack := s.At("fusion"), c.Text.stack(c.Text.FusionLayers)
	out := transformer.Decode(fs, x, transformer.Memory{Sequence: picture, Rows: rows}, stack.Attention(mask), stack)
	return Text{X: normalised(fs, out.X, c.Text), Cross: out.Cross}
}

func normalised(s *model.Scope, x *Node, t TextConfig) *Node {
	return nn.LayerNorm(s.At("norm"), x, t.LayerNorm)
}

// Predict gives the logits [B, L, V] of tokens from what stands at their places [B, L, D] (BERT's head, with the tokens' vectors for
// its last matrix; Press and Wolf 2017): of the token that is hidden there, or in a causal text of the next. Weights: "head/in",
// "head/norm", "text/token".
func Predict(s *model.Scope, x *Node, c Config) *Node {
	hs := s.At("head")
	x = c.Text.Activation.Apply(nn.Dense(hs.At("in"), x, c.Text.Width, math.Pow(float64(c.Text.Width), -0.5)))
	x = nn.LayerNorm(hs.At("norm"), x, c.Text.LayerNorm)
	return Einsum("BLD,VD->BLV", x, table(s.At("text"), x, c.Text))
}

// embed is what the blocks get of tokens and their places. It is normalised, as BERT's is: what the first block adds would drown it
// otherwise, and a token would no longer know itself.
func embed(ts *model.Scope, token, position *Node, t TextConfig) *Node {
	return nn.LayerNorm(ts.At("norm_pre"), Add(token, position), t.LayerNorm)
}

// table are the tokens' vectors, [V, D].
func table(s *model.Scope, like *Node, t TextConfig) *Node {
	return nn.Weight(s, like, "token", math.Pow(float64(t.Width), -0.5), t.Vocab, t.Width)
}

// tokens looks the vectors of ids up: [B, L] gives [B, L, D].
func tokens(s *model.Scope, ids *Node, t TextConfig) *Node {
	return Gather(table(s, ScalarZero(ids.Graph(), dtypes.Float32), t), ExpandAxes(ids, -1))
}

// positions are the vectors of the first positions, [1, L, D].
func positions(s *model.Scope, ids *Node, t TextConfig) *Node {
	l := ids.Shape().Dim(1)
	if l > t.Context {
		exceptions.Panicf("fusion: a text of %d tokens does not fit into text.context, %d", l, t.Context)
	}
	return ExpandLeftToRank(Slice(positionTable(s, ids.Graph(), t), AxisRange(0, l)), 3)
}

// positionsAt are the vectors of single positions: [B] gives [B, D].
func positionsAt(s *model.Scope, at *Node, t TextConfig) *Node {
	return Gather(positionTable(s, at.Graph(), t), ExpandAxes(at, -1))
}

// positionTable are the positions' vectors, [Context, D].
func positionTable(s *model.Scope, g *Graph, t TextConfig) *Node {
	return nn.Weight(s, ScalarZero(g, dtypes.Float32), "position", math.Pow(float64(t.Width), -0.5), t.Context, t.Width)
}

// countTokens counts the tokens of ids [B, L] that are not padding, [B].
func countTokens(ids *Node, pad int) *Node {
	real := NotEqual(ids, Scalar(ids.Graph(), ids.DType(), pad))
	return ReduceSum(ConvertDType(real, dtypes.Int32), 1)
}
