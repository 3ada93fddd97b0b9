package clip_test

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/weights"
)

// TestTransformers: with the same weights, embeddings, logits, loss and gradients are those of transformers' CLIPModel:
// "argmax" is OpenAI's way to find the end of a text, with quick_gelu, "first" the other, with gelu.
func TestTransformers(t *testing.T) {
	file := golden.Load(t, "testdata/model.safetensors")
	for _, name := range []string{"argmax", "first"} {
		t.Run(name, func(t *testing.T) {
			f := golden.Load(t, "testdata/"+name+".safetensors")
			c, store := config(t, f), model.NewStore()
			if err := clip.Load(store, c, c.Transformers(), stored(file)); err != nil {
				t.Fatal(err)
			}
			gradients := expectedGradients(t, c, file, f)
			paths, out := forward(t, store, gradients, c, f)
			for i, name := range []string{"image_embeds", "text_embeds", "logits_per_image", "loss", "vision_hidden"} {
				golden.Close(t, name, single(out[i]), f.Floats(t, "output."+name), 1e-5)
			}
			compared := 0
			for i, path := range paths {
				got := single(out[5+i])
				want := nntest.Flat(t, gradients.GetVariable(path).MustValue())
				compared += compareKnown(t, "gradient at "+path, got, single(want))
			}
			if wanted := goldenGradients(f); compared != wanted {
				t.Errorf("%d numbers of gradients were compared, the golden file has %d", compared, wanted)
			}
		})
	}
}

// forward returns the outputs, then the gradient of the loss at each weight of the returned paths, those of which any
// golden gradient is known.
func forward(t *testing.T, store, known *model.Store, c clip.Config, f *golden.File) (paths []string, out [][]float64) {
	t.Helper()
	n := f.Get(t, "input.ids").Shape[0]
	ids := make([]int32, 0)
	for _, id := range f.Ints(t, "input.ids") {
		ids = append(ids, int32(id))
	}
	pixels := tensors.FromFlatDataAndDimensions(f.Floats(t, "input.pixel_values"), f.Get(t, "input.pixel_values").Shape...)
	out = nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		image := clip.EncodeImage(s, TransposeAllAxes(in[0], 0, 2, 3, 1), c) // PyTorch has channels first
		text := clip.EncodeText(s, in[1], c)
		logits := clip.Logits(s, image.Embeddings, text.Embeddings, c)
		l := loss.CLIP(logits, loss.Targets(Iota(logits.Graph(), shapes.Make(dtypes.Int32, n), 0)))
		paths = nil
		var weights []*Node
		for v := range s.Store().IterVariables() {
			golden := nntest.Flat(t, known.GetVariable(v.Path()).MustValue())
			if !slices.ContainsFunc(golden, func(x float64) bool { return !math.IsNaN(x) }) {
				continue
			}
			paths, weights = append(paths, v.Path()), append(weights, v.NodeValue(l.Graph()))
		}
		return append([]*Node{image.Embeddings, text.Embeddings, logits, l, image.Tokens}, Gradient(l, weights...)...)
	}, pixels, tensors.FromFlatDataAndDimensions(ids, n, c.Text.Context))
	return paths, out
}

// expectedGradients puts the golden gradients where Load puts the weights: to reorder numbers is the same for
// both. Gradients that the file lacks are NaN.
func expectedGradients(t *testing.T, c clip.Config, weights, f *golden.File) *model.Store {
	t.Helper()
	gradients := stored(weights)
	for name, w := range weights.Tensors {
		values := make([]float32, len(w.Floats))
		for i := range values {
			values[i] = float32(math.NaN())
		}
		if f.Has("grad." + name) {
			values = f.Floats(t, "grad."+name)
		}
		gradients[name] = golden.Tensor{Shape: w.Shape, Floats: values}
	}
	store := model.NewStore()
	if err := clip.Load(store, c, c.Transformers(), gradients); err != nil {
		t.Fatal(err)
	}
	return store
}

func goldenGradients(f *golden.File) (numbers int) {
	for name, x := range f.Tensors {
		if strings.HasPrefix(name, "grad.") {
			numbers += len(x.Floats)
		}
	}
	return numbers
}

