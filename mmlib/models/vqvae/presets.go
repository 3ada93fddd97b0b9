package vqvae

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
)

// Presets are the named sizes.
var Presets = map[string]Config{
	"mnist":      digits(codebook.VQ, 96, 2, 0.9),
	"mnist-dvae": digits(codebook.Relaxed, 96, 2, 0.9),
	"mnist-tiny": digits(codebook.VQ, 48, 1, 0.5),
	"scenes":     scenes(),
}

// scenes is for scenes of 2×2 cells in color, 56×56 pixels: 64 codes of 1,024, one for each 7×7 pixels, so that none is of two cells. A
// batch has 4 vectors for each code.
func scenes() Config {
	c := digits(codebook.VQ, 128, 2, 0.1)
	c.ImageSize, c.Channels, c.PatchSize, c.Codebook.Codes = 56, 3, 7, 1024
	return c
}

// digits is for 28×28 gray pictures: 49 codes of 128, one for each 4×4 pixels. A batch has some 100 vectors for each code, so that a
// code to which less than revive of one belongs is dead.
func digits(method codebook.Method, width, layers int, revive float64) Config {
	blocks := transformer.Config{Width: width, Layers: layers, Heads: 4, MLP: 2 * width, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	c := Config{Autoencoder: codebook.Autoencoder{
		ImageSize: 28, Channels: 1, PatchSize: 4, Method: method, Encoder: blocks, Decoder: blocks,
		Codebook: codebook.Config{Codes: 128, Width: 16, Commitment: 0.02, Decay: 0.99, Revive: revive},
	}}
	if method == codebook.Relaxed {
		c.Hot, c.Cold, c.Cooling, c.Divergence = 1, 1./16, 2000, 1e-5
	}
	return c
}
