package clip

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn/transformer"
)

// FromTransformers puts the weights of a CLIPModel of Hugging Face's transformers (its state_dict: OpenAI's released
// weights have that form too) into a store, under the paths that [EncodeImage], [EncodeText] and [Logits] read.
//
// The numbers stay the same, their order does not:
//
//	matrices      PyTorch has [out, in], y = x·Wᵀ + b; here they are [in, out]
//	q, k, v       three layers there; here one, with W^Q, W^K and W^V side by side
//	patches       a convolution [D, C, P, P] there; here a matrix [P·P·C, D] for rows of pixels, channels last
//
// weights are float32. A weight that is missing, of another shape than the Config says, or of no use is an error that
// names it; then the store is not to be used.
func FromTransformers(s *model.Store, c Config, weights map[string]*tensors.Tensor) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Film.Pooling == TemporalPooling {
		return fmt.Errorf("clip: film.pooling is %q, of which the weights have nothing: %q takes them as they are", c.Film.Pooling, MeanPooling)
	}
	l := loader{from: weights, used: map[string]bool{}, to: s}
	v, t := c.Vision, c.Text

	l.patches("vision/patch/weights", "vision_model.embeddings.patch_embedding.weight", v.Width, v.Channels, v.PatchSize)
	l.copy("vision/class", "vision_model.embeddings.class_embedding", v.Width)
	l.copy("vision/position", "vision_model.embeddings.position_embedding.weight", 1+v.Grid()*v.Grid(), v.Width)
	l.norm("vision/norm_pre", "vision_model.pre_layrnorm", v.Width) // sic
	l.blocks("vision", "vision_model.encoder.layers", v.Config)
	l.norm("vision/norm_post", "vision_model.post_layernorm", v.Width)
	l.matrix("image_projection/weights", v.Width, c.Projection, "visual_projection.weight")

	l.copy("text/token", "text_model.embeddings.token_embedding.weight", t.Vocab, t.Width)
	l.copy("text/position", "text_model.embeddings.position_embedding.weight", t.Context, t.Width)
	l.blocks("text", "text_model.encoder.layers", t.Config)
	l.norm("text/norm", "text_model.final_layer_norm", t.Width)
	l.matrix("text_projection/weights", t.Width, c.Projection, "text_projection.weight")
	l.copy("logit_scale", "logit_scale")
	return l.finish()
}

// loader moves weights and keeps the first error.
type loader struct {
	from map[string]*tensors.Tensor
	used map[string]bool
	to   *model.Store
	err  error
}

func (l *loader) blocks(path, name string, c transformer.Config) {
	for i := range c.Layers {
		p, n := fmt.Sprintf("%s/block%d", path, i), fmt.Sprintf("%s.%d", name, i)
		l.norm(p+"/norm1", n+".layer_norm1", c.Width)
		l.dense(p+"/attention/qkv", c.Width, c.Width, n+".self_attn.q_proj", n+".self_attn.k_proj", n+".self_attn.v_proj")
		l.dense(p+"/attention/out", c.Width, c.Width, n+".self_attn.out_proj")
		l.norm(p+"/norm2", n+".layer_norm2", c.Width)
		l.dense(p+"/mlp/in", c.Width, c.MLP, n+".mlp.fc1")
		l.dense(p+"/mlp/out", c.MLP, c.Width, n+".mlp.fc2")
	}
}

func (l *loader) norm(path, name string, width int) {
	l.copy(path+"/gain", name+".weight", width)
	l.copy(path+"/offset", name+".bias", width)
}

// dense joins layers of the same input into one.
func (l *loader) dense(path string, in, out int, names ...string) {
	var matrices []string
	var biases []float32
	for _, name := range names {
		matrices = append(matrices, name+".weight")
		biases = append(biases, l.take(name+".bias", out)...)
	}
	l.matrix(path+"/weights", in, out, matrices...)
	l.put(path+"/biases", biases, len(names)*out)
}

// matrix transposes matrices [out, in] and sets them side by side: [in, n·out].
func (l *loader) matrix(path string, in, out int, names ...string) {
	columns := len(names) * out
	values := make([]float32, in*columns)
	for n, name := range names {
		w := l.take(name, out, in)
		for k := range w {
			o, i := k/in, k%in
			values[i*columns+n*out+o] = w[k]
		}
	}
	l.put(path, values, in, columns)
}

// patches turns the kernel [d, channels, size, size] of a convolution into the matrix [size·size·channels, d].
func (l *loader) patches(path, name string, d, channels, size int) {
	w := l.take(name, d, channels, size, size)
	pixels := size * size
	values := make([]float32, len(w))
	for k := range w {
		o, channel, pixel := k/(channels*pixels), k/pixels%channels, k%pixels
		values[(pixel*channels+channel)*d+o] = w[k]
	}
	l.put(path, values, pixels*channels, d)
}

func (l *loader) copy(path, name string, dims ...int) { l.put(path, l.take(name, dims...), dims...) }

// take returns the numbers of a weight, nil after an error.
func (l *loader) take(name string, dims ...int) []float32 {
	if l.err != nil {
		return nil
	}
	w, ok := l.from[name]
	switch {
	case !ok || w == nil:
		l.err = fmt.Errorf("clip: weight %q is missing", name)
	case w.DType() != dtypes.Float32:
		l.err = fmt.Errorf("clip: weight %q is of type %s: convert it to Float32", name, w.DType())
	case !slices.Equal(w.Shape().Dimensions, dims):
		l.err = fmt.Errorf("clip: weight %q has the shape %v, the config wants %v", name, w.Shape().Dimensions, dims)
	default:
		l.used[name] = true
		var values []float32
		values, l.err = tensors.CopyFlatData[float32](w)
		return values
	}
	return nil
}

// put sets the value of a variable, a new one or one that the store has.
func (l *loader) put(path string, values []float32, dims ...int) {
	if l.err != nil {
		return
	}
	value := tensors.FromFlatDataAndDimensions(values, dims...)
	v := l.to.GetVariable("/" + path)
	switch {
	case v == nil:
		_, l.err = l.to.CreateVariable("/"+path, value)
	case !v.Shape().Equal(value.Shape()):
		l.err = fmt.Errorf("clip: the store has %s with the shape %s, the config wants %v", path, v.Shape(), dims)
	default:
		l.err = v.SetValue(value)
	}
}

// finish looks for weights that were not used. Older versions of transformers also saved the numbers of the positions.
func (l *loader) finish() error {
	if l.err != nil {
		return l.err
	}
	for _, name := range slices.Sorted(maps.Keys(l.from)) {
		if !l.used[name] && !strings.HasSuffix(name, ".position_ids") {
			return fmt.Errorf("clip: weight %q is of no use to this config: it is of another model, or of one with more layers", name)
		}
	}
	return nil
}
