package experiment_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// drawnSettings are a preset "mnist-tiny" of two steps on few pictures, with changes on top, begun from another run if there is one.
func drawnSettings(t testing.TB, kind, preset, from string, changes ...string) models.Settings {
	t.Helper()
	s, err := models.Preset(kind, preset)
	check.Must(t, err)
	if from != "" {
		check.Must(t, s.StartFrom(from))
	}
	size := "data.limit=60"
	if preset == "scenes" || preset == "scenes-attributes" {
		size = "data.train=60"
	}
	for _, kv := range append([]string{size, "data.validation=40", "steps=2", "warmup=1", "batch_size=8"}, changes...) {
		key, value, _ := strings.Cut(kv, "=")
		check.Must(t, run.Set(&s, key, value))
	}
	return s
}

// begun trains settings that begin from a run.
func begun(t testing.TB, b compute.Backend, s models.Settings) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), s.Kind)
	r, err := experiment.Create(t.Context(), b, dir, s, data.Options{})
	check.Must(t, err)
	_, err = r.Train(t.Context(), experiment.Options{})
	check.Must(t, err)
	return dir
}

// pure is the Go backend, which has nothing to compile.
func pure(t testing.TB) compute.Backend {
	t.Helper()
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	return b
}

// TestDrawing: codes, two models that draw from them and a judge are trained, measured, judged and used.
func TestDrawing(t *testing.T) {
	b := pure(t)
	codes := trained(t, b, drawnSettings(t, "vqvae", "mnist-tiny", "", "encoder.width=16", "decoder.width=16", "codebook.codes=8"))
	judge := trained(t, b, drawnSettings(t, "convnet", "mnist", ""))
	on := experiment.On{Split: data.Validation, Judge: judge}

	e, err := experiment.Evaluate(t.Context(), b, codes, on)
	check.Must(t, err)
	for _, key := range []string{"squared_error", "code_perplexity", "codes_used"} {
		if f := e.Figure(key); !(f.Value > 0) || math.IsInf(f.Value, 0) {
			t.Errorf("codes: %s is %v", key, f.Value)
		}
	}
	if f := e.Figure("judge_accuracy"); f.Total != 40 || len(f.Parts) != 10 {
		t.Errorf("codes, judged: %+v", f)
	}
	_, err = e.Save()
	check.Must(t, err)

	for kind, small := range map[string][]string{
		"dalle": {"stream.width=16", "stream.mlp=16", "stream.layers=1", "captions.per_batch=20"},
		"parti": {
			"model.decoder.width=16", "model.decoder.mlp=16", "model.decoder.layers=1", "text.width=16", "text.mlp=16",
			"captions.per_batch=20",
		},
	} {
		dir := begun(t, b, drawnSettings(t, kind, "mnist-tiny", codes, small...))
		e, err := experiment.Evaluate(t.Context(), b, dir, on)
		check.Must(t, err)
		if f := e.Figure("nats_per_code"); !(f.Value > 0 && f.Value < 2*math.Log(8)) {
			t.Errorf("%s: %v nats a code of 8", kind, f.Value)
		}
		for _, key := range []string{
			"judge_accuracy", "judge_accuracy_real", "classification_accuracy_score", "classification_accuracy_score_real",
		} {
			if f := e.Figure(key); f.Total != 40 {
				t.Errorf("%s: %s is of %d pictures", kind, key, f.Total)
			}
		}
		if d, floor := e.Figure("frechet_distance").Value, e.Figure("frechet_distance_floor").Value; !(d > 0) || !(floor > 0) {
			t.Errorf("%s: the Fréchet distance is %v, its floor %v", kind, d, floor)
		}
		_, err = e.Save()
		check.Must(t, err)
		use(t, b, dir)
	}
	_, err = experiment.Evaluate(t.Context(), b, judge, on)
	check.Error(t, err, "convnet", "draws nothing")
	guided := on
	guided.Drawing = &experiment.Drawing{Guidance: 2, Sampling: infer.Sampling{Temperature: 1, Seed: 1}}
	_, err = experiment.Evaluate(t.Context(), b, codes, guided)
	check.Error(t, err, "guidance is 2", "vqvae")
	other := filepath.Join(t.TempDir(), "other")
	check.Must(t, os.CopyFS(other, os.DirFS(judge)))
	names, err := os.ReadFile(filepath.Join(other, models.ClassesFile))
	check.Must(t, err)
	check.Must(t, os.WriteFile(filepath.Join(other, models.ClassesFile), bytes.ReplaceAll(names, []byte(`"seven"`), []byte(`"shoe"`)), 0o644))
	_, err = experiment.Evaluate(t.Context(), b, codes, experiment.On{Split: data.Validation, Judge: other})
	check.Error(t, err, "the judge names", "shoe")
	_, err = experiment.Evaluate(t.Context(), b, codes, experiment.On{Split: data.Validation, Judge: codes})
	check.Error(t, err, "vqvae", "cannot judge")
}

