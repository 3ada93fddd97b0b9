package palm

import (
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// Presets are the named sizes: those of the paper (table 1), with their vocabulary of 256,000 tokens and sequences of 2,048, and
// small ones for a book, whose vocabulary is learned from it.
var Presets = map[string]Config{
	"8b":   published(4096, 32, 16),
	"62b":  published(8192, 64, 32),
	"540b": published(18432, 118, 48),

	"book":      small(128, 4, 4, 1024, 0.1),
	"book-long": small(160, 5, 5, 512, 0.3),
}

// published is a model of the paper: heads of 256, the feed-forward layer's inside four times as wide as the stream.
func published(width, layers, heads int) Config {
	return Config{
		Parallel: transformer.Parallel{Width: width, Layers: layers, Heads: heads, HeadWidth: 256, MLP: 4 * width, LayerNorm: 1e-6},
		Vocab:    256_000,
		Context:  2048,
		ZLoss:    1e-4,
	}
}

// small is a model for a text of some 100,000 tokens. The paper has no dropout, as its models see no text twice; these see theirs
// dozens of times.
func small(width, layers, heads, vocab int, dropout float64) Config {
	return Config{
		Parallel: transformer.Parallel{
			Width: width, Layers: layers, Heads: heads, HeadWidth: 32, MLP: 4 * width, LayerNorm: 1e-6, Dropout: dropout,
		},
		Vocab:   vocab,
		Context: 128,
		ZLoss:   1e-4,
	}
}

// Scenes is PaLM-E for scenes of colored digits, grid cells of 28 pixels along each side: 1.05 million weights, which is the size of the
// models of package fusion for them, with the same vision transformer. A picture is a token for each cell, the mean of its four patches,
// and the class token. The special tokens are where text.NewWords puts them in the vocabulary of English scenes.
func Scenes(grid int) EmbodiedConfig {
	const side = 28
	return EmbodiedConfig{
		Vision: vision.Config{
			ImageSize: grid * side, Channels: 3, PatchSize: side / 2, Stem: vision.Hierarchical,
			Config: transformer.Config{Width: 128, Layers: 3, Heads: 4, MLP: 256, Activation: nn.GELUTanh, LayerNorm: 1e-5},
		},
		Pool: 2,
		Text: TextConfig{
			Config: Config{
				Parallel: transformer.Parallel{Width: 128, Layers: 3, Heads: 4, HeadWidth: 32, MLP: 384, LayerNorm: 1e-6},
				Vocab:    76, Context: 512, ZLoss: 1e-4,
			},
			Start: 1, End: 75, Mask: 2,
		},
		Texts: 1,
	}
}
