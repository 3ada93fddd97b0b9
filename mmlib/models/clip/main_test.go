package clip_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

var backend compute.Backend

func TestMain(m *testing.M) {
	var err error
	if backend, err = xla.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// weights reads a golden file's floating-point tensors.
func weights(t *testing.T, f *golden.File) map[string]*tensors.Tensor {
	t.Helper()
	w := map[string]*tensors.Tensor{}
	for name, x := range f.Tensors {
		w[name] = tensors.FromFlatDataAndDimensions(x.Floats, x.Shape...)
	}
	return w
}

// config reads transformers' CLIPConfig, which a golden file has among its metadata.
func config(t *testing.T, f *golden.File) clip.Config {
	t.Helper()
	type tower struct {
		Hidden     int           `json:"hidden_size"`
		Layers     int           `json:"num_hidden_layers"`
		Heads      int           `json:"num_attention_heads"`
		MLP        int           `json:"intermediate_size"`
		Activation nn.Activation `json:"hidden_act"`
		Epsilon    float64       `json:"layer_norm_eps"`
		ImageSize  int           `json:"image_size"`
		Channels   int           `json:"num_channels"`
		PatchSize  int           `json:"patch_size"`
		Vocab      int           `json:"vocab_size"`
		Context    int           `json:"max_position_embeddings"`
		EndOfText  int           `json:"eos_token_id"`
	}
	var c struct {
		Projection int   `json:"projection_dim"`
		Vision     tower `json:"vision_config"`
		Text       tower `json:"text_config"`
	}
	if err := json.Unmarshal([]byte(f.Metadata["config"]), &c); err != nil {
		t.Fatal(err)
	}
	stack := func(t tower) transformer.Config {
		return transformer.Config{Width: t.Hidden, Layers: t.Layers, Heads: t.Heads, MLP: t.MLP, Activation: t.Activation, LayerNorm: t.Epsilon}
	}
	v, x := c.Vision, c.Text
	if x.EndOfText == 2 { // transformers' sign for OpenAI's way: the largest id ends a text
		x.EndOfText = -1
	}
	return clip.Config{
		Vision:      vision.Config{ImageSize: v.ImageSize, Channels: v.Channels, PatchSize: v.PatchSize, Config: stack(v)},
		Text:        clip.TextConfig{Vocab: x.Vocab, Context: x.Context, EndOfText: x.EndOfText, Config: stack(x)},
		Projection:  c.Projection,
		Temperature: 0.07,
	}
}

// small is a model that is quick to compile, of one block a tower.
func small() clip.Config {
	block := func(width int) transformer.Config {
		return transformer.Config{Width: width, Layers: 1, Heads: 2, MLP: 2 * width, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	}
	return clip.Config{
		Vision:      vision.Config{ImageSize: 4, Channels: 1, PatchSize: 2, Config: block(16)},
		Text:        clip.TextConfig{Vocab: 16, Context: 4, EndOfText: -1, Config: block(16)},
		Projection:  8,
		Temperature: 0.07,
	}
}

// build builds the whole model's graph, without compiling it, so that the store has every weight.
func build(t *testing.T, store *model.Store, c clip.Config) {
	t.Helper()
	g := NewGraph(backend, "weights")
	defer g.Finalize()
	model.SetStore(g, store)
	err := task.Try(func() error {
		s, v := store.RootScope(), c.Vision
		var image *Node
		if t := c.Film.Frames; t > 0 {
			x := Parameter(g, "pixels", shapes.Make(dtypes.Float32, 1, t, v.ImageSize, v.ImageSize, v.Channels))
			image = clip.EncodeFilm(s, x, c).Embeddings
		} else {
			x := Parameter(g, "pixels", shapes.Make(dtypes.Float32, 1, v.ImageSize, v.ImageSize, v.Channels))
			image = clip.EncodeImage(s, x, c).Embeddings
		}
		text := clip.EncodeText(s, Parameter(g, "ids", shapes.Make(dtypes.Int32, 1, c.Text.Context)), c)
		clip.Logits(s, image, text.Embeddings, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// initialised is a store of CLIP's weights, of random numbers that are always the same. To compile the model's own initial
// values takes longer than most tests.
func initialised(t *testing.T, c clip.Config) *model.Store {
	t.Helper()
	store := model.NewStore()
	build(t, store, c)
	r := rand.New(rand.NewPCG(1, 2))
	for v := range store.IterVariables() {
		dims := v.Shape().Dimensions
		values := make([]float32, v.Shape().Size())
		for i := range values {
			switch {
			case v.Name() == "logit_scale":
				values[i] = 2.66 // ln(1/0.07)
			case v.Name() == "gain":
				values[i] = 1
			case len(dims) == 2:
				values[i] = float32(r.NormFloat64() / math.Sqrt(float64(dims[0])))
			}
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, dims...)); err != nil {
			t.Fatal(err)
		}
	}
	return store
}
