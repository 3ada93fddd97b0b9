// Package dalle is DALL-E: Zero-Shot Text-to-Image Generation (Ramesh et al. 2021, arXiv:2102.12092). A picture is a sequence of
// discrete codes (its first stage, §2.1: see [gomm/mmlib/models/vqvae]), and one decoder models text and codes as one stream (§2.2):
//
//	t₁ … t_T, k₁ … k_N                            the caption's tokens, then the picture's codes, row by row
//	p(t, k) = Π p(t_l | t_<l) · Π p(k_n | t, k_<n)
//	x_l = Text[t_l] + Place[l]                    of a text's token
//	x_n = Image[k_n] + Row[n / Grid] + Column[n mod Grid]      of a code
//	L = w·mean(−ln p(t_l | …)) + (1 − w)·mean(−ln p(k_n | …)),   w = 1/8     as what is wanted is the picture
//
// Text and codes have vocabularies of their own: after a text's token only such are possible, and after the text only codes. A text
// that is shorter than T is filled up with padding tokens of their own, one for each place, which are learned as other tokens are. A
// code sees the whole text and the codes before it, a text's token those before it: the mask is causal throughout.
//
// To draw, a caption is given and the codes are drawn one by one; the first stage makes the picture of them. Several pictures of one
// caption can be ranked by CLIP (§2.6).
//
// The paper's decoder has 64 layers with sparse attention; here attention is dense. This file is the model; task.go its training,
// predictor.go its use.
package dalle

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
)

// Config is the size of the model.
type Config struct {
	Text       TextConfig           `json:"text"`
	Image      codebook.Autoencoder `json:"image"`       // the first stage, which is trained before and stays as it is
	Stream     transformer.Config   `json:"stream"`      // the decoder of text and codes
	TextWeight float64              `json:"text_weight"` // w
}

// TextConfig is what the model reads.
type TextConfig struct {
	Vocab   int `json:"vocab"`   // tokens of the tokenizer
	Context int `json:"context"` // T, the tokens of the longest caption, with its end
	Pad     int `json:"pad"`     // id of the tokenizer's padding
	Start   int `json:"start"`   // id of the token before every caption
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	if err := c.Image.Validate(); err != nil {
		return fmt.Errorf("dalle: image.%w", err)
	}
	if err := c.Stream.Validate(); err != nil {
		return fmt.Errorf("dalle: stream.%w", err)
	}
	switch t := c.Text; {
	case t.Vocab < 1:
		return fmt.Errorf("dalle: text.vocab is %d: it must be at least 1", t.Vocab)
	case t.Context < 1:
		return fmt.Errorf("dalle: text.context is %d: it must be at least 1", t.Context)
	case t.Pad < 0 || t.Pad >= t.Vocab:
		return fmt.Errorf("dalle: text.pad is %d: it must be one of the %d tokens of text.vocab", t.Pad, t.Vocab)
	case t.Start < 0 || t.Start >= t.Vocab:
		return fmt.Errorf("dalle: text.start is %d: it must be one of the %d tokens of text.vocab", t.Start, t.Vocab)
	case !(c.TextWeight >= 0 && c.TextWeight < 1):
		return fmt.Errorf("dalle: text_weight is %g: it must be at least 0 and below 1", c.TextWeight)
	}
	return nil
}

// Merge folds the low-rank terms of all transformers into their weights; see nn/transformer.
func (c *Config) Merge(s *model.Store) error {
	if err := c.Image.Merge(s, "/codes"); err != nil {
		return err
	}
	return c.Stream.Merge(s, "/stream")
}

// Length is that of the whole stream: T tokens and N codes. The token before them is read besides, and the last code is not.
func (c Config) Length() int { return c.Text.Context + c.Image.Count() }

// textTokens is the number of text tokens of the stream: the tokenizer's, and a padding token for each place.
func (c Config) textTokens() int { return c.Text.Vocab + c.Text.Context }

// Tokens is the number of all tokens of the stream: first those of texts, then the codes. Token textTokens()+k is code k.
func (c Config) Tokens() int { return c.textTokens() + c.Image.Codebook.Codes }

// FirstCode is the token of the stream that stands for code 0.
func (c Config) FirstCode() int { return c.textTokens() }

// Unpadded writes a caption's ids of the tokenizer, padded to T, as tokens of the stream: padding becomes that of its place.
func (c Config) Unpadded(ids []int32) []int32 {
	tokens := make([]int32, len(ids))
	for i, id := range ids {
		if tokens[i] = id; int(id) == c.Text.Pad {
			tokens[i] = int32(c.Text.Vocab + i)
		}
	}
	return tokens
}

