package fusion

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// Scenes is the size of the models for scenes of colored digits, grid cells of 28 pixels along each side: 1.05 million weights. A text
// sees each cell as one token, the mean of its four patches, so that a digit need not be found in its quarters. The special tokens are
// where text.NewWords puts them in the vocabulary of English scenes.
func Scenes(grid int) Config {
	const side = 28
	blocks := transformer.Config{Width: 128, Layers: 3, Heads: 4, MLP: 256, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	texts := blocks
	texts.Layers = 1
	return Config{
		Vision: vision.Config{ImageSize: grid * side, Channels: 3, PatchSize: side / 2, Stem: vision.Hierarchical, Config: blocks},
		Text:   TextConfig{Vocab: 76, Context: 256, Start: 1, End: 75, Mask: 2, FusionLayers: 2, Config: texts},
		Pool:   2,
	}
}
