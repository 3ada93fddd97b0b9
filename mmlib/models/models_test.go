package models

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// TestMain ends at once: under -race the destructors of a plugin can abort an orderly exit.
func TestMain(m *testing.M) { syscall.Exit(m.Run()) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; it should say %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

// TestPresets: every preset is complete, and a copy.
func TestPresets(t *testing.T) {
	for _, task := range Tasks() {
		if len(Presets(task)) == 0 {
			t.Errorf("task %s has no presets", task)
		}
		for _, name := range Presets(task) {
			s, err := Preset(task, name)
			must(t, err)
			if err := s.Training.Validate(); err != nil {
				t.Errorf("%s %s: %v", task, name, err)
			}
			if err := s.Data.Validate(); err != nil {
				t.Errorf("%s %s: %v", task, name, err)
			}
			if c, ok := s.Model.(*clip.Config); ok {
				if want, there := clip.Presets[name]; !there || *c != want {
					t.Errorf("%s %s: the model is %+v, in clip.Presets %+v", task, name, *c, want)
				}
			}
			before := fmt.Sprintf("%+v %+v %+v", s.Data, s.Training, reflect.ValueOf(s.Model).Elem())
			spoil(&s)
			again, err := Preset(task, name)
			must(t, err)
			if after := fmt.Sprintf("%+v %+v %+v", again.Data, again.Training, reflect.ValueOf(again.Model).Elem()); after != before {
				t.Errorf("%s %s: changing a copy changed the table from\n%s to\n%s", task, name, before, after)
			}
		}
	}
	if got := Presets("poetry"); got != nil {
		t.Errorf("an unknown task has presets %v", got)
	}
}

// spoil changes everything that a copy might share with the table.
func spoil(s *Settings) {
	s.Training.Steps = -1
	for i := range s.Training.Frozen {
		s.Training.Frozen[i] = "/spoilt"
	}
	for i := range s.Data.Captions.Languages {
		s.Data.Captions.Languages[i] = "xx"
	}
	switch c := s.Model.(type) {
	case *clip.Config:
		c.Vision.Width, c.Text.Layers = -1, -1
	case *clip.ClassifierConfig:
		c.Classes = -1
	}
}

func TestUnknownNames(t *testing.T) {
	_, err := Preset(CLIP, "mnits")
	wantError(t, err, `"mnits"`, "mnist, mnist-demo, mnist-tiny")
	_, err = Preset(Classifier, "mnist")
	wantError(t, err, `"mnist"`, "mnist-demo-full", "mnist-probe")
	_, err = Preset("poetry", "mnist")
	wantError(t, err, `"poetry"`, "clip, classifier")
	c := tinyConfig(t, nil)
	c.Task = "poetry"
	_, err = NewJob(c, mnist.Options{})
	wantError(t, err, `"poetry"`, "clip, classifier")
	_, err = predictor(c, nil)
	wantError(t, err, `"poetry"`, "clip, classifier")
}

// tiny is the smallest sensible CLIP.
func tiny(t testing.TB) Settings {
	t.Helper()
	s, err := Preset(CLIP, "mnist-tiny")
	must(t, err)
	c := s.Model.(*clip.Config)
	c.Vision.Width, c.Vision.Layers, c.Vision.Heads, c.Vision.MLP = 16, 1, 2, 16
	c.Text.Width, c.Text.Layers, c.Text.Heads, c.Text.MLP = 16, 0, 2, 16
	c.Projection = 8
	s.Data.Limit, s.Data.Validation, s.Data.Captions.PerBatch = 50, 30, 20
	s.Training.Steps, s.Training.Warmup, s.Training.BatchSize, s.Training.Devices = 2, 1, 8, 1
	return s
}

func tinyConfig(t testing.TB, change func(*Settings)) run.Config {
	t.Helper()
	s := tiny(t)
	if change != nil {
		change(&s)
	}
	c, err := Complete(CLIP, "mnist-tiny", 1, s)
	must(t, err)
	return c
}

func TestComplete(t *testing.T) {
	for _, languages := range [][]string{{"en"}, {"zh"}, {"en", "zh"}} {
		c := tinyConfig(t, func(s *Settings) { s.Data.Captions.Languages = languages })
		var m clip.Config
		must(t, run.DecodeStrict(c.Model, &m))
		w, err := vocabulary(c.Data)
		must(t, err)
		if m.Text.Vocab != w.tokenizer.VocabSize() || m.Text.Vocab < 10 {
			t.Errorf("%v: text.vocab is %d, the tokenizer has %d", languages, m.Text.Vocab, w.tokenizer.VocabSize())
		}
		longest := 0
		for _, caption := range w.captions {
			for length := 2; ; length++ {
				if _, err := w.tokenizer.Encode(caption, length); err == nil {
					longest = max(longest, length)
					break
				}
			}
		}
		if m.Text.Context != longest {
			t.Errorf("%v: text.context is %d, the longest caption has %d tokens", languages, m.Text.Context, longest)
		}
		if c.Task != CLIP || c.Preset != "mnist-tiny" || c.Seed != 1 || c.Validate() != nil {
			t.Errorf("the config is %+v", c)
		}
	}

	refused := func(change func(*Settings), words ...string) {
		t.Helper()
		s := tiny(t)
		change(&s)
		_, err := Complete(CLIP, "mnist-tiny", 1, s)
		wantError(t, err, words...)
	}
	refused(func(s *Settings) { s.Data.Captions.Languages = []string{"en", "fr"} }, `"fr"`, "en", "zh")
	refused(func(s *Settings) { s.Data.Captions.Languages = nil }, "data.captions.languages is empty", "en, zh")
	refused(func(s *Settings) { s.Data.Name = "cifar" }, `"cifar"`, "mnist")
	refused(func(s *Settings) { s.Training.Steps = 0 }, "training.steps is 0")
	refused(func(s *Settings) { s.Model.(*clip.Config).Vision.PatchSize = 5 }, "image_size 28", "patch_size 5")
	refused(func(s *Settings) { s.Model.(*clip.Config).Temperature = 0 }, "temperature is 0")
}

func TestPrompts(t *testing.T) {
	for _, data := range mnist.Names() {
		for _, language := range mnist.Languages() {
			prompts, err := Prompts(data, language)
			must(t, err)
			names, err := mnist.Classes(data, language)
			must(t, err)
			if len(prompts) != mnist.NumClasses {
				t.Fatalf("%s in %s: prompts for %d classes", data, language, len(prompts))
			}
			for class, list := range prompts {
				for _, p := range list {
					if len(list) != len(prompts[0]) || !strings.Contains(p, names[class]) || strings.Contains(p, "%") {
						t.Errorf("%s in %s: class %d has the prompt %q", data, language, class, p)
					}
				}
			}
		}
	}
	en, err := Prompts(mnist.MNIST, "en")
	must(t, err)
	zh, err := Prompts(mnist.MNIST, "zh")
	must(t, err)
	if en[7][0] != "a photo of the digit seven." || !slices.Contains(zh[7], "手写数字七") {
		t.Errorf("the prompts of the digit seven are %q and %q", en[7], zh[7])
	}
	_, err = Prompts(mnist.MNIST, "fr")
	wantError(t, err, `"fr"`)
	_, err = Prompts("cifar", "en")
	wantError(t, err, `"cifar"`)
}

func TestPromptIDs(t *testing.T) {
	c := tinyConfig(t, nil)
	tokenizer, err := Tokenizer(c)
	must(t, err)
	ids, err := PromptIDs(tokenizer, [][]string{{"the digit one", "数字一"}, {"the digit two"}}, 9)
	must(t, err)
	if len(ids) != 3 || len(ids[0]) != 9 || tokenizer.Decode(ids[1]) != "数字一" || tokenizer.Decode(ids[2]) != "the digit two" {
		t.Errorf("ids %v", ids)
	}
	_, err = PromptIDs(tokenizer, [][]string{{"the digit one", "a zebra"}}, 9)
	wantError(t, err, "zebra")
	_, err = PromptIDs(tokenizer, [][]string{{"the digit one"}}, 4)
	wantError(t, err, "the digit one", "at most 4")
}

func TestNewJob(t *testing.T) {
	j, err := NewJob(tinyConfig(t, nil), mnist.Options{})
	must(t, err)
	if j.Task.Len() != 50 || j.Validation.Len() != 30 || j.Test.Len() != 10000 || j.Tokenizer == nil {
		t.Errorf("%d training, %d validation, %d test examples; tokenizer %v", j.Task.Len(), j.Validation.Len(), j.Test.Len(), j.Tokenizer)
	}
	if p := j.Task.(*clip.Pretraining); len(p.Captions) != 140 || p.Distinct != 20 || p.Sharing != clip.ShareMeanings {
		t.Errorf("%d captions, %d in a batch, sharing %s; want 140, 20, meanings", len(p.Captions), p.Distinct, p.Sharing)
	}

	for _, test := range []struct {
		change func(*run.Data)
		words  []string
	}{
		{func(d *run.Data) { d.Validation = 60000 }, []string{"data.validation is 60000", "60000 training examples"}},
		{func(d *run.Data) { d.Captions.PerBatch = 25 }, []string{"captions per batch is 25", "multiple of the 10 classes"}},
		{func(d *run.Data) { d.Captions.PerBatch = 0 }, []string{"captions per batch is 0"}},
		{func(d *run.Data) { d.Captions.PerBatch = 1000 }, []string{"captions per batch is 1000", "only 14 captions"}},
		{func(d *run.Data) { d.Captions.Sharing = "everything" }, []string{`"everything"`, `"meanings"`}},
	} {
		c := tinyConfig(t, nil)
		test.change(&c.Data)
		_, err := NewJob(c, mnist.Options{})
		wantError(t, err, test.words...)
	}
	bad := tinyConfig(t, nil)
	bad.Data.Captions.Languages = []string{"fr"}
	_, err = NewJob(bad, mnist.Options{})
	wantError(t, err, `"fr"`)
	bad = tinyConfig(t, nil)
	bad.Training.BatchSize = 0
	_, err = NewJob(bad, mnist.Options{})
	wantError(t, err, "training.batch_size is 0")
}

// TestCompleteChecksCaptions: what would make a run folder useless is refused before there is one.
func TestCompleteChecksCaptions(t *testing.T) {
	s, err := Preset(CLIP, "mnist-tiny")
	must(t, err)
	s.Data.Captions.PerBatch = 25
	_, err = Complete(CLIP, "mnist-tiny", 1, s)
	wantError(t, err, "captions per batch is 25", "multiple of the 10 classes")
}

// TestUnknownKeys: a key that the model does not know is refused, by its name, wherever settings are read.
func TestUnknownKeys(t *testing.T) {
	for task, text := range map[string]string{
		CLIP:       `{"vision":{"patchsize":7}}`,
		Classifier: `{"vision":{"patchsize":7},"classes":10}`,
	} {
		c := tinyConfig(t, nil)
		c.Task, c.Model = task, json.RawMessage(text)
		_, err := NewJob(c, mnist.Options{})
		wantError(t, err, `"vision.patchsize"`, "vision.patch_size")
		_, err = predictor(c, nil)
		wantError(t, err, `"vision.patchsize"`, "vision.patch_size")
	}
}
