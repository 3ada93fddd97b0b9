package clip_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/task"
)

// TestPresets pins the number of parameters of every preset; a preset that is not in the table fails. OpenAI's are the
// published numbers.
func TestPresets(t *testing.T) {
	want := map[string]int{
		"vit-b/32":   151_277_313,
		"vit-b/16":   149_620_737,
		"vit-l/14":   427_616_513,
		"mnist":      407_809,
		"mnist-demo": 193_873,
		"mnist-tiny": 77_841,
		"films":      338_017,
		"films-mean": 237_409,
	}
	for _, name := range slices.Sorted(maps.Keys(clip.Presets)) {
		c := clip.Presets[name]
		if err := c.Validate(); err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
		if n, ok := want[name]; !ok {
			t.Errorf("preset %s is not in this table: it has %d parameters", name, parameters(t, c))
		} else if got := parameters(t, c); got != n {
			t.Errorf("preset %s has %d parameters, want %d", name, got, n)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("preset %s is gone", name)
	}
}

func parameters(t *testing.T, c clip.Config) int {
	t.Helper()
	store := model.NewStore()
	build(t, store, c)
	return store.NumParameters()
}

func TestValidate(t *testing.T) {
	if err := small().Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(c *clip.Config){
		"clip: vision.image_size 4 is not a multiple of patch_size 3": func(c *clip.Config) { c.Vision.PatchSize = 3 },
		"clip: vision.width 16 is not a multiple of heads 3":          func(c *clip.Config) { c.Vision.Heads = 3 },
		"clip: text.mlp is 0":     func(c *clip.Config) { c.Text.MLP = 0 },
		"clip: text.vocab is 0":   func(c *clip.Config) { c.Text.Vocab = 0 },
		"clip: text.context is 1": func(c *clip.Config) { c.Text.Context = 1 },
		"clip: text.end_of_text is -2: it must be -1 or below text.vocab": func(c *clip.Config) { c.Text.EndOfText = -2 },
		"clip: text.end_of_text is 16":                                    func(c *clip.Config) { c.Text.EndOfText = 16 },
		"clip: projection is 0":                                           func(c *clip.Config) { c.Projection = 0 },
		"clip: temperature is 0":                                          func(c *clip.Config) { c.Temperature = 0 },
		"clip: temperature is 0.009: it must be at least 0.01":            func(c *clip.Config) { c.Temperature = 0.009 },
		"clip: temperature is NaN":                                        func(c *clip.Config) { c.Temperature = math.NaN() },
		"clip: temperature is +Inf":                                       func(c *clip.Config) { c.Temperature = math.Inf(1) },
	} {
		c := small()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for want, change := range map[string]func(c *clip.ClassifierConfig){
		"classifier: vision.channels is 0": func(c *clip.ClassifierConfig) { c.Vision.Channels = 0 },
		"classifier: classes is 1":         func(c *clip.ClassifierConfig) { c.Classes = 1 },
		"classifier: smoothing is 1":       func(c *clip.ClassifierConfig) { c.Smoothing = 1 },
		"classifier: smoothing is NaN":     func(c *clip.ClassifierConfig) { c.Smoothing = math.NaN() },
	} {
		c := clip.ClassifierConfig{Vision: small().Vision, Classes: 10}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestEmbeddings: they have length 1, and nothing behind the end-of-text token changes a text's, by either way to find it.
func TestEmbeddings(t *testing.T) {
	c := small()
	other := c
	other.Text.EndOfText = 15
	out := nntest.Run(t, backend, initialised(t, c), func(s *model.Scope, in []*Node) []*Node {
		return []*Node{clip.EncodeImage(s, in[0], c).Embeddings, clip.EncodeText(s, in[1], c).Embeddings,
			clip.EncodeText(s, in[1], other).Embeddings}
	}, tensors.FromFlatDataAndDimensions(ten(pictures{10, 10}), 10, 4, 4, 1), tensors.FromValue([][]int32{
		{1, 5, 15, 0}, {1, 5, 15, 7}, {1, 5, 15, 15}, {1, 6, 15, 0}, {1, 5, 3, 15},
	}))
	for i, x := range out {
		for row := range slices.Chunk(x, c.Projection) {
			length := 0.0
			for _, v := range row {
				length += v * v
			}
			if math.Abs(length-1) > 1e-5 {
				t.Errorf("an embedding of result %d has length %v, want 1", i, math.Sqrt(length))
			}
		}
	}
	for way, x := range out[1:] {
		text := slices.Collect(slices.Chunk(x, c.Projection))
		for i, same := range []bool{true, true, true, false, false} {
			d := 0.0
			for k := range text[0] {
				d = max(d, math.Abs(text[i][k]-text[0][k]))
			}
			if same && d > 1e-6 || !same && d < 1e-4 {
				t.Errorf("way %d: text %d is %g away from text 0; the same: %v", way, i, d, same)
			}
		}
	}
}

// TestPanics: inputs that the config does not describe are refused.
func TestPanics(t *testing.T) {
	for want, build := range map[string]func(s *model.Scope, g *Graph){
		"axis 1 has dimension 5, wanted 4": func(s *model.Scope, g *Graph) {
			clip.EncodeText(s, Zeros(g, shapes.Make(dtypes.Int32, 2, 5)), small())
		},
		"axis 2 has dimension 8, wanted 4": func(s *model.Scope, g *Graph) {
			clip.EncodeImage(s, Zeros(g, shapes.Make(dtypes.Float32, 2, 4, 8, 1)), small())
		},
		"axis 1 has dimension 9, wanted 8": func(s *model.Scope, g *Graph) {
			clip.Logits(s, Zeros(g, shapes.Make(dtypes.Float32, 2, 8)), Zeros(g, shapes.Make(dtypes.Float32, 2, 9)), small())
		},
	} {
		g := NewGraph(backend, want)
		err := task.Try(func() error { build(model.NewStore().RootScope(), g); return nil })
		g.Finalize()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
