package experiment_test

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

func open(t testing.TB) compute.Backend {
	t.Helper()
	b, err := xla.Open()
	check.Must(t, err)
	return b
}

// tiny is the smallest sensible CLIP, with changes on top.
func tiny(t testing.TB, changes ...string) models.Settings {
	t.Helper()
	s, err := models.Preset("clip", "mnist-tiny")
	check.Must(t, err)
	for _, kv := range append([]string{
		"vision.width=16", "vision.layers=1", "vision.mlp=16", "vision.patch_size=14", "text.width=16", "text.layers=0", "text.mlp=16",
		"model.projection=8", "data.limit=50", "data.validation=30", "captions.per_batch=20", "steps=2", "warmup=1", "batch_size=8",
	}, changes...) {
		key, value, _ := strings.Cut(kv, "=")
		check.Must(t, run.Set(&s, key, value))
	}
	return s
}

func trained(t testing.TB, b compute.Backend, s models.Settings) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	r, err := experiment.Create(t.Context(), b, dir, s, data.Options{})
	check.Must(t, err)
	_, err = r.Train(t.Context(), experiment.Options{})
	check.Must(t, err)
	return dir
}

// pretrained gives the test a copy of a tiny CLIP that is trained once for all tests.
func pretrained(t testing.TB, b compute.Backend) (dir string) {
	t.Helper()
	once.Do(func() {
		from := filepath.Join(shared, "run")
		r, err := experiment.Create(context.Background(), b, from, tiny(t), data.Options{})
		check.Must(t, err)
		_, err = r.Train(context.Background(), experiment.Options{})
		check.Must(t, err)
	})
	dir = filepath.Join(t.TempDir(), "clip")
	check.Must(t, os.CopyFS(dir, os.DirFS(filepath.Join(shared, "run"))))
	return dir
}

var (
	once   sync.Once
	shared string // a folder, see TestMain
)

// TestRefusedLeavesNothing: whatever is refused, by the settings, the data, the model's graph or the measure, leaves no
// folder behind, and the name can be used by the right settings.
func TestRefusedLeavesNothing(t *testing.T) {
	b := open(t)
	dir := filepath.Join(t.TempDir(), "runs", "first")
	for _, test := range []struct{ change, word string }{
		{"batch_size=1", "at least 2 pairs"},
		{"training.steps=0", "training.steps is 0"},
		{"training.devices=64", "training.devices is 64"},
		{"training.frozen=/nowhere", `"/nowhere"`},
		{"data.validation=60000", "data.validation is 60000"},
		{"captions.per_batch=25", "data.captions.per_batch is 25"},
		{"vision.channels=5", "channels is 5"},
	} {
		s := tiny(t, test.change)
		if test.change == "training.devices=64" {
			s.Training.BatchSize = 64
		}
		_, err := experiment.Create(t.Context(), b, dir, s, data.Options{})
		check.Error(t, err, test.word)
		if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
			t.Fatalf("%s: refused, and something is left in %s (%v)", test.change, filepath.Dir(dir), err)
		}
	}
	r, err := experiment.Create(t.Context(), b, dir, tiny(t), data.Options{})
	check.Must(t, err)
	_, err = r.Train(t.Context(), experiment.Options{})
	check.Must(t, err)
	_, err = experiment.Create(t.Context(), b, dir, tiny(t), data.Options{})
	check.Error(t, err, "already holds a run")
}

// TestOtherShapes: MNIST is resized to what a model reads, and measured in the same shape.
func TestOtherShapes(t *testing.T) {
	b := open(t)
	dir := trained(t, b, tiny(t, "vision.image_size=32", "vision.patch_size=16", "vision.channels=3"))
	m, err := models.Open(dir)
	check.Must(t, err)
	if p := m.Preprocess; p.Size != 32 || p.Channels != 3 || len(p.Mean) != 3 {
		t.Errorf("the pictures are prepared by %+v", p)
	}
	e, err := experiment.Evaluate(t.Context(), b, dir, experiment.On{Split: data.Validation})
	check.Must(t, err)
	if f := e.Figure("accuracy_en"); f.Total != 30 || len(f.Parts) != 10 {
		t.Errorf("measured %+v", f)
	}
}

