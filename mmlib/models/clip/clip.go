// Package clip is CLIP: Learning Transferable Visual Models From Natural Language Supervision (Radford et al. 2021,
// arXiv:2103.00020). Two towers, a vision transformer for pictures and a causal transformer for texts, are trained
// together so that a picture and its caption land close to each other in one shared space, and everything else apart:
//
//	I_e = normalise(ViT(I)·W_i)          T_e = normalise(Text(T)·W_t)
//	logits = I_e·T_eᵀ · exp(s)           L = ½ (CE(rows) + CE(columns))           (figure 3)
//
// A text classifier then needs no training: write a prompt for each class, and the class whose prompt lies nearest to
// the picture is the answer (zero-shot, §3.1). [Classifier] is the supervised counterpart: a linear probe, or the whole
// vision tower fine-tuned.
//
// Films are read frame by frame (CLIP4Clip, Luo et al. 2022): see [EncodeFilm].
//
// This file is the model, film.go what films add to it; presets.go its sizes, task.go its training, predictor.go and classifier.go
// its uses. How other libraries keep its weights stands in layout.go, what their settings mean in transformers.go and openclip.go.
package clip

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// Config is the size of both towers and of the space they share.
type Config struct {
	Vision      vision.Config `json:"vision"`
	Text        TextConfig    `json:"text"`
	Projection  int           `json:"projection"`  // P, the width of the shared space
	Temperature float64       `json:"temperature"` // τ at the start of training; CLIP has 0.07
	Film        FilmConfig    `json:"film,omitzero"`
}

// TextConfig is the size of the text tower.
type TextConfig struct {
	Vocab     int `json:"vocab"`       // V, the number of tokens
	Context   int `json:"context"`     // L, the length that texts are padded to
	EndOfText int `json:"end_of_text"` // id of the end-of-text token; -1: the largest id of a text ends it (OpenAI's way)
	transformer.Config
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	if err := c.Vision.Validate(); err != nil {
		return fmt.Errorf("clip: vision.%w", err)
	}
	if err := c.Text.Config.Validate(); err != nil {
		return fmt.Errorf("clip: text.%w", err)
	}
	switch t := c.Text; {
	case t.Vocab < 1:
		return fmt.Errorf("clip: text.vocab is %d: it must be at least 1", t.Vocab)
	case t.Context < 2:
		return fmt.Errorf("clip: text.context is %d: a text has at least a start and an end token", t.Context)
	case t.EndOfText < -1 || t.EndOfText >= t.Vocab:
		return fmt.Errorf("clip: text.end_of_text is %d: it must be -1 or below text.vocab (%d)", t.EndOfText, t.Vocab)
	case c.Projection < 1:
		return fmt.Errorf("clip: projection is %d: it must be at least 1", c.Projection)
	case !(c.Temperature >= 1.0/loss.MaxLogitScale) || math.IsInf(c.Temperature, 0):
		return fmt.Errorf("clip: temperature is %g: it must be at least %g, where CLIP clamps it", c.Temperature, 1.0/loss.MaxLogitScale)
	}
	if err := c.Film.validate(c.Projection); err != nil {
		return fmt.Errorf("clip: %w", err)
	}
	return nil
}

// Merge folds the low-rank terms of all stacks into their weights; see [transformer.Config.Merge].
func (c *Config) Merge(s *model.Store) error {
	if err := c.Vision.Merge(s, "/vision"); err != nil {
		return err
	}
	if err := c.Film.Transformer.Merge(s, "/film"); err != nil {
		return err
	}
	return c.Text.Merge(s, "/text")
}

// Image is what the vision tower makes of pictures.
type Image struct {
	Embeddings *Node // [B, P], of length 1: the point in the shared space
	vision.Output
}

// EncodeImage is the vision tower: pictures x [B, height, width, channels] to points of the shared space.
// Weights: "vision/…", "image_projection/weights" [D, P].
func EncodeImage(s *model.Scope, x *Node, c Config) Image {
	e, v := project(s, x, c)
	return Image{Embeddings: L2Normalize(e, -1), Output: v} // I_e = normalise(ViT(I)·W_i)
}

// project is the vision tower up to where lengths become 1: ViT(I)·W_i, [B, P].
func project(s *model.Scope, x *Node, c Config) (*Node, vision.Output) {
	v := vision.Encode(s.At("vision"), x, c.Vision)
	return nn.Linear(s.At("image_projection"), v.Pooled, c.Projection, projectionStd(c.Vision.Width)), v
}

// Text is what the text tower makes of token ids.
type Text struct {
	Embeddings *Node // [B, P], of length 1: the point in the shared space
	transformer.Output
}

// EncodeText is the text tower (§2.4): ids [B, L] of padded texts to points of the shared space. Attention is causal, so
// that what stands at the end-of-text token has seen the whole text and none of the padding behind it.
// Weights: "text/token" [V, D], "text/position" [L, D], "text/block<i>", "text/norm", "text_projection/weights" [D, P].
func EncodeText(s *model.Scope, ids *Node, c Config) Text {
	t, g := c.Text, ids.Graph()
	ids.AssertDims(-1, t.Context)
	b, l := ids.Shape().Dim(0), t.Context
	ts := s.At("text")

	like := ScalarZero(g, dtypes.Float32)
	x := Gather(nn.Weight(ts, like, "token", 0.02, t.Vocab, t.Width), Reshape(ids, b, l, 1))
	x = Add(x, ExpandLeftToRank(nn.Weight(ts, like, "position", 0.01, l, t.Width), 3)) // [B, L, D]
	out := transformer.Encode(ts, x, attention.Mask{Causal: true}, t.Config)

	// Normalisation is position by position, so the end-of-text row is taken first and only it is normalised.
	end := OneHot(endOfText(ids, t.EndOfText), l, out.X.DType()) // [B, L]
	last := nn.LayerNorm(ts.At("norm"), Einsum("BL,BLD->BD", end, out.X), t.LayerNorm)
	// T_e = normalise(Text(T)·W_t)
	e := nn.Linear(s.At("text_projection"), last, c.Projection, projectionStd(t.Width))
	return Text{Embeddings: L2Normalize(e, -1), Output: out}
}

// endOfText finds each text's end-of-text position: the first one whose id is eot or, with eot = -1, the first one with
// the largest id of its text. ids [B, L] gives [B].
func endOfText(ids *Node, eot int) *Node {
	if eot < 0 {
		return ArgMax(ids, -1, dtypes.Int32)
	}
	found := ConvertDType(Equal(ids, Scalar(ids.Graph(), ids.DType(), eot)), dtypes.Int32)
	return ArgMax(found, -1, dtypes.Int32)
}

// Logits compares pictures with texts: embeddings [N, P] and [M, P] give [N, M], cosines times exp(s).
// Weight: "logit_scale", the scalar s, which starts at ln(1/τ).
func Logits(s *model.Scope, image, text *Node, c Config) *Node {
	start := initializer.BroadcastTensorToShape(scalar(math.Log(1 / c.Temperature)))
	scale := s.WithInitializer(start).VariableWithShape("logit_scale", shapes.Make(dtypes.Float32))
	return Mul(loss.Similarity(image, text), loss.LogitScale(scale.NodeValue(image.Graph())))
}

func projectionStd(width int) float64 { return math.Pow(float64(width), -0.5) }
