package simclr

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// Presets are the named sizes: their vision transformers are those of the same names in [gomm/mmlib/models/clip].
var Presets = map[string]Config{
	"mnist":      digits(96, 3, 4),
	"mnist-demo": digits(64, 3, 4),
	"mnist-tiny": digits(48, 2, 4),
}

// digits is SimCLR for 28×28 grey pictures, in patches of 7 (16 of them). As in the paper the head's hidden layer is as
// wide as the representation.
func digits(width, layers, heads int) Config {
	return Config{
		Vision: vision.Config{ImageSize: 28, Channels: 1, PatchSize: 7, Config: transformer.Config{
			Width: width, Layers: layers, Heads: heads, MLP: 4 * width, Activation: nn.GELUTanh, LayerNorm: 1e-5,
		}},
		Hidden:      width,
		Projection:  64,
		Temperature: 0.2,
	}
}