// TestFilesDecide: a run is used by what lies in its folder: names and templates that were edited there are used by every
// measure, and a folder that lacks a file is refused.
func TestFilesDecide(t *testing.T) {
	b := open(t)
	dir := pretrained(t, b)
	path := filepath.Join(dir, models.ClassesFile)
	content, err := os.ReadFile(path)
	check.Must(t, err)
	check.Must(t, os.WriteFile(path, []byte(strings.Replace(string(content), `"seven"`, `"digit"`, 1)), 0o644))
	file := picture(t, func(x, y int) bool { return x == 14 })
	m, err := models.Open(dir)
	check.Must(t, err)
	guesses, err := experiment.Classify(t.Context(), b, m, []string{file}, experiment.Choice{})
	check.Must(t, err)
	var labels []string
	sum := 0.0
	for _, g := range guesses[0] {
		labels, sum = append(labels, g.Label), sum+g.Probability
	}
	if all := strings.Join(labels, " "); !strings.Contains(all, "digit") || strings.Contains(all, "seven") || sum < 0.999 || sum > 1.001 {
		t.Errorf("the classes are %s, their probabilities sum up to %v", all, sum)
	}
	check.Must(t, os.Remove(path))
	_, err = models.Open(dir)
	check.Error(t, err, models.ClassesFile)
}

// picture writes a PNG of 28×28 pixels that is white where lit.
func picture(t *testing.T, lit func(x, y int) bool) string {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 28, 28))
	for i := range 28 * 28 {
		if lit(i%28, i/28) {
			img.SetGray(i%28, i/28, color.Gray{255})
		}
	}
	path := filepath.Join(t.TempDir(), "picture.png")
	f, err := os.Create(path)
	check.Must(t, err)
	check.Must(t, png.Encode(f, img))
	check.Must(t, f.Close())
	return path
}

func TestClassify(t *testing.T) {
	b, ctx := open(t), t.Context()
	clip := pretrained(t, b)
	probe, err := models.Preset("classifier", "mnist-tiny-probe")
	check.Must(t, err)
	check.Must(t, probe.StartFrom(clip))
	probe.Training.Steps, probe.Training.Warmup = 2, 1
	zero, err := models.Open(clip)
	check.Must(t, err)
	fixed, err := models.Open(trained(t, b, probe))
	check.Must(t, err)
	files := []string{picture(t, func(x, y int) bool { return x == 14 }), picture(t, func(x, y int) bool { return y == 14 })}

	for name, test := range map[string]struct {
		model  *models.Model
		choice experiment.Choice
		labels int
		one    string // one of the labels
	}{
		"own classes":      {zero, experiment.Choice{}, 10, "seven"},
		"in Chinese":       {zero, experiment.Choice{Language: "zh"}, 10, "七"},
		"labels":           {zero, experiment.Choice{Labels: []string{"one", "seven"}}, 2, "one"},
		"Chinese labels":   {zero, experiment.Choice{Labels: []string{"一", "七", "零"}}, 3, "零"},
		"template":         {zero, experiment.Choice{Labels: []string{"one", "two"}, Templates: []string{"the number %s"}}, 2, "two"},
		"trained":          {fixed, experiment.Choice{}, 10, "seven"},
		"trained, Chinese": {fixed, experiment.Choice{Language: "zh"}, 10, "七"},
	} {
		guesses, err := experiment.Classify(ctx, b, test.model, files, test.choice)
		if err != nil || len(guesses) != 2 || len(guesses[0]) != test.labels {
			t.Errorf("%s: %v (%v)", name, guesses, err)
			continue
		}
		found := false
		for i, g := range guesses[1] {
			found = found || g.Label == test.one
			if i > 0 && g.Probability > guesses[1][i-1].Probability {
				t.Errorf("%s: not sorted: %v", name, guesses[1])
			}
		}
		if !found {
			t.Errorf("%s: %q is not among %v", name, test.one, guesses[1])
		}
	}
	for _, test := range []struct {
		model  *models.Model
		choice experiment.Choice
		words  []string
	}{
		{zero, experiment.Choice{Labels: []string{"one", "zebra"}}, []string{`"zebra"`, "not trained on"}},
		{zero, experiment.Choice{Labels: []string{"one", "one"}}, []string{`"one" is given twice`}},
		{zero, experiment.Choice{Labels: []string{"one", " "}}, []string{"label 2 is empty"}},
		{zero, experiment.Choice{Labels: []string{"one"}, Templates: []string{"digit"}}, []string{`"digit" must hold %s once`}},
		{zero, experiment.Choice{Language: "fr"}, []string{`"fr"`, "en, zh"}},
		{fixed, experiment.Choice{Labels: []string{"one"}}, []string{"knows its own classes only", "zero, one"}},
	} {
		_, err := experiment.Classify(ctx, b, test.model, files, test.choice)
		check.Error(t, err, test.words...)
	}
	_, err = experiment.Classify(ctx, b, zero, append(files, "none.png"), experiment.Choice{})
	check.Error(t, err, "none.png")

	img, err := experiment.Explain(ctx, b, fixed, files)
	check.Must(t, err)
	if size := img.Bounds().Size(); size != image.Pt(2*8*28+8, 2*8*28+8) {
		t.Errorf("two pictures are explained by %v pixels", size)
	}
	if r, _, _, _ := img.At(14*8, 3).RGBA(); r != 0xffff {
		t.Errorf("the first picture is white in its middle column; it is drawn with %x", r)
	}
}

