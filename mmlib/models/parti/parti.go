// Package parti is Parti: Scaling Autoregressive Models for Content-Rich Text-to-Image Generation (Yu et al. 2022, arXiv:2206.10789).
// Drawing is translation: an encoder reads the caption, and a decoder writes the picture in a language of codes (its first stage, §2.1:
// see [gomm/mmlib/models/vqvae]), code by code, in sight of all that was read (§2.2):
//
//	m = LayerNorm(Blocks(Text[t] + Place))                        the caption, every token of which sees every other    [B, S, D]
//	x_n = Image[k_{n−1}] + Row[n / Grid] + Column[n mod Grid]     of the code before it; before the first stands a token of its own
//	p(k_n | t, k_<n) = softmax(W·LayerNorm(Blocks(x, m)))         causal self-attention, and attention to m
//	L = mean(−ln p(k_n | t, k_<n))
//
// Guidance without a classifier (§2.3; Ho and Salimans 2021, arXiv:2207.12598): in training some captions are empty, so that the model
// learns pictures without a caption besides. When it draws, what the caption says is exaggerated by g:
//
//	logits = u + g·(c − u)        c with the caption, u without; 1 is no guidance, more makes pictures fit better and be less varied
//
// DALL-E has one stream of text and codes; here the caption costs nothing while codes are drawn. This file is the model; task.go its
// training, predictor.go its use.
package parti

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
)

// Config is the size of the model.
type Config struct {
	Text    TextConfig           `json:"text"`
	Image   codebook.Autoencoder `json:"image"`   // the first stage, which is trained before and stays as it is
	Decoder transformer.Config   `json:"decoder"` // of codes
	Drop    float64              `json:"drop"`    // share of captions that are empty in training; 0: the model cannot be guided
}

// TextConfig is the encoder of captions.
type TextConfig struct {
	Vocab   int `json:"vocab"`   // tokens of the tokenizer
	Context int `json:"context"` // the tokens of the longest caption, with its end
	Pad     int `json:"pad"`     // ids of the tokenizer's padding and end
	End     int `json:"end"`     // …
	transformer.Config
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	for _, part := range []struct {
		name   string
		config interface{ Validate() error }
	}{{"text", c.Text.Config}, {"image", c.Image}, {"decoder", c.Decoder}} {
		if err := part.config.Validate(); err != nil {
			return fmt.Errorf("parti: %s.%w", part.name, err)
		}
	}
	switch t := c.Text; {
	case t.Vocab < 1:
		return fmt.Errorf("parti: text.vocab is %d: it must be at least 1", t.Vocab)
	case t.Context < 1:
		return fmt.Errorf("parti: text.context is %d: it must be at least 1", t.Context)
	case t.Pad < 0 || t.Pad >= t.Vocab:
		return fmt.Errorf("parti: text.pad is %d: it must be one of the %d tokens of text.vocab", t.Pad, t.Vocab)
	case t.End < 0 || t.End >= t.Vocab || t.End == t.Pad:
		return fmt.Errorf("parti: text.end is %d: it must be one of the %d tokens of text.vocab, and not text.pad", t.End, t.Vocab)
	case !(c.Drop >= 0 && c.Drop < 1):
		return fmt.Errorf("parti: drop is %g: it must be at least 0 and below 1", c.Drop)
	}
	return nil
}

// Merge folds the low-rank terms of all transformers into their weights; see nn/transformer.
func (c *Config) Merge(s *model.Store) error {
	if err := c.Image.Merge(s, "/codes"); err != nil {
		return err
	}
	if err := c.Text.Merge(s, "/text"); err != nil {
		return err
	}
	return c.Decoder.Merge(s, "/decoder")
}

// Begin is the token that stands before the first code: the one behind the codes.
func (c Config) Begin() int { return c.Image.Codebook.Codes }

// Tokens is the number of tokens that the decoder reads: the codes and Begin.
func (c Config) Tokens() int { return c.Begin() + 1 }

// Empty is the caption that says nothing, as ids: its end alone.
func (c Config) Empty() []int32 {
	ids := make([]int32, c.Text.Context)
	for i := range ids {
		ids[i] = int32(c.Text.Pad)
	}
	ids[0] = int32(c.Text.End)
	return ids
}

