package experiment_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// tuning are the settings of a classifier on the tiny CLIP in from, with changes on top.
func tuning(t *testing.T, from string, changes ...string) models.Settings {
	t.Helper()
	s, err := models.Preset("classifier", "mnist-tiny-full")
	check.Must(t, err)
	check.Must(t, s.StartFrom(from))
	for _, kv := range append([]string{"data.limit=50", "data.validation=30", "steps=3", "warmup=0", "batch_size=8"}, changes...) {
		key, value, _ := strings.Cut(kv, "=")
		check.Must(t, run.Set(&s, key, value))
	}
	check.Must(t, s.Validate())
	return s
}

// train makes a run of the settings, trains it, and returns its folder and what it said.
func train(t *testing.T, b compute.Backend, s models.Settings) (dir, said string, trained experiment.Trained) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "tuned")
	r, err := experiment.Create(t.Context(), b, dir, s, data.Options{})
	check.Must(t, err)
	var lines []string
	trained, err = r.Train(t.Context(), experiment.Options{Message: func(text string) { lines = append(lines, text) }})
	check.Must(t, err)
	return dir, strings.Join(lines, "\n"), trained
}

func stored(t *testing.T, dir string) map[string][]float32 {
	t.Helper()
	f, err := run.Open(dir)
	check.Must(t, err)
	store := model.NewStore()
	_, err = f.LoadWeights(store)
	check.Must(t, err)
	values := map[string][]float32{}
	for v := range store.IterVariables() {
		values[v.Path()] = tensors.MustCopyFlatData[float32](v.MustValue())
	}
	return values
}

// TestLoRA: with LoRA the pretrained weights stay as they are, to the bit, while low-rank terms and the new head are trained;
// resumed, the run ends with the same weights; opened for use, it has no low-rank terms and computes the same.
func TestLoRA(t *testing.T) {
	t.Setenv(compute.ConfigEnvVar, "go") // which has nothing to compile
	b := open(t)
	from := pretrained(t, b)
	s := tuning(t, from, "vision.lora.rank=2", "save_every=2")
	dir, said, trained := train(t, b, s)
	// Query and value, 2·(16+16) each, and the head, 10·16+10.
	for _, want := range []string{"starting from", "of no use here: /image_projection/weights [16 8], /logit_scale [], ", "/text/",
		"new, from random values: /head/biases [10], /head/weights [16 10]", "training 298 of ", " parameters, "} {
		if !strings.Contains(said, want) {
			t.Errorf("it says %q, want %q in it", said, want)
		}
	}
	before, after := stored(t, from), stored(t, dir)
	for path, values := range after {
		was, pretrained := before[path]
		if pretrained != strings.HasPrefix(path, "/vision/") && !strings.Contains(path, "/lora/") {
			t.Errorf("the run has %s, which is of no use to it", path)
		}
		if pretrained && !slices.Equal(values, was) {
			t.Errorf("%s is pretrained and was changed", path)
		}
		if !pretrained && slices.Max(values) == slices.Min(values) {
			t.Errorf("%s was not trained: it is %v everywhere", path, values[0])
		}
	}
	if len(after) != len(before)-countPrefix(before, "/vision/", false)+2+4 {
		t.Errorf("the run has the weights of %d paths", len(after))
	}

	check.Must(t, os.RemoveAll(filepath.Join(dir, "checkpoints", "00000003"))) // as one that was killed before
	r, err := experiment.Resume(t.Context(), b, dir, data.Options{})
	check.Must(t, err)
	again, err := r.Train(t.Context(), experiment.Options{})
	check.Must(t, err)
	if again.Digest != trained.Digest {
		t.Errorf("resumed after step 2 it ends with %s, unbroken with %s", again.Digest, trained.Digest)
	}

	m, err := models.Open(dir)
	check.Must(t, err)
	config := m.Settings.Model.(*clip.ClassifierConfig)
	for v := range m.Store().IterVariables() {
		if strings.Contains(v.Path(), "/lora/") {
			t.Errorf("opened, it still has %s", v.Path())
		}
	}
	f, err := run.Open(dir)
	check.Must(t, err)
	weights := model.NewStore()
	_, err = f.LoadWeights(weights)
	check.Must(t, err)
	unmerged := &clip.Classifier{Config: *config, Weights: weights}
	unmerged.Config.Vision.LoRA.Rank = 2
	pixels := make([]float32, 28*28)
	for i := range pixels {
		pixels[i] = float32(math.Sin(float64(i)))
	}
	var probabilities [2][]float32
	for i, p := range []*clip.Classifier{unmerged, {Config: *config, Weights: m.Store()}} {
		session, err := infer.Open(b, p, []string{"classify"}, 1)
		check.Must(t, err)
		probabilities[i], err = infer.Call(session, "classify", 1, pixels)
		check.Must(t, err)
	}
	for k, p := range probabilities[0] {
		if math.Abs(float64(p-probabilities[1][k])) > 1e-5 {
			t.Errorf("class %d has the probability %v, opened for use %v", k, p, probabilities[1][k])
		}
	}
	e, err := experiment.Evaluate(t.Context(), b, dir, experiment.On{Split: data.Validation})
	check.Must(t, err)
	if e.Label != "fine-tuned with LoRA" {
		t.Errorf("the report calls the run %q", e.Label)
	}
}

