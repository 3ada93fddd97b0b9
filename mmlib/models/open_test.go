package models

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/infer"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// trainTiny trains a job for its two steps and returns the run's folder.
func trainTiny(t *testing.T, c run.Config) string {
	t.Helper()
	var files []run.Named
	if c.Task == CLIP {
		tokenizer, err := Tokenizer(c)
		must(t, err)
		data, err := json.Marshal(tokenizer)
		must(t, err)
		files = append(files, run.Named{Name: TokenizerFile, Data: data})
	}
	f, err := run.Create(filepath.Join(t.TempDir(), "run"), c, files...)
	must(t, err)
	defer f.Close()
	j, err := NewJob(c, mnist.Options{})
	must(t, err)
	b, err := xla.Open()
	must(t, err)
	tr, err := train.New(b, j.Task, f, train.Hooks{})
	must(t, err)
	must(t, tr.Run(context.Background()))
	return f.Path()
}

// call runs a model's function on one example of zeros, or ones for ids.
func call[In float32 | int32](t *testing.T, m *Model, name string, fill In) []float32 {
	t.Helper()
	b, err := xla.Open()
	must(t, err)
	s, err := infer.Open(b, m, []string{name}, 1)
	must(t, err)
	f, _ := s.Func(name)
	out, err := infer.Call(s, name, 1, slices.Repeat([]In{fill}, f.In[0].Size()))
	must(t, err)
	return out
}

func TestOpen(t *testing.T) {
	dir := trainTiny(t, tinyConfig(t, nil))
	m, err := Open(dir)
	must(t, err)
	if m.Step != 2 || m.Config.Task != CLIP || m.Tokenizer == nil || m.Tokenizer.VocabSize() < 10 {
		t.Errorf("step %d, task %s, tokenizer %v", m.Step, m.Config.Task, m.Tokenizer)
	}
	again, err := Open(dir)
	must(t, err)
	a, err := run.Digest(m.Store())
	must(t, err)
	b, err := run.Digest(again.Store())
	must(t, err)
	if a != b {
		t.Errorf("opened twice, the weights have the digests %s and %s", a, b)
	}
	if out := call(t, m, "image", float32(0)); len(out) != 8 {
		t.Errorf("a picture's embedding is %v, want 8 numbers", out)
	}
	if out := call(t, m, "text", int32(1)); len(out) != 8 {
		t.Errorf("a text's embedding is %v, want 8 numbers", out)
	}

	_, err = Open(t.TempDir())
	wantError(t, err, "not a run folder")
	f, err := run.Open(dir)
	must(t, err)
	must(t, f.WriteFile(TokenizerFile, []byte(`{"type":"bpe"}`)))
	_, err = Open(dir)
	wantError(t, err, TokenizerFile, `"bpe"`)
}

func TestOpenClassifier(t *testing.T) {
	s, err := Preset(Classifier, "mnist-probe")
	must(t, err)
	from := tiny(t)
	s.Model.(*clip.ClassifierConfig).Vision = from.Model.(*clip.Config).Vision
	s.Data.Limit, s.Training.Steps, s.Training.Warmup, s.Training.BatchSize, s.Training.Devices = 50, 2, 1, 8, 1
	c, err := Complete(Classifier, "mnist-probe", 1, s)
	must(t, err)
	m, err := Open(trainTiny(t, c))
	must(t, err)
	var sum float32
	out := call(t, m, "classify", float32(0))
	for _, p := range out {
		sum += p
	}
	if m.Tokenizer != nil || len(out) != 10 || sum < 0.999 || sum > 1.001 {
		t.Errorf("probabilities %v, tokenizer %v", out, m.Tokenizer)
	}
	_, err = Open(emptyRun(t, c))
	wantError(t, err, "no checkpoint")

	plain, err := Preset(Classifier, "mnist-probe")
	must(t, err)
	_, err = Complete(Classifier, "mnist-probe", 1, plain)
	wantError(t, err, "vision.image_size is 0")
}

func emptyRun(t *testing.T, c run.Config) string {
	t.Helper()
	f, err := run.Create(filepath.Join(t.TempDir(), "run"), c)
	must(t, err)
	must(t, f.Close())
	return f.Path()
}
