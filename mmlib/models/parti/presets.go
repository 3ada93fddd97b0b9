package parti

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
)

// Presets are the named sizes. Those with a number are the published ones (table 1): a vocabulary of 16,000 and 128 tokens of text, 1,024
// codes of 8,192. Without the vectors of tokens their blocks have 353 and 755 million, 3.02 and 20.4 billion parameters. The first stages
// of the others are those of the same names in [gomm/mmlib/models/vqvae]; the vocabulary and the length of the texts are those of MNIST's
// captions in English and Chinese.
var Presets = map[string]Config{
	"mnist":      digits(128, 4, 96, 2),
	"mnist-tiny": digits(64, 2, 48, 1),
	"scenes":     scenes(),
	"350m":       published(1024, 16, 12, 12),
	"750m":       published(1024, 16, 12, 36),
	"3b":         published(2048, 32, 12, 36),
	"20b":        published(4096, 64, 16, 64),
}

// published is a size of the paper, with so many layers in the encoder and in the decoder. The first stage is ViT-VQGAN's base model.
func published(width, heads, encoder, decoder int) Config {
	c := digits(width, decoder, 768, 12)
	c.Text = TextConfig{Vocab: 16000, Context: 128, Pad: 0, End: 1, Config: c.Decoder}
	c.Text.Layers, c.Text.Heads, c.Decoder.Heads = encoder, heads, heads
	c.Image.ImageSize, c.Image.Channels, c.Image.PatchSize = 256, 3, 8
	c.Image.Encoder.MLP, c.Image.Encoder.Heads = 3072, 12
	c.Image.Decoder = c.Image.Encoder
	c.Image.Codebook.Codes, c.Image.Codebook.Width = 8192, 32
	return c
}

// scenes is for the scenes of 2×2 cells, 64 codes of 1,024, and their English captions.
func scenes() Config {
	c := digits(128, 4, 128, 2)
	c.Text.Vocab, c.Text.Context = 85, 52
	c.Text.Layers = 2
	c.Image.ImageSize, c.Image.Channels, c.Image.PatchSize, c.Image.Codebook.Codes = 56, 3, 7, 1024
	c.Image.Codebook.Revive = 0.1
	return c
}

// digits is Parti for 28×28 gray pictures of 49 codes. A caption needs less of a reader than a picture of a writer.
func digits(width, layers, imageWidth, imageLayers int) Config {
	blocks := func(width, layers, mlp int) transformer.Config {
		return transformer.Config{Width: width, Layers: layers, Heads: 4, MLP: mlp, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	}
	image := blocks(imageWidth, imageLayers, 2*imageWidth)
	return Config{
		Text: TextConfig{Vocab: 44, Context: 9, Pad: 0, End: 2, Config: blocks(width, 1, 2*width)},
		Image: codebook.Autoencoder{
			ImageSize: 28, Channels: 1, PatchSize: 4, Method: codebook.VQ, Encoder: image, Decoder: image,
			Codebook: codebook.Config{Codes: 128, Width: 16, Commitment: 0.02, Decay: 0.99, Revive: 0.5},
		},
		Decoder: blocks(width, layers, 4*width),
		Drop:    0.1,
	}
}