func countPrefix(weights map[string][]float32, prefix string, has bool) (n int) {
	for path := range weights {
		if strings.HasPrefix(path, prefix) == has {
			n++
		}
	}
	return n
}

// TestTuningRefuses: settings of fine-tuning that cannot work are refused before there is a folder.
func TestTuningRefuses(t *testing.T) {
	t.Setenv(compute.ConfigEnvVar, "go")
	b := open(t)
	from := pretrained(t, b)
	for _, test := range []struct {
		change string
		words  []string
	}{
		{"vision.mlp=24", []string{from, "of another shape:\n    /vision/block0/mlp/in/biases [16] and not [24]\n",
			"/vision/block0/mlp/in/weights [16 16] and not [16 24]\n", "/vision/block0/mlp/out/weights [16 16] and not [24 16]\n",
			"missing:\n    /head/biases [10]\n", "unused:\n    /image_projection/weights [16 8]\n", "/text/token"}},
		{"training.patience=2", []string{"training.patience is 2", "no validation split", "data.validation"}},
		{"vision.lora.rank=2", []string{`training.frozen is ["/vision"]`, "LoRA itself freezes"}},
	} {
		s := tuning(t, from, test.change)
		if s.Training.Patience > 0 {
			check.Must(t, run.Set(&s, "data.validation", "0"))
		}
		if s.Model.(*clip.ClassifierConfig).Vision.LoRA.Rank > 0 {
			s.Training.Frozen = []string{"/vision"}
		}
		dir := filepath.Join(t.TempDir(), "refused")
		_, err := experiment.Create(t.Context(), b, dir, s, data.Options{})
		check.Error(t, err, test.words...)
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: a refused run left its folder (%v)", test.change, err)
		}
	}
	_, err := experiment.Create(t.Context(), b, filepath.Join(t.TempDir(), "clip"), tiny(t, "vision.lora.rank=2"), data.Options{})
	check.Error(t, err, "lora.rank of /vision is not 0", "no pretrained weights", "start from another run")
}

// TestLayers: another depth than the checkpoint's is no error; what is missing and what is left over is said.
func TestLayers(t *testing.T) {
	t.Setenv(compute.ConfigEnvVar, "go")
	b := open(t)
	from := pretrained(t, b)
	for change, want := range map[string]string{
		"vision.layers=2": "/vision/… (12)", // the second block's
		"vision.layers=0": "of no use here: /image_projection/weights [16 8], /logit_scale [], ",
	} {
		if _, said, _ := train(t, b, tuning(t, from, change, "steps=1")); !strings.Contains(said, want) {
			t.Errorf("%s: it says %q, want %q in it", change, said, want)
		}
	}
}

// TestPatience: a run that stops early says so, in its messages, its summary and its metrics.
func TestPatience(t *testing.T) {
	t.Setenv(compute.ConfigEnvVar, "go")
	b := open(t)
	dir, said, trained := train(t, b, tuning(t, pretrained(t, b), "steps=50", "save_every=1", "patience=2", "learning_rate=1e-9",
		"layer_decay=0.5"))
	const why = "no better accuracy in 2 validations since step 1"
	if trained.Steps != 3 || trained.StoppedEarly != why || !strings.Contains(said, "stopped after step 3: "+why) {
		t.Errorf("it ends after %d steps, because of %q, and says %q", trained.Steps, trained.StoppedEarly, said)
	}
	if again, err := experiment.ReadTrained(dir); err != nil || fmt.Sprint(again) != fmt.Sprint(trained) {
		t.Errorf("%s says %+v (%v), want %+v", experiment.TrainedFile, again, err, trained)
	}
	r, err := experiment.Resume(t.Context(), b, dir, data.Options{})
	check.Must(t, err)
	again, err := r.Train(t.Context(), experiment.Options{})
	check.Must(t, err)
	if again.Steps != 3 || again.StoppedEarly != why || again.Digest != trained.Digest {
		t.Errorf("resumed, it goes on: %+v", again)
	}
}
