package dalle

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
)

// Presets are the named sizes. "dalle" is the published one (§2.2): 64 layers, 62 heads of 64, 256 tokens of text and 1,024 codes of
// 8,192; its blocks have 12.1 billion parameters, and attention is dense here. The first stages of the others are those of the same names
// in [gomm/mmlib/models/vqvae]; the vocabulary and the length of the texts are those of MNIST's captions in English and Chinese.
var Presets = map[string]Config{
	"mnist":      digits(128, 4, 96, 2),
	"mnist-tiny": digits(64, 2, 48, 1),
	"scenes":     scenes(),
	"dalle":      published(),
}

// published is DALL-E's size. Its first stage is a dVAE; the paper's is convolutional, here it is the library's, of transformers.
func published() Config {
	c := digits(62*64, 64, 768, 12)
	c.Stream.Heads = 62
	c.Text = TextConfig{Vocab: 16384, Context: 256, Pad: 0, Start: 1}
	c.Image.ImageSize, c.Image.Channels, c.Image.PatchSize, c.Image.Method = 256, 3, 8, codebook.Relaxed
	c.Image.Encoder.Heads, c.Image.Decoder.Heads = 12, 12
	c.Image.Codebook.Codes, c.Image.Codebook.Width = 8192, 128
	return c
}

// scenes is for the scenes of 2×2 cells, 64 codes of 1,024, and their English captions.
func scenes() Config {
	c := digits(128, 4, 128, 2)
	c.Text.Vocab, c.Text.Context = 85, 52
	c.Image.ImageSize, c.Image.Channels, c.Image.PatchSize, c.Image.Codebook.Codes = 56, 3, 7, 1024
	c.Image.Codebook.Revive = 0.1
	return c
}

// digits is DALL-E for 28×28 gray pictures of 49 codes.
func digits(width, layers, imageWidth, imageLayers int) Config {
	blocks := func(width, layers, mlp int) transformer.Config {
		return transformer.Config{Width: width, Layers: layers, Heads: 4, MLP: mlp, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	}
	image := blocks(imageWidth, imageLayers, 2*imageWidth)
	return Config{
		Text: TextConfig{Vocab: 44, Context: 9, Pad: 0, Start: 1},
		Image: codebook.Autoencoder{
			ImageSize: 28, Channels: 1, PatchSize: 4, Method: codebook.VQ, Encoder: image, Decoder: image,
			Codebook: codebook.Config{Codes: 128, Width: 16, Commitment: 0.02, Decay: 0.99, Revive: 0.5},
		},
		Stream:     blocks(width, layers, 4*width),
		TextWeight: 1. / 8,
	}
}
