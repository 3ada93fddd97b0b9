package clip

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/weights"
)

// Transformers is how the CLIPModel of Hugging Face's transformers keeps the weights, OpenAI's released ones among them: q, k and v
// apart. Older versions also saved the numbers of the positions.
func (c Config) Transformers() weights.Layout {
	var l layout
	v, t := c.Vision, c.Text
	l.patches("vision_model.embeddings.patch_embedding.weight", c)
	l.as("/vision/class", "vision_model.embeddings.class_embedding", v.Width)
	l.as("/vision/position", "vision_model.embeddings.position_embedding.weight", 1+v.Grid()*v.Grid(), v.Width)
	l.norm("/vision/norm_pre", "vision_model.pre_layrnorm", v.Width) // sic
	l.blocks("/vision", "vision_model.encoder.layers", v.Config, transformersBlock)
	l.norm("/vision/norm_post", "vision_model.post_layernorm", v.Width)
	l.matrix("/image_projection/weights", "visual_projection.weight", v.Width, c.Projection)

	l.as("/text/token", "text_model.embeddings.token_embedding.weight", t.Vocab, t.Width)
	l.as("/text/position", "text_model.embeddings.position_embedding.weight", t.Context, t.Width)
	l.blocks("/text", "text_model.encoder.layers", t.Config, transformersBlock)
	l.norm("/text/norm", "text_model.final_layer_norm", t.Width)
	l.matrix("/text_projection/weights", "text_projection.weight", t.Width, c.Projection)
	l.as("/logit_scale", "logit_scale")
	return weights.Layout{Pieces: l.pieces, Ignored: func(name string) bool { return strings.HasSuffix(name, ".position_ids") }}
}

// OpenCLIP is how open_clip keeps the weights, and OpenAI's own code: q, k and v in one matrix, and the projections as they are here. With
// custom, as open_clip's CustomTextCLIP does, all that is the text tower's has the prefix "text.".
func (c Config) OpenCLIP(custom bool) weights.Layout {
	var l layout
	v, t := c.Vision, c.Text
	text := ""
	if custom {
		text = "text."
	}
	l.patches("visual.conv1.weight", c)
	l.as("/vision/class", "visual.class_embedding", v.Width)
	l.as("/vision/position", "visual.positional_embedding", 1+v.Grid()*v.Grid(), v.Width)
	l.norm("/vision/norm_pre", "visual.ln_pre", v.Width)
	l.blocks("/vision", "visual.transformer.resblocks", v.Config, openCLIPBlock)
	l.norm("/vision/norm_post", "visual.ln_post", v.Width)
	l.as("/image_projection/weights", "visual.proj", v.Width, c.Projection)

	l.as("/text/token", text+"token_embedding.weight", t.Vocab, t.Width)
	l.as("/text/position", text+"positional_embedding", t.Context, t.Width)
	l.blocks("/text", text+"transformer.resblocks", t.Config, openCLIPBlock)
	l.norm("/text/norm", text+"ln_final", t.Width)
	l.as("/text_projection/weights", text+"text_projection", t.Width, c.Projection)
	l.as("/logit_scale", "logit_scale")
	return weights.Layout{Pieces: l.pieces, Ignored: func(name string) bool { return name == text+"attn_mask" }}
}

// Load puts the weights of a file into a store, under the paths that [EncodeImage], [EncodeText] and [Logits] read. The layout is one of
// c's; see [nn.Load] for errors.
func Load(s *model.Store, c Config, l weights.Layout, from weights.Source) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Film.Pooling == TemporalPooling {
		return fmt.Errorf("clip: film.pooling is %q, of which the weights have nothing: %q takes them as they are", c.Film.Pooling, MeanPooling)
	}
	return nn.Load(s, l, from)
}

// layout collects the pieces of a file.
type layout struct{ pieces []weights.Piece }

// block says what the parts of a block of a transformer are called.
type block struct {
	norm1, out, norm2, up, down string
	project                     func(l *layout, path, name string, width int) // q, k and v
}

var transformersBlock = block{
	norm1: "layer_norm1", out: "self_attn.out_proj", norm2: "layer_norm2", up: "mlp.fc1", down: "mlp.fc2",
	project: func(l *layout, path, name string, width int) {
		for i, part := range []string{"q", "k", "v"} {
			n, first := fmt.Sprintf("%s.self_attn.%s_proj", name, part), i*width
			l.columns(path+"/weights", n+".weight", []int{width, width}, []int{width, 3 * width}, first, 1, 0)
			l.columns(path+"/biases", n+".bias", []int{width}, []int{3 * width}, first)
		}
	},
}

var openCLIPBlock = block{
	norm1: "ln_1", out: "attn.out_proj", norm2: "ln_2", up: "mlp.c_fc", down: "mlp.c_proj",
	project: func(l *layout, path, name string, width int) {
		l.matrix(path+"/weights", name+".attn.in_proj_weight", width, 3*width)
		l.as(path+"/biases", name+".attn.in_proj_bias", 3*width)
	},
}

// blocks are those of a transformer whose names begin so.
func (l *layout) blocks(path, name string, c transformer.Config, b block) {
	for i := range c.Layers {
		p, n := fmt.Sprintf("%s/block%d/", path, i), fmt.Sprintf("%s.%d", name, i)
		l.norm(p+"norm1", n+"."+b.norm1, c.Width)
		b.project(l, p+"attention/qkv", n, c.Width)
		l.dense(p+"attention/out", n+"."+b.out, c.Width, c.Width)
		l.norm(p+"norm2", n+"."+b.norm2, c.Width)
		l.dense(p+"mlp/in", n+"."+b.up, c.Width, c.MLP)
		l.dense(p+"mlp/out", n+"."+b.down, c.MLP, c.Width)
	}
}

func (l *layout) norm(path, name string, width int) {
	l.as(path+"/gain", name+".weight", width)
	l.as(path+"/offset", name+".bias", width)
}

func (l *layout) dense(path, name string, in, out int) {
	l.matrix(path+"/weights", name+".weight", in, out)
	l.as(path+"/biases", name+".bias", out)
}

// matrix is one of PyTorch's, [out, in].
func (l *layout) matrix(path, name string, in, out int) {
	l.columns(path, name, []int{out, in}, []int{in, out}, 0, 1, 0)
}

// patches is the kernel [D, channels, size, size] of a convolution.
func (l *layout) patches(name string, c Config) {
	d, channels, size := c.Vision.Width, c.Vision.Channels, c.Vision.PatchSize
	l.columns("/vision/patch/weights", name, []int{d, channels, size, size}, []int{size * size * channels, d}, 0, 2, 3, 1, 0)
}

// as is a tensor that lies as it does here.
func (l *layout) as(path, name string, shape ...int) { l.columns(path, name, shape, shape, 0) }

func (l *layout) columns(path, name string, shape, whole []int, first int, axes ...int) {
	l.pieces = append(l.pieces, weights.Piece{Name: name, Shape: shape, Path: path, Whole: whole, Axes: axes, First: first})
}
