// Package simclr is SimCLR: A Simple Framework for Contrastive Learning of Visual Representations (Chen et al. 2020,
// arXiv:2002.05709). It learns from pictures alone, without a label or a caption: each picture is changed at random in
// two ways, and the model is to find, among all the views of a batch, the other view of the same picture.
//
//	h = f(x̃)                                 the encoder: the representation, which is what is wanted   (§2.1)
//	z = g(h) = W⁽²⁾ σ(W⁽¹⁾ h), σ = ReLU       the projection head, thrown away after training
//	ℓ(i,j) = −log exp(sim(zᵢ, zⱼ)/τ) / Σ_{k≠i} exp(sim(zᵢ, z_k)/τ)                                       (eq. 1, NT-Xent)
//
// for the two views i, j of a picture and all 2N views k of a batch of N, where sim is the cosine: each view has one
// positive and 2(N−1) negatives. What the representation learns is what both views have in common, so the changes decide
// what it ignores (§3). For digits they are shifts, turns, slants, other sizes, bent strokes and thicker pens.
//
// The paper's encoder is a ResNet; here it is a vision transformer, as in MoCo v3 (Chen et al. 2021, arXiv:2104.02057).
// Its weights are where [gomm/mmlib/models/clip] has those of its vision tower, so that the same classifier starts from
// either.
//
// This file is the model; presets.go its sizes, task.go its training, predictor.go its use.
package simclr

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/vision"
)

// Config is the size of the encoder and of the projection head.
type Config struct {
	Vision      vision.Config `json:"vision"`
	Hidden      int           `json:"hidden"`      // width of the projection head's hidden layer
	Projection  int           `json:"projection"`  // P, the width of the space in which views are compared
	Temperature float64       `json:"temperature"` // τ
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	if err := c.Vision.Validate(); err != nil {
		return fmt.Errorf("simclr: vision.%w", err)
	}
	switch {
	case c.Hidden < 1:
		return fmt.Errorf("simclr: hidden is %d: it must be at least 1", c.Hidden)
	case c.Projection < 1:
		return fmt.Errorf("simclr: projection is %d: it must be at least 1", c.Projection)
	case !(c.Temperature >= minTemperature) || math.IsInf(c.Temperature, 0):
		return fmt.Errorf("simclr: temperature is %g: it must be at least %g, and finite", c.Temperature, minTemperature)
	}
	return nil
}

// Merge folds the low-rank terms of the encoder into its weights; see nn/transformer.
func (c *Config) Merge(s *model.Store) error { return c.Vision.Merge(s, "/vision") }

// minTemperature keeps exp(sim/τ) away from what float32 cannot hold.
const minTemperature = 0.01

// View is what the model makes of a view of a picture.
type View struct {
	Projections   *Node // z [B, P]: compared by their cosines
	vision.Output       // Pooled is h [B, D], the representation
}

// Encode is the model: pictures x [B, height, width, channels] to representations and their projections.
// Weights: "vision/…", "projection/hidden/weights" [D, Hidden], "projection/out/weights" [Hidden, P], and their biases.
func Encode(s *model.Scope, x *Node, c Config) View {
	v := vision.Encode(s.At("vision"), x, c.Vision)
	// z = W⁽²⁾ σ(W⁽¹⁾ h)
	head := s.At("projection")
	z := activation.Relu(nn.Dense(head.At("hidden"), v.Pooled, c.Hidden, std(c.Vision.Width)))
	z = nn.Dense(head.At("out"), z, c.Projection, std(c.Hidden))
	z.AssertDims(x.Shape().Dim(0), c.Projection)
	return View{Projections: z, Output: v}
}

// std is He's for a layer of that many inputs, which keeps the variance through a ReLU.
func std(inputs int) float64 { return math.Sqrt(2 / float64(inputs)) }

// Loss is NT-Xent: projections z and zPlus [N, P] of the two views of N pictures.
//
//	L = 1/2N Σ_k ( ℓ(2k−1, 2k) + ℓ(2k, 2k−1) )                (algorithm 1)
func Loss(z, zPlus *Node, c Config) *Node {
	return loss.Contrastive(z, zPlus, loss.ContrastiveOptions{Temperature: c.Temperature, AllAnchors: true})
}

// Accuracy is the share of the 2N views that lie nearer to the other view of their picture than to any other view.
func Accuracy(z, zPlus *Node) *Node {
	n := z.Shape().Dim(0)
	all := L2Normalize(Concatenate([]*Node{z, zPlus}, 0), -1) // [2N, P]
	g, dtype := z.Graph(), z.DType()
	sim := Einsum("NP,MP->NM", all, all)
	i := Iota(g, shapes.Make(dtypes.Int32, 2*n), 0)
	sim = Where(OneHot(i, 2*n, dtypes.Bool), Infinity(g, dtype, -1), sim) // k ≠ i
	partner := ModScalar(AddScalar(i, n), 2*n)
	return ReduceAllMean(ConvertDType(Equal(ArgMax(sim, -1, dtypes.Int32), partner), dtype))
}
