package parti_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/parti"
	"gomm/mmlib/task"
)

// blocks are the parameters of the published sizes, without the vectors of tokens and places.
var blocks = map[string]int{"350m": 352_714_752, "750m": 755_834_880, "3b": 3_021_619_200, "20b": 20_406_927_360}

// TestPublished pins the published sizes, by the weights of their blocks, which are built and not filled.
func TestPublished(t *testing.T) {
	for name, want := range blocks {
		c, store := parti.Presets[name], model.NewStore()
		g := NewGraph(backend, "weights")
		model.SetStore(g, store)
		score := (&parti.Predictor{Config: c, Weights: store}).Funcs()
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
	want := map[string]int{"mnist": 1_550_368, "mnist-tiny": 236_288, "scenes": 2_213_027}
	for name, c := range parti.Presets {
		check.Must(t, c.Validate())
		if _, ok := blocks[name]; ok {
			continue
		}
		if n := random(t, c).Weights.NumParameters(); want[name] != n {
			t.Errorf("preset %s has %d parameters, want %d", name, n, want[name])
		}
	}
	for name := range want {
		if _, ok := parti.Presets[name]; !ok {
			t.Errorf("preset %s is gone", name)
		}
	}
}

// TestRefuses: what is out of range is named, with its value.
func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(*parti.Config){
		"image.image_size is 0": func(c *parti.Config) { c.Image.ImageSize = 0 },
		"decoder.width 32":      func(c *parti.Config) { c.Decoder.Heads = 3 },
		"text.width 32":         func(c *parti.Config) { c.Text.Heads = 3 },
		"text.vocab is 0":       func(c *parti.Config) { c.Text.Vocab = 0 },
		"text.context is 0":     func(c *parti.Config) { c.Text.Context = 0 },
		"text.pad is 13":        func(c *parti.Config) { c.Text.Pad = 13 },
		"text.end is 0":         func(c *parti.Config) { c.Text.End = 0 },
		"drop is 1":             func(c *parti.Config) { c.Drop = 1 },
	} {
		c := small()
		check.Must(t, c.Validate())
		change(&c)
		check.Error(t, c.Validate(), want)
	}
	_, err := parti.NewPretraining(parti.Presets["mnist"], ten{})
	check.Error(t, err, "8×8 pixels", "28×28 pixels")
	c := small()
	c.Text.Vocab = 9
	_, err = parti.NewPretraining(c, ten{})
	check.Error(t, err, "the id ", "text.vocab (9)")
	c.Text.Vocab, c.Text.Context = 13, 4
	_, err = parti.NewPretraining(c, ten{})
	check.Error(t, err, "has 3 ids, text.context is 4")
	p := &parti.Predictor{Config: small()}
	_, _, err = p.Begin([][]int32{caption(0)}, -1)
	check.Error(t, err, "guidance is -1")
	p.Config.Drop = 0
	_, _, err = p.Begin([][]int32{caption(0)}, 2)
	check.Error(t, err, "guidance is 2", "model.drop is 0")
}
