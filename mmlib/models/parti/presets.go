package parti

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
)

// Presets are the named sizes. Their first stages are those of the same names in [gomm/mmlib/models/vqvae]; the vocabulary and the
// length of the texts are those of MNIST's captions in English and Chinese.
var Presets = map[string]Config{
	"mnist":      digits(128, 4, 96, 2),
	"mnist-tiny": digits(64, 2, 48, 1),
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
