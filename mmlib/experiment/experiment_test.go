package experiment_test

import (
	"path/filepath"
	"strings"
	"testing"

	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// TestStartFrom: a classifier takes the tower of a pretrained run, and of nothing else.
func TestStartFrom(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clip")
	pretraining, err := models.Preset(models.CLIP, "mnist-tiny")
	if err != nil {
		t.Fatal(err)
	}
	pretraining.Data.Name = "fashion-mnist"
	config, err := models.Complete(models.CLIP, "mnist-tiny", 1, pretraining)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := experiment.Create(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	settings, err := models.Preset(models.Classifier, "mnist-tiny-probe")
	if err != nil {
		t.Fatal(err)
	}
	init, err := experiment.StartFrom(dir, &settings)
	if err != nil || init != dir {
		t.Errorf("init %q, error %v, want %q", init, err, dir)
	}
	if got := settings.Model.(*clip.ClassifierConfig).Vision; got != clip.Presets["mnist-tiny"].Vision || settings.Data.Name != "fashion-mnist" {
		t.Errorf("the tower is %+v, the data %s", got, settings.Data.Name)
	}

	if _, err := experiment.StartFrom(dir, &pretraining); err == nil || !strings.Contains(err.Error(), "a classifier alone can start from") {
		t.Errorf("a CLIP from a CLIP: error %v", err)
	}
	other := filepath.Join(t.TempDir(), "other")
	folder, err = run.Create(other, run.Config{Task: models.Classifier, Data: config.Data, Training: config.Training})
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := experiment.StartFrom(other, &settings); err == nil || !strings.Contains(err.Error(), "holds a classifier, not a pretrained clip") {
		t.Errorf("from a classifier: error %v", err)
	}
}
