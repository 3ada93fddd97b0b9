package dalle_test

import (
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/dalle"
)

// TestPresets pins the number of parameters of every preset, the first stage's among them; a preset that is not in the table fails.
func TestPresets(t *testing.T) {
	want := map[string]int{"mnist": 1_160_405, "mnist-tiny": 173_173}
	for name, c := range dalle.Presets {
		check.Must(t, c.Validate())
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
	job, err := dalle.NewPretraining(c, ten{})
	check.Must(t, err)
	_, err = job.Batch([]int{9}, nil)
	check.Error(t, err, "the id 11", "text.vocab (9)")
	c.Text.Vocab, c.Text.Context = 12, 4
	_, err = dalle.NewPretraining(c, ten{})
	check.Error(t, err, "has 3 ids, text.context is 4")
}
