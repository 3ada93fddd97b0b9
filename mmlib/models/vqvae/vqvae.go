// Package vqvae learns to write pictures as discrete codes, the first stage of models that draw. It is VQ-VAE (van den Oord et al.
// 2017, Neural Discrete Representation Learning, arXiv:1711.00937) with the transformers of ViT-VQGAN (Yu et al. 2022,
// arXiv:2110.04627), on which Parti draws; and by a setting the discrete VAE of DALL-E (Ramesh et al. 2021, arXiv:2102.12092, §2.1).
//
//	z = Encoder(x)                                  a vector for each patch of the picture
//	k = argmin_j ‖z − e_j‖²,  x̂ = Decoder(e_k)      its code, and the picture again                        (VQ-VAE, eq. 1, 2)
//	L = ‖x − x̂‖² + β‖z − sg(e_k)‖²                  the vectors follow by averages, not by the gradient    (eq. 3, appendix A.1)
//
// or, relaxed, with q the encoder's distribution over the codes, y a draw of it at the temperature τ, which falls (dVAE):
//
//	x̂ = Decoder(Σ_j y_j e_j)
//	L = ‖x − x̂‖² + β_KL · KL(q ‖ uniform)           β_KL per number of the picture
//
// All terms are means, ‖x − x̂‖² over the pixels, which are 0 to 1. With an adversary, a network that tells pictures from
// reconstructions, the decoder learns to deceive it besides (VQGAN; Esser et al. 2021, arXiv:2012.09841, eq. 5); see [Adversary].
//
// The encoder, the decoder and the codes are in [gomm/mmlib/nn/codebook], where the models that draw find them: their weights are under
// "codes/". This file is the model; task.go its training, predictor.go its use.
package vqvae

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/codebook"
)

// Config is the size of the model and how it learns.
type Config struct {
	codebook.Autoencoder

	// Of the method "relaxed": the temperature falls from Hot to Cold along half a cosine over Cooling steps, and stays; Divergence is β_KL.
	Hot        float64 `json:"hot,omitempty"`
	Cold       float64 `json:"cold,omitempty"`
	Cooling    int     `json:"cooling,omitempty"`
	Divergence float64 `json:"divergence,omitempty"`

	Adversary Adversary `json:"adversary,omitzero"`
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	if err := c.Autoencoder.Validate(); err != nil {
		return fmt.Errorf("vqvae: %w", err)
	}
	if c.Method == codebook.Relaxed {
		switch {
		case !(c.Cold > 0) || math.IsInf(c.Cold, 0):
			return fmt.Errorf("vqvae: cold is %g: a temperature is greater than 0, and finite", c.Cold)
		case !(c.Hot >= c.Cold) || math.IsInf(c.Hot, 0):
			return fmt.Errorf("vqvae: hot is %g: it must be at least cold, %g, and finite", c.Hot, c.Cold)
		case c.Cooling < 0:
			return fmt.Errorf("vqvae: cooling is %d: it must be at least 0 steps", c.Cooling)
		case !(c.Divergence >= 0) || math.IsInf(c.Divergence, 0):
			return fmt.Errorf("vqvae: divergence is %g: a weight is at least 0, and finite", c.Divergence)
		}
	} else if c.Hot != 0 || c.Cold != 0 || c.Cooling != 0 || c.Divergence != 0 {
		return fmt.Errorf("vqvae: hot, cold, cooling and divergence are for the method %q, and method is %q", codebook.Relaxed, c.Method)
	}
	return c.Adversary.validate(c.Autoencoder)
}

// Merge folds the low-rank terms of both transformers into their weights; see nn/transformer.
func (c *Config) Merge(s *model.Store) error { return c.Autoencoder.Merge(s, "/codes") }

// Reconstruction is what became of pictures.
type Reconstruction struct {
	Codes   *Node // [B, Count], Int32
	Picture *Node // x̂ [B, H, W, C], which may leave 0 to 1 a little
	Loss    *Node // [], of the codes, without the pixels'
	Z       *Node // what the encoder gave: z, or logits
}

// Reconstruct sends pictures x [B, H, W, C], 0 to 1, through the codes, in training. Relaxed, the codes are drawn at the temperature τ,
// a scalar, which is not used otherwise.
func Reconstruct(s *model.Scope, x, tau *Node, c Config) Reconstruction {
	cs := s.At("codes")
	z := codebook.Encode(cs, x, c.Autoencoder)
	if c.Method == codebook.Relaxed {
		e := codebook.RelaxedVectors(cs, z, tau, c.Autoencoder)
		kl := MulScalar(codebook.Divergence(z), c.Divergence)
		return Reconstruction{Codes: ArgMax(z, -1), Picture: codebook.Decode(cs, e, c.Autoencoder), Loss: kl, Z: z}
	}
	q := codebook.Quantize(cs.At("codebook"), z, c.Codebook)
	return Reconstruction{Codes: q.Codes, Picture: codebook.Decode(cs, q.X, c.Autoencoder), Loss: q.Loss, Z: z}
}
