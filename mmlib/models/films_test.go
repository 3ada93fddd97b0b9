package models_test

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// TestFilms: films come with as many frames as the model reads, which its run folder keeps; and films are measured by retrieval.
func TestFilms(t *testing.T) {
	for _, preset := range []string{"films", "films-mean"} {
		s, err := models.Preset("clip", preset)
		check.Must(t, err)
		check.Must(t, run.Set(&s, "film.frames", "5"))
		check.Must(t, run.Set(&s, "data.languages", "en,zh"))
		files := models.Files{}
		j, err := trainJob(t, s, files)
		check.Must(t, err)
		frames, h, _, c := j.Splits[data.Validation].(*scenes.Films).Shape()
		config := j.Settings.Model.(*clip.Config)
		if frames != 5 || h != 64 || c != 3 || !strings.Contains(string(files[models.PreprocessFile]), `"frames": 5`) {
			t.Errorf("%s: films of %d frames, %d pixels, %d channels; pictures by %s", preset, frames, h, c, files[models.PreprocessFile])
		}
		m, err := models.Kinds()["clip"].Open(j.Settings, files, model.NewStore())
		check.Must(t, err)
		for i := range 200 {
			ids, err := m.IDs(j.Splits[data.Test].(*scenes.Films).Caption(i, nil))
			check.Must(t, err)
			if len(ids) != config.Text.Context {
				t.Fatalf("a caption has %d ids", len(ids))
			}
		}
		if _, err := trainJob(t, j.Settings, files); err != nil {
			t.Errorf("resumed: %v", err)
		}
		k := models.Kinds()["clip"]
		if got := k.MeasureOf(s); got != "retrieval" {
			t.Errorf("%s is measured by %s", preset, got)
		}
	}
	s, err := models.Preset("clip", "mnist")
	check.Must(t, err)
	if got := models.Kinds()["clip"].MeasureOf(s); got != "zero-shot" {
		t.Errorf("mnist is measured by %s", got)
	}
}
