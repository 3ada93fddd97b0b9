package clip

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// TransformersConfig reads the config.json of a CLIPModel of Hugging Face's transformers. What the file leaves out has the value that
// transformers gives it; a setting that would make another model of it is refused by its name.
//
// An eos_token_id of 2 stands in the files of OpenAI's models and is not meant: there the largest id of a text is its end
// (transformers issue 24650).
func TransformersConfig(file []byte) (Config, error) {
	type tower struct {
		Width      int     `json:"hidden_size"`
		MLP        int     `json:"intermediate_size"`
		Layers     int     `json:"num_hidden_layers"`
		Heads      int     `json:"num_attention_heads"`
		Activation string  `json:"hidden_act"`
		LayerNorm  float64 `json:"layer_norm_eps"`
		Vocab      int     `json:"vocab_size"`
		Context    int     `json:"max_position_embeddings"`
		End        *int    `json:"eos_token_id"`
		ImageSize  int     `json:"image_size"`
		PatchSize  int     `json:"patch_size"`
		Channels   int     `json:"num_channels"`
	}
	c := struct {
		Type          string   `json:"model_type"`
		Architectures []string `json:"architectures"`
		Text          tower    `json:"text_config"`
		Vision        tower    `json:"vision_config"`
		Projection    int      `json:"projection_dim"`
		LogitScale    float64  `json:"logit_scale_init_value"`
	}{
		Text: tower{Width: 512, MLP: 2048, Layers: 12, Heads: 8, Activation: "quick_gelu", LayerNorm: 1e-5, Vocab: 49408, Context: 77},
		Vision: tower{
			Width: 768, MLP: 3072, Layers: 12, Heads: 12, Activation: "quick_gelu", LayerNorm: 1e-5, ImageSize: 224, PatchSize: 32, Channels: 3,
		},
		Projection: 512, LogitScale: 2.6592,
	}
	if err := json.Unmarshal(file, &c); err != nil {
		return Config{}, fmt.Errorf("clip: config.json: %w", err)
	}
	if c.Type != "clip" {
		return Config{}, fmt.Errorf("clip: config.json: model_type is %q: it must be \"clip\"", c.Type)
	}
	if len(c.Architectures) > 0 && !slices.Contains(c.Architectures, "CLIPModel") {
		return Config{}, fmt.Errorf("clip: config.json: architectures are %q: only a CLIPModel has both towers", c.Architectures)
	}
	blocks := func(name string, t tower) (transformer.Config, error) {
		a, ok := map[string]nn.Activation{
			"quick_gelu": nn.QuickGELU, "gelu": nn.GELU, "gelu_new": nn.GELUTanh, "gelu_pytorch_tanh": nn.GELUTanh,
		}[t.Activation]
		if !ok {
			return transformer.Config{}, fmt.Errorf("clip: config.json: %s.hidden_act is %q: gomm has quick_gelu, gelu, gelu_new and "+
				"gelu_pytorch_tanh", name, t.Activation)
		}
		return transformer.Config{
			Width: t.Width, Layers: t.Layers, Heads: t.Heads, MLP: t.MLP, Activation: a, LayerNorm: t.LayerNorm,
		}, nil
	}
	text, err := blocks("text_config", c.Text)
	if err != nil {
		return Config{}, err
	}
	pictures, err := blocks("vision_config", c.Vision)
	if err != nil {
		return Config{}, err
	}
	end := 49407
	if c.Text.End != nil {
		end = *c.Text.End
	}
	if end == 2 {
		end = -1
	}
	config := Config{
		Vision: vision.Config{
			ImageSize: c.Vision.ImageSize, Channels: c.Vision.Channels, PatchSize: c.Vision.PatchSize, Config: pictures,
		},
		Text:        TextConfig{Vocab: c.Text.Vocab, Context: c.Text.Context, EndOfText: end, Config: text},
		Projection:  c.Projection,
		Temperature: math.Exp(-c.LogitScale),
	}
	return config, config.Validate()
}
