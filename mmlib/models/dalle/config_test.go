package dalle_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/dalle"
	"gomm/mmlib/task"
)

// blocks are the parameters of the published sizes, without the vectors of tokens and places.
var blocks = map[string]int{"dalle": 12_095_479_808}

// TestPublished pins the published sizes, by the weights of their blocks, which are built and not filled.
func TestPublished(t *testing.T) {
	for name, want := range blocks {
		c, store := dalle.Presets[name], model.NewStore()
		g := NewGraph(backend, "weights")
		model.SetStore(g, store)
		score := (&dalle.Predictor{Config: c, Weights: store}).Funcs()
		f := score[slices.IndexFunc(score, func(f task.Func) bool { return f.Name == "score" })]
		var in []*Node
		for _, shape := range f.In {
			in = append(in, Zeros(g, shapes.Make(shape.DType, append([]int{1}, shape.Dimensions...)...)))
		}
		f.Graph(store.RootScope(), in)
		n := 0
		for v := range store.IterVariables() {
			if strings.Contains(v.Path(), "/block") {
				n += v.Shape().Size()
			}
		}
		if n != want {
			t.Errorf("preset %s has %d parameters in its blocks, want %d", name, n, want)
		}
		g.Finalize()
	}
}

// TestPresets pins the number of parameters of every preset, the first stage's among them; a preset that is not in the table fails.
func TestPresets(t *testing.T) {
	want := map[string]int{"mnist": 1_160_405, "mnist-tiny": 173_173, "scenes": 1_706_924}
	for name, c := range dalle.Presets {
		check.Must(t, c.Validate())
		if _, ok := blocks[name]; ok {
			continue
		}
		if n := random(t, c).Weights.NumParameters(); want[name] != n {
			t.Errorf("preset %s has %d parameters, want %d", name, n, want[name])
		}
	}
	for name := range want {
		if _, ok := dalle.Presets[name]; !ok {
			t.Errorf("preset %s is gone", name)
		}
	}
}

// TestRefuses: what is out of range is named, with its value.
func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(*dalle.Config){
		"image.image_size is 0": func(c *dalle.Config) { c.Image.ImageSize = 0 },
		"stream.width 32":       func(c *dalle.Config) { c.Stream.Heads = 3 },
		"text.vocab is 0":       func(c *dalle.Config) { c.Text.Vocab = 0 },
		"text.context is 0":     func(c *dalle.Config) { c.Text.Context = 0 },
		"text.pad is 12":        func(c *dalle.Config) { c.Text.Pad = 12 },
		"text.start is -1":      func(c *dalle.Config) { c.Text.Start = -1 },
		"text_weight is 1":      func(c *dalle.Config) { c.TextWeight = 1 },
	} {
		c := small()
		check.Must(t, c.Validate())
		change(&c)
		check.Error(t, c.Validate(), want)
	}
	_, err := dalle.NewPretraining(dalle.Presets["mnist"], ten{})
	check.Error(t, err, "8×8 pixels", "28×28 pixels")
	c := small()
	c.Text.Vocab = 9
	_, err = dalle.NewPretraining(c, ten{})
	check.Error(t, err, "the id ", "text.vocab (9)")
	c.Text.Vocab, c.Text.Context = 12, 4
	_, err = dalle.NewPretraining(c, ten{})
	check.Error(t, err, "has 3 ids, text.context is 4")
}