// Stream models streams: tokens [B, L] that begin with the one before every caption, L ≤ Length, give the logits [B, L, Tokens] of the
// token behind each of them: −10⁹ for those that are impossible there. Weights: "stream/token" [Tokens, D], "stream/place" [T, D],
// "stream/row" and "stream/column" [Grid, D], "stream/block<i>", "stream/norm", "stream/out".
func Stream(s *model.Scope, tokens *Node, c Config) *Node {
	ss, l := s.At("stream"), tokens.Shape().Dim(1)
	x := Add(embed(ss, tokens, c), ExpandLeftToRank(Slice(places(ss, tokens.Graph(), c), AxisRange(0, l)), 3))
	x = transformer.Encode(ss, x, attention.Mask{Causal: true}, c.Stream).X
	allowed := ExpandLeftToRank(Slice(allowed(tokens.Graph(), c), AxisRange(0, l)), 3)
	return Add(logits(ss, x, c), allowed)
}

// Step is [Stream] for one token of each row: token [B] at position [B], integers, and what is kept of those before. It gives the
// logits [B, Tokens], and what is kept with the token's own.
func Step(s *model.Scope, token, position *Node, kept []attention.Cache, c Config) (*Node, []attention.Cache) {
	ss := s.At("stream")
	at := ExpandAxes(position, -1) // [B, 1]
	x := embed(ss, ExpandAxes(token, -1), c)
	x = Add(x, ExpandAxes(Gather(places(ss, token.Graph(), c), at), 1))
	self := c.Stream.Attention(attention.Mask{Causal: true})
	out, next := transformer.Step(ss, x, position, transformer.Cache{Self: kept}, self, c.Stream)
	return Add(Squeeze(logits(ss, out.X, c), 1), Gather(allowed(token.Graph(), c), at)), next.Self
}

// embed looks the vectors of tokens [B, L] up: [B, L, D].
func embed(s *model.Scope, tokens *Node, c Config) *Node {
	like := ScalarZero(tokens.Graph(), dtypes.Float32)
	return Gather(nn.Weight(s, like, "token", c.std(), c.Tokens(), c.Stream.Width), ExpandAxes(tokens, -1))
}

func (c Config) std() float64 { return math.Pow(float64(c.Stream.Width), -0.5) }

// places are the vectors of the places of the stream, [Length, D]: of the T tokens that are read as the text is, and of the codes.
// At place 0 stands the token before the text, at place T its last token, behind which the first code is to come. The codes follow at
// T+1; that of code n has the vectors of its row and its column.
func places(s *model.Scope, g *Graph, c Config) *Node {
	like, grid, d := ScalarZero(g, dtypes.Float32), c.Image.Grid(), c.Stream.Width
	text := nn.Weight(s, like, "place", c.std(), 1+c.Text.Context, d)
	row := ExpandAxes(nn.Weight(s, like, "row", c.std(), grid, d), 1)       // [Grid, 1, D]
	column := ExpandAxes(nn.Weight(s, like, "column", c.std(), grid, d), 0) // [1, Grid, D]
	cells := Add(BroadcastToDims(row, grid, grid, d), BroadcastToDims(column, grid, grid, d))
	return Slice(Concatenate([]*Node{text, Reshape(cells, grid*grid, d)}, 0), AxisRange(0, c.Length()))
}

// allowed is 0 for a token that may follow at a place of the stream and −10⁹ for one that cannot: [Length, Tokens].
func allowed(g *Graph, c Config) *Node {
	shape := shapes.Make(dtypes.Int32, c.Length(), c.Tokens())
	isText := LessThan(Iota(g, shape, 1), Scalar(g, dtypes.Int32, c.textTokens()))
	wantsText := LessThan(Iota(g, shape, 0), Scalar(g, dtypes.Int32, c.Text.Context))
	possible := Equal(ConvertDType(isText, dtypes.Int32), ConvertDType(wantsText, dtypes.Int32))
	return MulScalar(OneMinus(ConvertDType(possible, dtypes.Float32)), -impossible)
}

// impossible is what the logit of a token that cannot follow is smaller by.
const impossible = 1e9

// logits are those of all tokens, [B, L, Tokens].
func logits(s *model.Scope, x *Node, c Config) *Node {
	x = nn.LayerNorm(s.At("norm"), x, c.Stream.LayerNorm)
	return nn.Dense(s.At("out"), x, c.Tokens(), c.std())
}