// compareKnown compares where want is a number, and returns how often it is.
func compareKnown(t *testing.T, name string, got, want []float32) int {
	t.Helper()
	var known, expected []float32
	for i, w := range want {
		if !math.IsNaN(float64(w)) {
			known, expected = append(known, got[i]), append(expected, w)
		}
	}
	golden.Close(t, name, known, expected, 1e-5)
	return len(known)
}

func single(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// tensorFile is a golden file's tensors, as a file of weights.
type tensorFile map[string]golden.Tensor

func stored(f *golden.File) tensorFile { return maps.Clone(f.Tensors) }

func (s tensorFile) Names() []string { return slices.Collect(maps.Keys(s)) }

func (s tensorFile) Info(name string) (weights.Info, bool) {
	x, ok := s[name]
	return weights.Info{Name: name, DType: weights.F32, Shape: x.Shape}, ok
}

func (s tensorFile) Floats(name string) ([]float32, error) { return s[name].Floats, nil }

// TestLoadRefuses: what does not fit is named.
func TestLoadRefuses(t *testing.T) {
	file := golden.Load(t, "testdata/model.safetensors")
	c := config(t, golden.Load(t, "testdata/first.safetensors"))
	const q = "text_model.encoder.layers.1.self_attn.q_proj.weight"
	for _, x := range []struct {
		name, want string
		change     func(c *clip.Config, s tensorFile)
	}{
		{"missing", "1 missing: " + q, func(_ *clip.Config, s tensorFile) { delete(s, q) }},
		{"shape", q + " is [24 12], the settings want [24 24]", func(_ *clip.Config, s tensorFile) {
			s[q] = golden.Tensor{Shape: []int{24, 12}}
		}},
		{"unknown", "1 not of this model: lm_head.weight", func(_ *clip.Config, s tensorFile) { s["lm_head.weight"] = s[q] }},
		{"fewer layers", "16 not of this model: vision_model.encoder.layers.1.", func(c *clip.Config, _ tensorFile) { c.Vision.Layers = 1 }},
		{"more layers", "16 missing: vision_model.encoder.layers.2.layer_norm1.", func(c *clip.Config, _ tensorFile) { c.Vision.Layers = 3 }},
		{"config", "projection is 0", func(c *clip.Config, _ tensorFile) { c.Projection = 0 }},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, s := c, stored(file)
			x.change(&c, s)
			check.Error(t, clip.Load(model.NewStore(), c, c.Transformers(), s), x.want)
		})
	}
}

// TestLoadTwice: weights that the store has already are replaced; position_ids do not disturb.
func TestLoadTwice(t *testing.T) {
	file := golden.Load(t, "testdata/model.safetensors")
	c, store, s := config(t, golden.Load(t, "testdata/first.safetensors")), model.NewStore(), stored(file)
	s["text_model.embeddings.position_ids"] = golden.Tensor{Shape: []int{1, 8}}
	for _, value := range []float32{1, 2} {
		s["logit_scale"] = golden.Tensor{Shape: []int{}, Floats: []float32{value}}
		check.Must(t, clip.Load(store, c, c.Transformers(), s))
		if got := store.GetVariable("/logit_scale").MustValue().Value(); got != value {
			t.Errorf("logit_scale is %v, want %v", got, value)
		}
	}
	if !slices.Contains(paths(store), "/vision/block1/attention/qkv/weights") {
		t.Errorf("the store has %q", paths(store))
	}
	c.Text.Vocab, c.Text.EndOfText, c.Text.Width = 20, -1, 48 // as many numbers in another shape
	s["text_model.embeddings.token_embedding.weight"] = golden.Tensor{Shape: []int{20, 48}, Floats: make([]float32, 960)}
	check.Error(t, clip.Load(store, c, c.Transformers(), s), "of another shape")
}

func paths(s *model.Store) (list []string) {
	for v := range s.IterVariables() {
		list = append(list, v.Path())
	}
	return list
}

