package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
)

// TestMain turns the test binary into a trainer when asked to be one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("GOMM_RUN_TEST_TRAINER"); dir != "" {
		trainForEver(dir)
	}
	os.Exit(m.Run())
}

func validConfig() Config {
	return Config{
		Kind: "clip", Preset: "mnist-tiny", Seed: 1,
		Data: json.RawMessage(`{"name":"mnist"}`),
		Training: &Training{
			Steps: 100, BatchSize: 64, LearningRate: 1e-3, Warmup: 10, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6,
			SaveEvery: 10, LogEvery: 1, Keep: 2,
		},
		Model: json.RawMessage(`{"projection":64}`),
	}
}

// storeOf makes a store as training leaves it after the given step; every value depends on the step.
func storeOf(t testing.TB, step int64) *model.Store {
	t.Helper()
	x := float32(step)
	s := model.NewStore()
	newVariable(t, s, "/vision/weights", [][]float32{{x, x + 1, x + 2}, {-x, 0, 1}})
	newVariable(t, s, "/vision/biases", []float32{x})
	newVariable(t, s, "/text/frozen", []float64{float64(step), 7}).SetTrainable(false)
	newVariable(t, s, "/logit_scale", x)
	newVariable(t, s, "/AdamOptimizer/vision/weights_1st_moment", [][]float32{{x, x, x}, {x, x, x}}).SetTrainable(false)
	newVariable(t, s, "/optimizers/learning_rate", x/8).SetTrainable(false)
	newVariable(t, s, "/global_step", step).SetTrainable(false)
	newVariable(t, s, "/#rngState", []uint64{uint64(step), 2, 3}).SetTrainable(false)
	newVariable(t, s, "/metrics/moving-4711", x).SetTrainable(false)
	newVariable(t, s, "/trainer/running", x).SetTrainable(false)
	return s
}

func newVariable(t testing.TB, s *model.Store, path string, value any) *model.Variable {
	t.Helper()
	tensor, err := tensors.FromAnyValue(value)
	check.Must(t, err)
	v, err := s.CreateVariable(path, tensor)
	check.Must(t, err)
	return v
}

// newRun creates a run, whose warnings are collected.
func newRun(t testing.TB, keep int) (*Folder, *[]string) {
	t.Helper()
	c := validConfig()
	c.Training.Keep = keep
	f, err := Create(filepath.Join(t.TempDir(), "run"), c, nil)
	check.Must(t, err)
	t.Cleanup(func() { f.Close() })
	return f, collect(f)
}

func collect(f *Folder) *[]string {
	warnings := &[]string{}
	f.Warn = func(message string) { *warnings = append(*warnings, message) }
	return warnings
}

// wantState loads everything and compares it with what storeOf makes of the step.
func wantState(t testing.TB, f *Folder, step int64) {
	t.Helper()
	s := model.NewStore()
	got, err := f.Load(s)
	check.Must(t, err)
	if got != step {
		t.Fatalf("Load used step %d, want %d", got, step)
	}
	want, err := variables(storeOf(t, step))
	check.Must(t, err)
	have, err := variables(s)
	check.Must(t, err)
	compare(t, have, want)
}

func compare(t testing.TB, have, want []variable) {
	t.Helper()
	if len(have) != len(want) {
		t.Fatalf("%d variables, want %d", len(have), len(want))
	}
	for i, w := range want {
		h := have[i]
		if h.path != w.path || !h.value.Equal(w.value) {
			t.Fatalf("%s is %v, want %s = %v", h.path, h.value, w.path, w.value)
		}
		if h.trainable != w.trainable {
			t.Errorf("%s: trainable is %v, want %v", h.path, h.trainable, w.trainable)
		}
	}
}

func TestCreateOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "first")
	f, err := Create(dir, validConfig(), map[string][]byte{"tokenizer.json": []byte("words")})
	check.Must(t, err)
	check.Must(t, f.WriteFile("pictures/0001.txt", []byte("a seven")))
	check.Must(t, f.WriteSummary(map[string]float64{"accuracy": 0.975}))
	check.Must(t, f.Close())
	check.Must(t, f.Close())

	_, err = Create(dir, validConfig(), nil)
	check.Error(t, err, dir, "resume it", "another folder")

	g, err := Open(dir)
	check.Must(t, err)
	config := validConfig()
	config.Files = []string{"tokenizer.json"}
	want, _ := json.Marshal(config)
	if got, _ := json.Marshal(g.Config()); string(got) != string(want) {
		t.Errorf("config is %s, want %s", got, want)
	}
	for name, want := range map[string]string{"tokenizer.json": "words", "pictures/0001.txt": "a seven",
		"summary.json": "{\n  \"accuracy\": 0.975\n}\n"} {
		if data, err := os.ReadFile(g.Path(name)); err != nil || string(data) != want {
			t.Errorf("%s is %q (%v), want %q", name, data, err, want)
		}
	}
	if g.Path() != dir {
		t.Errorf("Path() is %s, want %s", g.Path(), dir)
	}
	check.Error(t, g.Save(storeOf(t, 1), 1, nil), "reading", "Resume")
	check.Error(t, g.Log(1, nil), "reading")
	check.Error(t, f.Save(storeOf(t, 1), 1, nil), "closed")
}

func TestFoldersRefused(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	check.Error(t, err, dir, "not a run folder", "name one that holds a run")
	_, err = Resume(filepath.Join(dir, "nowhere"))
	check.Error(t, err, "nowhere")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
	check.Must(t, os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o666))
	_, err = Create(dir, validConfig(), nil)
	check.Error(t, err, "thesis.tex", "another folder")

	config := func(text string) error {
		check.Must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o666))
		_, err := Open(dir)
		return err
	}
	check.Error(t, config(`{"kind":"clip","trainin":{}}`), "trainin", "training.steps", "config.json")
	check.Error(t, config(`{"kind":"clip","data":{"name":"mnist"},"training":{"steps":0}}`), "training.steps is 0", "config.json")
	check.Error(t, config(`{"kind":"cl`), "JSON", "config.json")
}

