package clip

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// Presets are the named sizes. "vit-b/32" and its kin are OpenAI's; the others are what MNIST needs. The vocabulary and
// context of the MNIST sizes are those of their captions and are filled in when a run is created.
var Presets = map[string]Config{
	"vit-b/32":   openAI(224, 32, 768, 12, 512, 8, 512),
	"vit-b/16":   openAI(224, 16, 768, 12, 512, 8, 512),
	"vit-l/14":   openAI(224, 14, 1024, 24, 768, 12, 768),
	"mnist":      digits(96, 3, 4, 64, 1, 64),
	"mnist-demo": digits(64, 3, 4, 48, 1, 64),
	"mnist-tiny": digits(48, 2, 2, 32, 1, 32),
	"films":      films(10, TemporalPooling),
	"films-mean": films(10, MeanPooling),
}

// openAI is the shape of the released models: heads are 64 wide, the MLP is four times the width, QuickGELU, and texts
// of 77 tokens whose end is the largest id.
func openAI(size, patch, width, layers, textWidth, textHeads, projection int) Config {
	block := func(width, layers, heads int) transformer.Config {
		return transformer.Config{Width: width, Layers: layers, Heads: heads, MLP: 4 * width, Activation: nn.QuickGELU, LayerNorm: 1e-5}
	}
	return Config{
		Vision:      vision.Config{ImageSize: size, Channels: 3, PatchSize: patch, Config: block(width, layers, width/64)},
		Text:        TextConfig{Vocab: 49408, Context: 77, EndOfText: -1, Config: block(textWidth, 12, textHeads)},
		Projection:  projection,
		Temperature: 0.07,
	}
}

// films is CLIP for films of 64×64 colored pixels, in patches of 16 (16 of them). After 700 steps motion is told, in
// 99 % of the validation films, and what is wrong is digits and colors; after 3,000 steps these are told too.
func films(frames int, pooling Pooling) Config {
	const projection = 64
	block := func(width, layers, heads int) transformer.Config {
		return transformer.Config{Width: width, Layers: layers, Heads: heads, MLP: 4 * width, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	}
	c := Config{
		Vision: vision.Config{
			ImageSize: 64, Channels: 3, PatchSize: 16, Stem: vision.Hierarchical, Config: block(64, 2, 4),
		},
		Text:        TextConfig{Vocab: 64, Context: 16, EndOfText: -1, Config: block(64, 2, 4)},
		Projection:  projection,
		Temperature: 0.07,
		Film:        FilmConfig{Frames: frames, Pooling: pooling},
	}
	if pooling == TemporalPooling {
		c.Film.Transformer = block(projection, 2, 4)
	}
	return c
}

// digits is CLIP for 28×28 grey pictures, in patches of 7 (16 of them), and short captions.
func digits(width, layers, heads, textWidth, textLayers, projection int) Config {
	block := func(width, layers, heads int) transformer.Config {
		return transformer.Config{Width: width, Layers: layers, Heads: heads, MLP: 4 * width, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	}
	return Config{
		Vision:      vision.Config{ImageSize: 28, Channels: 1, PatchSize: 7, Config: block(width, layers, heads)},
		Text:        TextConfig{Vocab: 64, Context: 16, EndOfText: -1, Config: block(textWidth, textLayers, 2)},
		Projection:  projection,
		Temperature: 0.07,
	}
}
