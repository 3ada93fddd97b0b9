package run

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
)

func TestLoadIntoBuiltModel(t *testing.T) {
	f, _ := newRun(t, 2)
	check.Must(t, f.Save(storeOf(t, 5), 5, nil))
	s := storeOf(t, 1)
	before := s.GetVariable("/vision/weights")
	_, err := f.Load(s)
	check.Must(t, err)
	if s.GetVariable("/vision/weights") != before {
		t.Error("the variable was replaced; compiled graphs would keep the old one")
	}
	want, _ := Digest(storeOf(t, 5))
	if got, _ := Digest(s); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	other := model.NewStore()
	newVariable(t, other, "/logit_scale", float32(1))
	newVariable(t, other, "/vision/weights", []float32{1})
	_, err = f.Load(other)
	check.Error(t, err, "/vision/weights", "[2, 3]", "[1]", "config.json")
	if x := other.GetVariable("/logit_scale").MustValue().Value(); x != float32(1) {
		t.Errorf("a load that failed changed /logit_scale to %v", x)
	}
}

func TestLoadWeights(t *testing.T) {
	f, _ := newRun(t, 3)
	f.Best = "accuracy"
	for i, accuracy := range []float64{0.5, 0.9, 0.7} {
		step := int64(i + 1)
		check.Must(t, f.Save(storeOf(t, step), step, map[string]float64{"accuracy": accuracy, "loss": accuracy}))
	}
	s := model.NewStore()
	step, err := f.LoadWeights(s)
	check.Must(t, err)
	if step != 2 {
		t.Errorf("LoadWeights used step %d, want 2, the best", step)
	}
	var paths []string
	for v := range s.IterVariables() {
		paths = append(paths, v.Path())
		if !v.Trainable {
			t.Errorf("%s is frozen, but the new training did not say so", v.Path())
		}
	}
	slices.Sort(paths)
	if want := []string{"/logit_scale", "/text/frozen", "/vision/biases", "/vision/weights"}; !slices.Equal(paths, want) {
		t.Errorf("loaded %v, want %v", paths, want)
	}
}

// TestBestDamaged: without the manifest of the best checkpoint another is used, and a warning names the file.
func TestBestDamaged(t *testing.T) {
	f, warnings := newRun(t, 3)
	f.Best = "accuracy"
	for i, accuracy := range []float64{0.5, 0.9, 0.7} {
		step := int64(i + 1)
		check.Must(t, f.Save(storeOf(t, step), step, map[string]float64{"accuracy": accuracy}))
	}
	path := f.Path("checkpoints", "00000002", "manifest.json")
	data, err := os.ReadFile(path)
	check.Must(t, err)
	for name, damage := range map[string]func() error{
		"a flipped digit": func() error { return os.WriteFile(path, bytes.Replace(data, []byte("0.9"), []byte("0.8"), 1), 0o666) },
		"half a file":     func() error { return os.WriteFile(path, data[:len(data)/2], 0o666) },
		"no file":         func() error { return os.Remove(path) },
	} {
		*warnings = nil
		check.Must(t, damage())
		step, err := f.LoadWeights(model.NewStore())
		check.Must(t, err)
		if step != 3 || len(*warnings) != 1 || !strings.Contains((*warnings)[0], path) ||
			!strings.Contains((*warnings)[0], "step 3 is used instead") {
			t.Errorf("%s: step %d, warnings %q", name, step, *warnings)
		}
		check.Must(t, os.WriteFile(path, data, 0o666))
	}
}
