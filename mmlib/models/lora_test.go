package models_test

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// TestMerge: every kind of model that LoRA can adapt can be had without it again, and a run that begins from an adapted one has
// none.
func TestMerge(t *testing.T) {
	adapted := func(kind string) (s models.Settings, ranks int) {
		s, err := models.Preset(kind, "")
		check.Must(t, err)
		for _, key := range run.Keys(&s) {
			if strings.HasSuffix(key, "lora.rank") {
				check.Must(t, run.Set(&s, key, "2"))
				ranks++
			}
		}
		check.Must(t, s.Validate())
		return s, ranks
	}
	for kind := range models.Kinds() {
		s, ranks := adapted(kind)
		if !strings.Contains(show(s), "lora") || ranks == 0 {
			continue
		}
		check.Must(t, s.Merge(model.NewStore()))
		if strings.Contains(show(s), "lora") {
			t.Errorf("%s: merged, the settings are still %s", kind, show(s))
		}
	}

	from, ranks := adapted("fusion")
	config, err := from.Config()
	check.Must(t, err)
	dir := t.TempDir() + "/fusion"
	f, err := run.Create(dir, config, nil)
	check.Must(t, err)
	check.Must(t, f.Close())
	s, err := models.Preset("vqa", "")
	check.Must(t, err)
	check.Must(t, s.StartFrom(dir))
	if strings.Contains(show(s), "lora") || ranks != 2 {
		t.Errorf("LoRA of %d stacks is taken over: %s", ranks, show(s))
	}
}
