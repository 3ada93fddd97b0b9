package parti_test

import (
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/parti"
)

// TestPresets pins the number of parameters of every preset, the first stage's among them; a preset that is not in the table fails.
func TestPresets(t *testing.T) {
	want := map[string]int{"mnist": 1_550_368, "mnist-tiny": 236_288}
	for name, c := range parti.Presets {
		check.Must(t, c.Validate())
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
	job, err := parti.NewPretraining(c, ten{})
	check.Must(t, err)
	_, err = job.Batch([]int{9}, nil)
	check.Error(t, err, "the id 11", "text.vocab (9)")
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