// TestDrawnScenes: a model that draws scenes is judged by what its captions say, form by form, and the unseen scenes apart.
func TestDrawnScenes(t *testing.T) {
	b := pure(t)
	codes := trained(t, b, drawnSettings(t, "vqvae", "scenes", "", "encoder.width=16", "decoder.width=16", "codebook.codes=8"))
	judge := trained(t, b, drawnSettings(t, "fusion", "scenes-attributes", ""))
	small := []string{"model.decoder.width=16", "model.decoder.mlp=16", "model.decoder.layers=1", "text.width=16", "text.mlp=16"}
	dir := begun(t, b, drawnSettings(t, "parti", "scenes", codes, small...))

	on := experiment.On{Split: data.Validation, Judge: judge}
	e, err := experiment.Evaluate(t.Context(), b, codes, on)
	check.Must(t, err)
	if f := e.Figure("facts_accuracy_reconstructions"); f.Total != 40*16 {
		t.Errorf("reconstructions are judged by %d facts, of %d", f.Total, 40*16)
	}
	on.Split = "validation-unseen"
	e, err = experiment.Evaluate(t.Context(), b, dir, on)
	check.Must(t, err)
	for form, n := range map[string]int{"whole": 640, "reworded": 640, "relation": 160, "real": 640} {
		if f := e.Figure("facts_accuracy_" + form); f.Total != n {
			t.Errorf("%s: %d facts, want %d", form, f.Total, n)
		}
	}
	path, err := e.Save()
	check.Must(t, err)
	page, err := os.ReadFile(path)
	check.Must(t, err)
	if !bytes.Contains(page, []byte("nearest training pictures")) {
		t.Error("the report shows no nearest training pictures")
	}
	m, err := models.Open(dir)
	check.Must(t, err)
	a, err := experiment.NewArtist(b, m, 1)
	check.Must(t, err)
	drawn, err := a.Draw(t.Context(), []string{"a green seven above a red three"}, infer.Sampling{}, nil)
	check.Must(t, err)
	if size := drawn[0].Image.Bounds().Size(); size.X != 56 || size.Y != 56 {
		t.Errorf("the drawing has %v pixels", size)
	}

	digits := trained(t, b, drawnSettings(t, "convnet", "mnist", ""))
	_, err = experiment.Evaluate(t.Context(), b, codes, experiment.On{Split: data.Validation, Judge: digits})
	check.Error(t, err, "judge")
	onDigits := trained(t, b, drawnSettings(t, "vqvae", "mnist-tiny", "", "encoder.width=16", "decoder.width=16", "codebook.codes=8"))
	s, err := models.Preset("parti", "scenes")
	check.Must(t, err)
	check.Error(t, s.StartFrom(onDigits), "codes of mnist", "preset scenes")
	_, err = experiment.Evaluate(t.Context(), b, onDigits, experiment.On{Split: data.Validation, Judge: judge})
	check.Error(t, err, "judge")
}