// TestOpenCLIP: with the weights of open_clip's models, read by the settings that lie beside them, embeddings are open_clip's.
func TestOpenCLIP(t *testing.T) {
	for name, custom := range map[string]bool{"openclip": false, "customtext": true} {
		f := golden.Load(t, "testdata/"+name+".safetensors")
		c, isCustom, err := clip.OpenCLIPConfig([]byte(f.Metadata["config"]))
		check.Must(t, err)
		if isCustom != custom {
			t.Errorf("%s: custom text is %t", name, isCustom)
		}
		from := tensorFile{}
		for key, x := range f.Tensors {
			if weight, ok := strings.CutPrefix(key, "weight."); ok {
				from[weight] = x
			}
		}
		store := model.NewStore()
		check.Must(t, clip.Load(store, c, c.OpenCLIP(custom), from))
		check.Error(t, clip.Load(store, c, c.OpenCLIP(!custom), from), "missing", "not of this model")
		var ids []int32
		for _, id := range f.Ints(t, "ids") {
			ids = append(ids, int32(id))
		}
		pixels := tensors.FromFlatDataAndDimensions(f.Floats(t, "pixels"), f.Get(t, "pixels").Shape...)
		out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
			image := clip.EncodeImage(s, TransposeAllAxes(in[0], 0, 2, 3, 1), c)
			return []*Node{image.Embeddings, clip.EncodeText(s, in[1], c).Embeddings}
		}, pixels, tensors.FromFlatDataAndDimensions(ids, 3, c.Text.Context))
		golden.Close(t, name+" image", single(out[0]), f.Floats(t, "image"), 1e-5)
		golden.Close(t, name+" text", single(out[1]), f.Floats(t, "text"), 1e-5)
	}
}

// TestConfigRefused: settings of models that gomm does not have are refused by their names.
func TestConfigRefused(t *testing.T) {
	for file, want := range map[string]string{
		`{"model_cfg": {"vision_cfg": {"attentional_pool": true}}}`:      "model_cfg.vision_cfg.attentional_pool is true",
		`{"model_cfg": {"vision_cfg": {"layers": [3, 4, 6, 3]}}}`:        "model_cfg.vision_cfg.layers is [3 4 6 3]",
		`{"model_cfg": {"vision_cfg": {"timm_model_name": "vit_base"}}}`: "timm_model_name is vit_base",
		`{"model_cfg": {"text_cfg": {"hf_model_name": "roberta-base"}}}`: "hf_model_name is roberta-base",
		`{"model_cfg": {"text_cfg": {"pool_type": "last"}}}`:             `pool_type is "last"`,
		`{"model_cfg": {"vision_cfg": {"no_ln_pre": true}}}`:             "no_ln_pre is true",
		`{"model_cfg": {"init_logit_bias": -10}}`:                        "model_cfg.init_logit_bias is -10",
		`{"model_cfg": {"vision_cfg": {"ls_init_value": 1e-4}}}`:         "ls_init_value",
		`{"model_cfg": {"multimodal_cfg": {"width": 512}}}`:              "multimodal_cfg",
		`{"model_cfg": {"embed_dim": 0}}`:                                "projection is 0",
		`{"model_cfg": {"embed_dim": 1.5}}`:                              "embed_dim is 1.5",
		`{}`:                                                             "no model_cfg",
		`[]`:                                                             "open_clip_config.json",
	} {
		_, _, err := clip.OpenCLIPConfig([]byte(file))
		check.Error(t, err, want)
	}
	for file, want := range map[string]string{
		`{"model_type": "siglip"}`:                                        `model_type is "siglip"`,
		`{"model_type": "clip", "architectures": ["CLIPTextModel"]}`:      "CLIPTextModel",
		`{"model_type": "clip", "vision_config": {"hidden_act": "relu"}}`: `vision_config.hidden_act is "relu"`,
		`{"model_type": "clip", "text_config": {"vocab_size": 0}}`:        "text.vocab is 0",
		`{"model_type": "clip", "text_config": 1}`:                        "config.json",
	} {
		_, err := clip.TransformersConfig([]byte(file))
		check.Error(t, err, want)
	}
	c, err := clip.TransformersConfig([]byte(`{"model_type": "clip", "text_config": {"eos_token_id": 2}}`))
	check.Must(t, err)
	want := clip.Presets["vit-b/32"]
	want.Temperature = c.Temperature // 0.07 but for the last digits
	if math.Abs(c.Temperature-0.07) > 1e-5 || !reflect.DeepEqual(c, want) {
		t.Errorf("transformers' defaults are %+v, OpenAI's model is %+v", c, want)
	}
}
