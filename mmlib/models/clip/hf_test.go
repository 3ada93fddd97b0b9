package clip_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
	"gomm/mmlib/models/clip"
)

// TestTransformers: with the same weights, embeddings, logits, loss and gradients are those of transformers' CLIPModel:
// "argmax" is OpenAI's way to find the end of a text, with quick_gelu, "first" the other, with gelu.
func TestTransformers(t *testing.T) {
	file := golden.Load(t, "testdata/model.safetensors")
	for _, name := range []string{"argmax", "first"} {
		t.Run(name, func(t *testing.T) {
			f := golden.Load(t, "testdata/"+name+".safetensors")
			c, store := config(t, f), model.NewStore()
			if err := clip.FromTransformers(store, c, weights(t, file)); err != nil {
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

// expectedGradients puts the golden gradients where FromTransformers puts the weights: to reorder numbers is the same for
// both. Gradients that the file lacks are NaN.
func expectedGradients(t *testing.T, c clip.Config, weights, f *golden.File) *model.Store {
	t.Helper()
	gradients := map[string]*tensors.Tensor{}
	for name, w := range weights.Tensors {
		values := make([]float32, len(w.Floats))
		for i := range values {
			values[i] = float32(math.NaN())
		}
		if f.Has("grad." + name) {
			values = f.Floats(t, "grad."+name)
		}
		gradients[name] = tensors.FromFlatDataAndDimensions(values, w.Shape...)
	}
	store := model.NewStore()
	if err := clip.FromTransformers(store, c, gradients); err != nil {
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

// TestFromTransformersErrors: what does not fit is named.
func TestFromTransformersErrors(t *testing.T) {
	file := golden.Load(t, "testdata/model.safetensors")
	c := config(t, golden.Load(t, "testdata/first.safetensors"))
	const q = "text_model.encoder.layers.1.self_attn.q_proj.weight"
	for _, x := range []struct {
		name, want string
		change     func(c *clip.Config, w map[string]*tensors.Tensor)
	}{
		{"missing", `"` + q + `" is missing`, func(_ *clip.Config, w map[string]*tensors.Tensor) { delete(w, q) }},
		{"nil", `"` + q + `" is missing`, func(_ *clip.Config, w map[string]*tensors.Tensor) { w[q] = nil }},
		{"shape", `"` + q + `" has the shape [24 12], the config wants [24 24]`, func(_ *clip.Config, w map[string]*tensors.Tensor) {
			w[q] = tensors.FromShape(shapes.Make(dtypes.Float32, 24, 12))
		}},
		{"type", `"` + q + `" is of type Float64`, func(_ *clip.Config, w map[string]*tensors.Tensor) {
			w[q] = tensors.FromShape(shapes.Make(dtypes.Float64, 24, 24))
		}},
		{"unknown", `"lm_head.weight" is of no use`, func(_ *clip.Config, w map[string]*tensors.Tensor) { w["lm_head.weight"] = w[q] }},
		{"fewer layers", "layers.1", func(c *clip.Config, _ map[string]*tensors.Tensor) { c.Vision.Layers = 1 }},
		{"more layers", `layers.2.layer_norm1.weight" is missing`, func(c *clip.Config, _ map[string]*tensors.Tensor) { c.Vision.Layers = 3 }},
		{"config", "projection is 0", func(c *clip.Config, _ map[string]*tensors.Tensor) { c.Projection = 0 }},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, w := c, weights(t, file)
			x.change(&c, w)
			err := clip.FromTransformers(model.NewStore(), c, w)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want one with %q", err, x.want)
			}
		})
	}
}

// TestFromTransformersTwice: weights that the store has already are replaced; position_ids do not disturb.
func TestFromTransformersTwice(t *testing.T) {
	file := golden.Load(t, "testdata/model.safetensors")
	c, store, w := config(t, golden.Load(t, "testdata/first.safetensors")), model.NewStore(), weights(t, file)
	w["text_model.embeddings.position_ids"] = tensors.FromScalar(int32(0))
	for _, value := range []float32{1, 2} {
		w["logit_scale"] = tensors.FromScalar(value)
		if err := clip.FromTransformers(store, c, w); err != nil {
			t.Fatal(err)
		}
		if got := store.GetVariable("/logit_scale").MustValue().Value(); got != value {
			t.Errorf("logit_scale is %v, want %v", got, value)
		}
	}
	c.Text.Vocab, c.Text.EndOfText, c.Text.Width = 20, -1, 48 // as many numbers in another shape
	if err := clip.FromTransformers(store, c, w); err == nil || !strings.Contains(err.Error(), "token_embedding") {
		t.Errorf("error %v, want one that names token_embedding", err)
	}
	if !slices.Contains(paths(store), "/vision/block1/attention/qkv/weights") {
		t.Errorf("the store has %q", paths(store))
	}
}

func paths(s *model.Store) (list []string) {
	for v := range s.IterVariables() {
		list = append(list, v.Path())
	}
	return list
}
