package clip

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// OpenCLIPConfig reads the open_clip_config.json of a model of open_clip, and reports whether it is a CustomTextCLIP, whose names differ
// (see [Config.OpenCLIP]). What the file leaves out has the value that open_clip gives it. A setting that gomm does not have, at a value
// that matters, is refused by its name.
func OpenCLIPConfig(file []byte) (c Config, custom bool, err error) {
	var f struct {
		Model map[string]any `json:"model_cfg"`
	}
	if err := json.Unmarshal(file, &f); err != nil {
		return c, false, fmt.Errorf("clip: open_clip_config.json: %w", err)
	}
	if f.Model == nil {
		return c, false, fmt.Errorf("clip: open_clip_config.json has no model_cfg")
	}
	m := &settings{name: "model_cfg", values: f.Model}
	v := &settings{name: "model_cfg.vision_cfg", values: m.object("vision_cfg")}
	t := &settings{name: "model_cfg.text_cfg", values: m.object("text_cfg")}
	activation := nn.GELU
	if m.flag("quick_gelu") {
		activation = nn.QuickGELU
	}
	custom = m.flag("custom_text")
	blocks := func(s *settings, width, heads int) transformer.Config {
		return transformer.Config{
			Width: width, Layers: s.integer("layers", 12), Heads: heads, MLP: int(float64(width) * s.number("mlp_ratio", 4)),
			Activation: activation, LayerNorm: 1e-5,
		}
	}
	width, head := v.integer("width", 768), v.integer("head_width", 64)
	textWidth := t.integer("width", 512)
	c = Config{
		Vision: vision.Config{
			ImageSize: v.integer("image_size", 224), Channels: 3, PatchSize: v.integer("patch_size", 16),
			Config: blocks(v, width, width/max(head, 1)),
		},
		Text: TextConfig{
			Vocab: t.integer("vocab_size", 49408), Context: t.integer("context_length", 77), EndOfText: -1,
			Config: blocks(t, textWidth, t.integer("heads", 8)),
		},
		Projection:  m.integer("embed_dim", 512),
		Temperature: math.Exp(-m.number("init_logit_scale", math.Log(1/0.07))),
	}
	switch end, pool := t.integer("eos_id", 2), t.word("pool_type", "argmax"); pool {
	case "argmax":
	case "eos":
		c.Text.EndOfText = end
	default:
		return Config{}, false, fmt.Errorf("clip: open_clip_config.json: model_cfg.text_cfg.pool_type is %q: gomm has \"argmax\" and \"eos\"",
			pool)
	}
	if err := firstError(m, v, t); err != nil {
		return Config{}, false, err
	}
	return c, custom, c.Validate()
}

// settings are those of one part of a file of open_clip.
type settings struct {
	name   string
	values map[string]any
	used   []string
	err    error
}

// idle are settings without effect on what a trained model computes.
var idle = []string{
	"patch_dropout", "output_tokens", "output_dict", "pad_id", "cast_dtype", "hf_tokenizer_name", "tokenizer_mode", "tokenizer_kwargs",
	"timm_model_pretrained", "timm_pool", "timm_proj", "timm_proj_bias", "timm_drop", "timm_drop_path", "hf_model_pretrained", "hf_proj_type",
	"hf_pooler_type", "attn_pooler_queries", "attn_pooler_heads",
}

// neutral are settings at the values at which a model is the one that gomm has; so is every other one that is null or false.
var neutral = map[string]any{
	"pos_embed_type": "learnable", "pool_type": "tok", "block_type": "default", "proj_type": "linear",
	"act_kwargs": map[string]any{}, "norm_kwargs": map[string]any{},
}

// rest refuses the first setting that was not asked for and is neither idle nor neutral.
func (s *settings) rest() error {
	if s.err != nil {
		return s.err
	}
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		value := s.values[key]
		known := slices.Contains(s.used, key) || slices.Contains(idle, key)
		if known || value == nil || value == false || reflect.DeepEqual(value, neutral[key]) {
			continue
		}
		return fmt.Errorf("clip: open_clip_config.json: %s.%s is %v: gomm has no such model", s.name, key, value)
	}
	return nil
}

func firstError(parts ...*settings) error {
	for _, s := range parts {
		if err := s.rest(); err != nil {
			return err
		}
	}
	return nil
}

// take returns a value, nil where there is none, and keeps the error of one of another kind.
func take[T any](s *settings, key string, otherwise T) T {
	s.used = append(s.used, key)
	value, ok := s.values[key]
	if !ok || value == nil {
		return otherwise
	}
	x, ok := value.(T)
	if !ok && s.err == nil {
		s.err = fmt.Errorf("clip: open_clip_config.json: %s.%s is %v: gomm has no such model", s.name, key, value)
	}
	return x
}

func (s *settings) object(key string) map[string]any  { return take(s, key, map[string]any{}) }
func (s *settings) flag(key string) bool              { return take(s, key, false) }
func (s *settings) word(key, otherwise string) string { return take(s, key, otherwise) }

func (s *settings) number(key string, otherwise float64) float64 { return take(s, key, otherwise) }

func (s *settings) integer(key string, otherwise int) int {
	x := s.number(key, float64(otherwise))
	if x != math.Trunc(x) || math.Abs(x) > 1e9 {
		s.err = fmt.Errorf("clip: open_clip_config.json: %s.%s is %g: it must be a whole number", s.name, key, x)
	}
	return int(x)
}