// TestFiles: what the model cannot be used without comes back from the folder, and is an error when it is gone.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	want := map[string][]byte{"tokenizer.json": []byte("words"), "classes.json": []byte("[]")}
	f, err := Create(dir, validConfig(), want)
	check.Must(t, err)
	check.Must(t, f.Close())
	g, err := Open(dir)
	check.Must(t, err)
	got, err := g.Files()
	check.Must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the files are %q, want %q", got, want)
	}
	check.Must(t, os.Remove(filepath.Join(dir, "classes.json")))
	_, err = g.Files()
	check.Error(t, err, "a file that the model needs", "classes.json")
	for _, name := range []string{"../x", "/tmp/x", "", ".", "config.json", "checkpoints/x", "metrics.jsonl", ".lock"} {
		_, err := Create(filepath.Join(t.TempDir(), "run"), validConfig(), map[string][]byte{name: nil})
		check.Error(t, err, "files", fmt.Sprintf("%q", name))
		check.Must(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"kind":"clip","files":[%q]}`, name), 0o666))
		_, err = Open(dir)
		check.Error(t, err, "files", fmt.Sprintf("%q", name), "config.json")
	}
}

// TestImported: a run without training, of weights that came from elsewhere, is made, opened, and loaded.
func TestImported(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f, err := Create(dir, Config{Kind: "clip"}, nil)
	check.Must(t, err)
	check.Must(t, f.Save(storeOf(t, 0), 0, nil))
	check.Must(t, f.Close())
	g, err := Open(dir)
	check.Must(t, err)
	if g.Config().Training != nil {
		t.Errorf("the run has the training %+v", g.Config().Training)
	}
	step, err := g.LoadWeights(model.NewStore())
	check.Must(t, err)
	if step != 0 {
		t.Errorf("the weights are of step %d", step)
	}
}

// TestOld: a run folder of the first version is refused with what to do.
func TestOld(t *testing.T) {
	dir := t.TempDir()
	check.Must(t, os.WriteFile(filepath.Join(dir, "config.json"),
		[]byte(`{"task":"clip","data":{"name":"mnist"},"training":{"steps":3},"model":{}}`), 0o666))
	_, err := Open(dir)
	check.Error(t, err, dir, "earlier version", "train it again in another folder", "config.json")
}

func TestVacant(t *testing.T) {
	dir := t.TempDir()
	check.Must(t, Vacant(dir))
	check.Must(t, Vacant(filepath.Join(dir, "new")))
	check.Must(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o666))
	check.Error(t, Vacant(dir), "notes.txt", "another folder")
	f, _ := newRun(t, 1)
	check.Error(t, Vacant(f.Path()), "already holds a run", "resume it")
}

func TestWriteFileNames(t *testing.T) {
	f, _ := newRun(t, 2)
	for _, name := range []string{"../x", "/tmp/x", "", ".", "pictures/../../x", "config.json", "./config.json", "checkpoints/1/x",
		"metrics.jsonl", ".lock"} {
		check.Error(t, f.WriteFile(name, nil), "cannot write")
	}
}

func TestOneTrainer(t *testing.T) {
	f, _ := newRun(t, 2)
	check.Must(t, f.Save(storeOf(t, 3), 3, nil))
	_, err := Resume(f.Path())
	check.Error(t, err, "another process is training in", f.Path(), "process", "another folder")
	reader, err := Open(f.Path())
	check.Must(t, err)
	wantState(t, reader, 3)
	check.Must(t, f.Close())
	g, err := Resume(f.Path())
	check.Must(t, err)
	wantState(t, g, 3)
	check.Must(t, g.Close())
}

func TestNoCheckpointYet(t *testing.T) {
	f, _ := newRun(t, 2)
	check.Must(t, f.Log(1, nil))
	_, err := f.Load(model.NewStore())
	if !errors.Is(err, ErrNoCheckpoint) {
		t.Fatalf("Load: %v, want ErrNoCheckpoint", err)
	}
	if points, err := f.ReadMetrics(); err != nil || len(points) != 0 {
		t.Errorf("metrics %v (%v) survive, though training starts at step 0", points, err)
	}
	if _, err := f.LoadWeights(model.NewStore()); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("LoadWeights: %v, want ErrNoCheckpoint", err)
	}
}

func TestSaveRefuses(t *testing.T) {
	f, _ := newRun(t, 2)
	check.Error(t, f.Save(nil, 1, nil), "nil")
	check.Error(t, f.Save(model.NewStore(), 1, nil), "no variables")
	check.Error(t, f.Save(storeOf(t, 1), -1, nil), "-1")
	s := storeOf(t, 1)
	check.Must(t, s.GetVariable("/logit_scale").Reset())
	check.Error(t, f.Save(s, 1, nil), "/logit_scale", "not initialised")
	_, err := Digest(s)
	check.Error(t, err, "/logit_scale")
	_, err = f.Load(nil)
	check.Error(t, err, "nil")
}

func TestDigest(t *testing.T) {
	a, b := storeOf(t, 1), storeOf(t, 1)
	newVariable(t, b, "/metrics/moving-4712", float32(9))
	check.Must(t, b.GetVariable("/global_step").SetValue(tensors.FromValue(int64(9))))
	check.Must(t, b.GetVariable("/text/frozen").SetValue(tensors.FromValue([]float64{9, 9})))
	x, err := Digest(a)
	check.Must(t, err)
	if y, _ := Digest(b); x != y {
		t.Error("the digest depends on more than the trainable weights")
	}
	check.Must(t, b.GetVariable("/vision/biases").SetValue(tensors.FromValue([]float32{1.0000001})))
	if y, _ := Digest(b); x == y {
		t.Error("the digest does not see a changed weight")
	}
}
