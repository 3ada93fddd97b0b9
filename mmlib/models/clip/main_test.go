package clip_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/check"
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

// config reads transformers' CLIPConfig, which a golden file has among its metadata.
func config(t *testing.T, f *golden.File) clip.Config {
	t.Helper()
	c, err := clip.TransformersConfig([]byte(strings.Replace(f.Metadata["config"], "{", `{"model_type": "clip", `, 1)))
	check.Must(t, err)
	return c
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