// use draws by a model: the same seed draws the same, another one something else.
func use(t *testing.T, b compute.Backend, dir string) {
	t.Helper()
	m, err := models.Open(dir)
	check.Must(t, err)
	captions := []string{"数字七", "a handwritten three", "数字七"}
	a, err := experiment.NewArtist(b, m, 2)
	check.Must(t, err)
	draw := func(o infer.Sampling) []experiment.Sample {
		list, err := a.Draw(t.Context(), captions, o, nil)
		check.Must(t, err)
		return list
	}
	o := infer.Sampling{Temperature: 1, Seed: 3}
	first := draw(o)
	o.TopK = 8 // as many as there are
	again := draw(o)
	o.TopK, o.Seed = 0, 4
	other := draw(o)
	for i := range first {
		if !slices.Equal(first[i].Codes, again[i].Codes) {
			t.Errorf("picture %d: %v, again %v", i, first[i].Codes, again[i].Codes)
		}
		if slices.Equal(first[i].Codes, other[i].Codes) {
			t.Errorf("picture %d: another seed draws the same", i)
		}
	}
	if slices.Equal(first[0].Codes, first[2].Codes) {
		t.Error("two pictures of one caption are the same")
	}
	clip, err := models.Open(pretrained(t, b))
	check.Must(t, err)
	check.Must(t, experiment.RankByCLIP(b, clip, first[:2], 2))
	if first[0].Score < first[1].Score {
		t.Errorf("ranked, the scores are %v and %v", first[0].Score, first[1].Score)
	}
	_, err = a.Draw(t.Context(), []string{"a purple elephant"}, o, nil)
	check.Error(t, err, "purple")
	if m.Settings.Kind == "dalle" {
		a.Guidance = 2
		_, err = a.Draw(t.Context(), captions, o, nil)
		check.Error(t, err, "guidance is 2", "parti")
	}
}

// TestDrawingRefused: what cannot be drawn from or by is refused before there is a folder.
func TestDrawingRefused(t *testing.T) {
	b := pure(t)
	dir := filepath.Join(t.TempDir(), "run")
	_, err := experiment.Create(t.Context(), b, dir, drawnSettings(t, "dalle", "mnist-tiny", ""), data.Options{})
	check.Error(t, err, "dalle", "train a vqvae first")
	clip := pretrained(t, b)
	s, err := models.Preset("parti", "mnist-tiny")
	check.Must(t, err)
	check.Error(t, s.StartFrom(clip), "clip", "codes of a vqvae")
	codes := trained(t, b, drawnSettings(t, "vqvae", "mnist-tiny", "", "encoder.width=16", "decoder.width=16"))
	s = drawnSettings(t, "parti", "mnist-tiny", codes)
	s.Training.Frozen = nil
	_, err = experiment.Create(t.Context(), b, dir, s, data.Options{})
	check.Error(t, err, "training.frozen", "/codes")
	m, err := models.Open(clip)
	check.Must(t, err)
	_, err = experiment.NewArtist(b, m, 1)
	check.Error(t, err, "clip", "draws no pictures")
	_, err = experiment.ReconstructFiles(b, m, nil)
	check.Error(t, err, "clip", "codes")
}

// TestReconstructFiles: a picture file becomes codes and a picture again, of the size that the model has.
func TestReconstructFiles(t *testing.T) {
	b := pure(t)
	m, err := models.Open(trained(t, b, drawnSettings(t, "vqvae", "mnist-tiny", "", "encoder.width=16", "decoder.width=16")))
	check.Must(t, err)
	file := picture(t, func(x, y int) bool { return x == y })
	list, err := experiment.ReconstructFiles(b, m, []string{file, file})
	check.Must(t, err)
	if len(list) != 2 || len(list[0].Codes) != 49 || list[0].Grid != 7 || !(list[0].Error > 0) {
		t.Errorf("%+v", list)
	}
	if size := list[1].Back.Bounds().Size(); size.X != 28 || size.Y != 28 {
		t.Errorf("what the codes give back has %v pixels", size)
	}
	_, err = experiment.ReconstructFiles(b, m, []string{file, file + "x"})
	check.Error(t, err, filepath.Base(file)+"x")
}
