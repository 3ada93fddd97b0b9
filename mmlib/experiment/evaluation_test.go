package experiment_test

import (
	"math"
	"strings"
	"testing"

	"gomm/mmlib/experiment"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// TestBrief: a brief evaluation has the same figures, without those that take long.
func TestBrief(t *testing.T) {
	b := open(t)
	s, err := models.Preset("clip", "films")
	check.Must(t, err)
	for _, kv := range []string{
		"film.frames=2", "vision.width=16", "vision.layers=1", "vision.mlp=16", "text.width=16", "text.layers=1", "text.mlp=16",
		"data.train=8", "data.validation=8", "data.test=8", "steps=2", "warmup=1", "batch_size=8",
	} {
		key, value, _ := strings.Cut(kv, "=")
		check.Must(t, run.Set(&s, key, value))
	}
	dir := trained(t, b, s)
	whole, err := experiment.Evaluate(t.Context(), b, dir, experiment.On{})
	check.Must(t, err)
	brief, err := experiment.Evaluate(t.Context(), b, dir, experiment.On{Brief: true})
	check.Must(t, err)
	const long = "text_to_film_r1_reversed"
	if math.IsNaN(whole.Figure(long).Value) || !math.IsNaN(brief.Figure(long).Value) {
		t.Errorf("%s is %+v, and %+v in a brief evaluation", long, whole.Figure(long), brief.Figure(long))
	}
	if len(brief.Figures()) == 0 {
		t.Error("a brief evaluation has no figures")
	}
	for _, f := range brief.Figures() {
		if want := whole.Figure(f.Key); f.Value != want.Value || f.Total != want.Total {
			t.Errorf("%s is %+v, and %+v in a brief evaluation", f.Key, want, f)
		}
	}
}