// EncodeText reads captions: ids [B, S], padded, become a memory [B, S, D]. Weights: "text/token" [V, D], "text/place" [Context, D],
// "text/block<i>", "text/norm".
func EncodeText(s *model.Scope, ids *Node, c Config) transformer.Memory {
	ids.AssertDims(-1, c.Text.Context)
	ts, t := s.At("text"), c.Text
	like, std := ScalarZero(ids.Graph(), dtypes.Float32), math.Pow(float64(t.Width), -0.5)
	x := Gather(nn.Weight(ts, like, "token", std, t.Vocab, t.Width), ExpandAxes(ids, -1))
	x = Add(x, ExpandLeftToRank(nn.Weight(ts, like, "place", std, t.Context, t.Width), 3))
	real := NotEqual(ids, Scalar(ids.Graph(), ids.DType(), t.Pad))
	lengths := ReduceSum(ConvertDType(real, dtypes.Int32), 1)
	x = transformer.Encode(ts, x, attention.Mask{Lengths: lengths}, t.Config).X
	return transformer.Memory{Sequence: nn.LayerNorm(ts.At("norm"), x, t.LayerNorm), Lengths: lengths}
}

// Decode models codes: tokens [B, N] that begin with Begin, in sight of a memory, give the logits [B, N, Tokens] of the code behind
// each; Begin never follows: its logit is −10⁹. Weights: "decoder/token" [Tokens, D], "decoder/row" and "decoder/column" [Grid, D],
// "decoder/block<i>", "decoder/norm", "decoder/out".
func Decode(s *model.Scope, tokens *Node, memory transformer.Memory, c Config) *Node {
	ds, l := s.At("decoder"), tokens.Shape().Dim(1)
	x := Add(embed(ds, tokens, c), ExpandLeftToRank(Slice(places(ds, tokens.Graph(), c), AxisRange(0, l)), 3))
	x = transformer.Decode(ds, x, memory, c.self(), c.Decoder).X
	return logits(ds, x, c)
}

// self is the decoder's self-attention.
func (c Config) self() attention.Config { return c.Decoder.Attention(attention.Mask{Causal: true}) }

// step is [Decode] for one token of each row: token [B] at position [B], integers, and what is kept. It gives the logits [B, Tokens].
func step(s *model.Scope, token, position *Node, kept transformer.Cache, c Config) (*Node, []attention.Cache) {
	ds := s.At("decoder")
	x := embed(ds, ExpandAxes(token, -1), c)
	x = Add(x, ExpandAxes(Gather(places(ds, token.Graph(), c), ExpandAxes(position, -1)), 1))
	out, next := transformer.Step(ds, x, position, kept, c.self(), c.Decoder)
	return Squeeze(logits(ds, out.X, c), 1), next.Self
}

func embed(s *model.Scope, tokens *Node, c Config) *Node {
	like := ScalarZero(tokens.Graph(), dtypes.Float32)
	return Gather(nn.Weight(s, like, "token", c.std(), c.Tokens(), c.Decoder.Width), ExpandAxes(tokens, -1))
}

func (c Config) std() float64 { return math.Pow(float64(c.Decoder.Width), -0.5) }

// places are the vectors of the places of codes, [N, D].
func places(s *model.Scope, g *Graph, c Config) *Node {
	like, grid, d := ScalarZero(g, dtypes.Float32), c.Image.Grid(), c.Decoder.Width
	row := ExpandAxes(nn.Weight(s, like, "row", c.std(), grid, d), 1)       // [Grid, 1, D]
	column := ExpandAxes(nn.Weight(s, like, "column", c.std(), grid, d), 0) // [1, Grid, D]
	return Reshape(Add(BroadcastToDims(row, grid, grid, d), BroadcastToDims(column, grid, grid, d)), grid*grid, d)
}

// logits are those of all tokens, [B, L, Tokens].
func logits(s *model.Scope, x *Node, c Config) *Node {
	x = nn.LayerNorm(s.At("norm"), x, c.Decoder.LayerNorm)
	x = nn.Dense(s.At("out"), x, c.Begin(), c.std())
	never := Ones(x.Graph(), x.Shape())
	never = MulScalar(Slice(never, AxisRange(), AxisRange(), AxisRange(0, 1)), -impossible)
	return Concatenate([]*Node{x, never}, -1)
}

// impossible is what the logit of a token that cannot follow is below 0.
const impossible = 1e9