// TestImport: weights that came from elsewhere are a run that is opened, measured and used, and not trained.
func TestImport(t *testing.T) {
	b, ctx := open(t), t.Context()
	from := pretrained(t, b)
	m, err := models.Open(from)
	check.Must(t, err)
	f, err := run.Open(from)
	check.Must(t, err)
	files, err := f.Files()
	check.Must(t, err)
	dir := filepath.Join(t.TempDir(), "imported")
	check.Must(t, experiment.Import(dir, m.Settings, files, m.Store()))
	again, err := models.Open(dir)
	check.Must(t, err)
	a, err := run.Digest(m.Store())
	check.Must(t, err)
	if d, err := run.Digest(again.Store()); err != nil || d != a || again.Settings.Training != nil || again.Step != 0 {
		t.Errorf("imported, the weights have the digest %s (%v) and not %s; %+v", d, err, a, again.Settings)
	}
	_, err = experiment.Evaluate(ctx, b, dir, experiment.On{})
	check.Error(t, err, "which data set")
	e, err := experiment.Evaluate(ctx, b, dir, experiment.On{Data: "mnist"})
	check.Must(t, err)
	want, err := experiment.Evaluate(ctx, b, from, experiment.On{})
	check.Must(t, err)
	if got := e.Figure("accuracy_en"); got.Right != want.Figure("accuracy_en").Right || got.Total != 10_000 {
		t.Errorf("imported, %d right of %d, not %d", got.Right, got.Total, want.Figure("accuracy_en").Right)
	}
	_, err = e.Save()
	check.Must(t, err)
	_, err = experiment.Resume(ctx, b, dir, data.Options{})
	check.Error(t, err, "came from elsewhere")
	r, err := run.Resume(dir) // the lock was given back
	check.Must(t, err)
	check.Must(t, r.Close())

	delete(files, models.TokenizerFile)
	other := filepath.Join(t.TempDir(), "other")
	check.Error(t, experiment.Import(other, m.Settings, files, m.Store()), models.TokenizerFile)
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Error("a refused import left a folder")
	}
}

// TestInit: fine-tuning starts from the pretrained weights, prepares pictures as they know them, and says what it leaves out.
func TestInit(t *testing.T) {
	b, ctx := open(t), t.Context()
	from := pretrained(t, b)
	s, err := models.Preset("classifier", "mnist-tiny-probe")
	check.Must(t, err)
	check.Must(t, s.StartFrom(from))
	s.Training.Steps, s.Training.Warmup = 1, 1
	check.Must(t, s.UseData("mnist"))
	dir := filepath.Join(t.TempDir(), "probe")
	r, err := experiment.Create(ctx, b, dir, s, data.Options{})
	check.Must(t, err)
	var said []string
	_, err = r.Train(ctx, experiment.Options{Message: func(text string) { said = append(said, text) }})
	check.Must(t, err)
	if all := strings.Join(said, "\n"); !strings.Contains(all, "starting from") || !strings.Contains(all, from) {
		t.Errorf("it says %q", all)
	}
	pretrained, tuned := model.NewStore(), model.NewStore()
	for dir, store := range map[string]*model.Store{from: pretrained, dir: tuned} {
		f, err := run.Open(dir)
		check.Must(t, err)
		_, err = f.LoadWeights(store)
		check.Must(t, err)
	}
	const path = "/vision/patch/weights"
	a, err := pretrained.GetVariable(path).Value()
	check.Must(t, err)
	if got, err := tuned.GetVariable(path).Value(); err != nil || !a.Equal(got) {
		t.Errorf("the probe's frozen %s differs from the pretrained one (%v)", path, err)
	}

	check.Must(t, run.Set(&s, "model.vision.width", "32")) // another size than the weights have
	_, err = experiment.Create(ctx, b, filepath.Join(t.TempDir(), "wide"), s, data.Options{})
	check.Error(t, err, "vision")
}

func TestFigures(t *testing.T) {
	for want, f := range map[string]experiment.Figure{
		"98.40 %":         {Value: 0.984, Unit: experiment.Share},
		"2.31 nats":       {Value: 2.3141, Unit: experiment.Nats},
		"0.25":            {Value: 0.25},
		"120.00 images/s": {Value: 120, Unit: "images/s"},
	} {
		if got := f.String(); got != want {
			t.Errorf("%+v is written %q, want %q", f, got, want)
		}
	}
}

// TestMeasures: every kind has a measure that exists, and the functions that it calls.
func TestMeasures(t *testing.T) {
	for name, k := range models.Kinds() {
		if _, ok := experiment.Measures()[k.Measure]; !ok {
			t.Errorf("%s is measured by %q, which does not exist", name, k.Measure)
		}
	}
}
