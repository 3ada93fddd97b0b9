package models_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/models/simclr"
	"gomm/mmlib/run"
)

// TestMain ends at once: under -race the destructors of a plugin can abort an orderly exit.
func TestMain(m *testing.M) { syscall.Exit(m.Run()) }

// show is everything that settings hold.
func show(s models.Settings) string {
	text, err := json.Marshal(s)
	return fmt.Sprintf("%s %s %s %d %s %v", s.Kind, s.Preset, s.Init, s.Seed, text, err)
}

// TestPresets: every preset is complete and valid, a copy, and survives its run folder.
func TestPresets(t *testing.T) {
	for kind, k := range models.Kinds() {
		if _, ok := k.Presets[k.Default]; !ok {
			t.Errorf("%s: the default preset %q does not exist", kind, k.Default)
		}
		for name := range k.Presets {
			s, err := models.Preset(kind, name)
			check.Must(t, err)
			if err := s.Validate(); err != nil {
				t.Errorf("%s %s: %v", kind, name, err)
			}
			if c, ok := s.Model.(*clip.Config); ok {
				if want, there := clip.Presets[name]; !there || !reflect.DeepEqual(*c, want) {
					t.Errorf("%s %s: the model is %+v, in clip.Presets %+v", kind, name, *c, want)
				}
			}
			if c, ok := s.Model.(*simclr.Config); ok {
				if want, there := simclr.Presets[name]; !there || !reflect.DeepEqual(*c, want) {
					t.Errorf("%s %s: the model is %+v, in simclr.Presets %+v", kind, name, *c, want)
				}
			}
			before := show(s)
			config, err := s.Config()
			check.Must(t, err)
			back, err := models.Decode(config)
			check.Must(t, err)
			if got := show(back); got != before {
				t.Errorf("%s %s: kept and decoded it is\n%s, not\n%s", kind, name, got, before)
			}
			spoil(reflect.ValueOf(&s))
			again, err := models.Preset(kind, name)
			check.Must(t, err)
			if after := show(again); after != before {
				t.Errorf("%s %s: changing a copy changed the table from\n%s to\n%s", kind, name, before, after)
			}
		}
	}
}

// spoil changes everything that can be reached and that a copy might share with the table.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			spoil(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Int:
		if v.CanSet() {
			v.SetInt(-1)
		}
	case reflect.Float64:
		if v.CanSet() {
			v.SetFloat(-1)
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString("spoilt")
		}
	}
}

func TestUnknownNames(t *testing.T) {
	const kinds = "captioner, classifier, clip, convnet, dalle, dialogue, fusion, palm, palme-captioner, palme-dialogue, palme-vqa, parti, " +
		"simclr, vqa, vqvae"
	_, err := models.Preset("clip", "mnits")
	check.Error(t, err, `"mnits"`, "mnist, mnist-demo, mnist-tiny")
	_, err = models.Preset("classifier", "mnist")
	check.Error(t, err, `"mnist"`, "mnist-demo-full", "mnist-probe")
	_, err = models.Preset("poetry", "mnist")
	check.Error(t, err, `"poetry"`, kinds)
	_, err = models.Decode(run.Config{Kind: "poetry"})
	check.Error(t, err, `"poetry"`, kinds)
	_, err = models.Decode(run.Config{Kind: "clip", Data: json.RawMessage(`{"name":"cifar"}`), Model: json.RawMessage(`{}`)})
	check.Error(t, err, `"cifar"`, "book, fashion-mnist, films, mnist, scenes")
	s, err := models.Preset("clip", "mnist-tiny")
	check.Must(t, err)
	check.Error(t, s.UseData("cifar"), `"cifar"`, "book, fashion-mnist, films, mnist, scenes")
	if s.Data.String() != "mnist" {
		t.Errorf("a refused data set is used: %s", s.Data)
	}
}

// TestUnknownKeys: a key that the model or the data does not know is refused, by its name, wherever settings are read.
func TestUnknownKeys(t *testing.T) {
	for kind, text := range map[string]string{"clip": `{"vision":{"patchsize":7}}`, "classifier": `{"vision":{"patchsize":7},"classes":10}`} {
		_, err := models.Decode(run.Config{Kind: kind, Model: json.RawMessage(text)})
		check.Error(t, err, `"vision.patchsize"`, "vision.patch_size")
	}
	_, err := models.Decode(run.Config{Kind: "clip", Data: json.RawMessage(`{"name":"mnist","augment":{"shfit":1}}`),
		Model: json.RawMessage(`{}`)})
	check.Error(t, err, `"augment.shfit"`, "augment.shift")
}

// TestUseData keeps the settings of a source of the same sort, and takes the other one's own elsewhere.
func TestUseData(t *testing.T) {
	models.RegisterSource("other", func() data.Source { return &other{Name: "other", Size: 3} })
	s, err := models.Preset("clip", "mnist-tiny")
	check.Must(t, err)
	s.Data.(*mnist.Source).Validation = 77
	check.Must(t, s.UseData("fashion-mnist"))
	if d := s.Data.(*mnist.Source); d.Name != "fashion-mnist" || d.Validation != 77 || d.Augment.Shift != 1 || d.Captions.PerBatch != 40 {
		t.Errorf("the settings are %+v", d)
	}
	check.Must(t, s.UseData("other"))
	if d, ok := s.Data.(*other); !ok || d.Size != 3 {
		t.Errorf("the settings are %+v", s.Data)
	}
}

// other is a source with settings of its own and nothing to load.
type other struct {
	data.Source `json:"-"`
	Name        string `json:"name"`
	Size        int    `json:"size"`
}

func (o *other) String() string { return o.Name }

func (o *other) Validate() error { return nil }

// tiny is the smallest sensible CLIP.
func tiny(t testing.TB) models.Settings {
	t.Helper()
	s, err := models.Preset("clip", "mnist-tiny")
	check.Must(t, err)
	for key, value := range map[string]string{
		"vision.width": "16", "vision.layers": "1", "vision.mlp": "16", "text.width": "16", "text.layers": "0", "text.mlp": "16",
		"model.projection": "8", "data.limit": "50", "data.validation": "30", "captions.per_batch": "20",
		"steps": "2", "warmup": "1", "batch_size": "8",
	} {
		check.Must(t, run.Set(&s, key, value))
	}
	return s
}

func trainJob(t testing.TB, s models.Settings, files models.Files) (*models.Job, error) {
	t.Helper()
	return models.Kinds()[s.Kind].Train(t.Context(), s, files, data.Options{})
}

// TestTrain makes a job, and from its files, whatever they say, the same model again.
func TestTrain(t *testing.T) {
	for _, languages := range [][]string{{"en"}, {"zh"}, {"en", "zh"}} {
		s := tiny(t)
		s.Data.(*mnist.Source).Captions.Languages = languages
		files := models.Files{}
		j, err := trainJob(t, s, files)
		check.Must(t, err)
		if n := len(j.Splits[data.Validation].(*mnist.Set).Labels); j.Task.Len() != 50 || n != 30 || j.Splits[data.Test].Len() != 10000 {
			t.Errorf("%d training, %d validation examples", j.Task.Len(), n)
		}
		m, err := models.Kinds()["clip"].Open(j.Settings, files, model.NewStore())
		check.Must(t, err)
		c := j.Settings.Model.(*clip.Config)
		if c.Text.Vocab != m.Tokenizer.VocabSize() || c.Text.Vocab < 10 || s.Model.(*clip.Config).Text.Vocab == c.Text.Vocab {
			t.Errorf("%v: text.vocab is %d, the tokenizer has %d, the caller's settings now say %d", languages, c.Text.Vocab,
				m.Tokenizer.VocabSize(), s.Model.(*clip.Config).Text.Vocab)
		}
		longest := 0
		for _, v := range m.Classes {
			for _, list := range v.Prompts() {
				for _, prompt := range list {
					ids, err := m.Tokenizer.Encode(prompt)
					check.Must(t, err)
					longest = max(longest, len(ids)+2)
				}
			}
		}
		if c.Text.Context != longest || !reflect.DeepEqual(m.Classes.Languages(), languages) || m.Preprocess.Mean[0] != mnist.MNISTMean {
			t.Errorf("text.context is %d, the longest caption has %d tokens; classes in %v, pictures by %+v", c.Text.Context, longest,
				m.Classes.Languages(), m.Preprocess)
		}

		// Resumed: the files decide, and not the data set's name.
		preprocess := strings.Replace(string(files[models.PreprocessFile]), "0.13066", "0.5", 1)
		files[models.PreprocessFile] = []byte(preprocess)
		tokenizer := string(files[models.TokenizerFile])
		again, err := trainJob(t, j.Settings, files)
		check.Must(t, err)
		if set := again.Splits[data.Train].(*mnist.Set); set.Mean != 0.5 || string(again.Files[models.TokenizerFile]) != tokenizer {
			t.Errorf("the pictures are normalised by %v; the tokenizer is %s", set.Mean, again.Files[models.TokenizerFile])
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	for _, test := range []struct {
		key, value string
		words      []string
	}{
		{"data.validation", "60000", []string{"data.validation is 60000", "60000 training examples"}},
		{"captions.per_batch", "25", []string{"data.captions.per_batch is 25", "multiple of the 10 classes"}},
		{"captions.per_batch", "0", []string{"data.captions.per_batch is 0"}},
		{"captions.per_batch", "1000", []string{"data.captions.per_batch is 1000", "only 14 captions"}},
		{"captions.sharing", "everything", []string{`"everything"`, `"meanings"`}},
		{"captions.languages", "fr", []string{`"fr"`, "en, zh"}},
		{"captions.languages", "", []string{"data.captions.languages is empty"}},
		{"data.augment.shift", "29", []string{"data.augment.shift is 29", "at most 28"}},
		{"data.augment.scale", "0.95", []string{"data.augment.scale is 0.95", "at most 0.9"}},
		{"vision.patch_size", "5", []string{"image_size 28", "patch_size 5"}},
		{"model.temperature", "0", []string{"temperature is 0"}},
		{"vision.channels", "2", []string{"channels is 2"}},
	} {
		s := tiny(t)
		check.Must(t, run.Set(&s, test.key, test.value))
		err := s.Validate()
		if err == nil {
			_, err = trainJob(t, s, models.Files{})
		}
		check.Error(t, err, test.words...)
	}
	s := tiny(t)
	s.Data.(*mnist.Source).Captions = nil
	_, err := trainJob(t, s, models.Files{})
	check.Error(t, err, "captions")
	s, err = models.Preset("classifier", "mnist-probe")
	check.Must(t, err)
	check.Must(t, run.Set(&s, "model.classes", "7"))
	_, err = trainJob(t, s, models.Files{})
	check.Error(t, err, "model.classes is 7", "mnist has 10")
	check.Error(t, run.Set(&s, "data.captions.per_batch", "20"), "captions") // a classifier has none: the flag is not dropped
}

// TestOpenRefuses: a run that lacks a file, or has a damaged one, says which.
func TestOpenRefuses(t *testing.T) {
	k := models.Kinds()["clip"]
	j, err := trainJob(t, tiny(t), models.Files{})
	check.Must(t, err)
	for name, content := range map[string]string{
		models.TokenizerFile: `{"type":"bpe"}`, models.PreprocessFile: `{"size":0}`, models.ClassesFile: `[{"language":"en"}]`,
	} {
		files := models.Files{}
		for other, data := range j.Files {
			files[other] = data
		}
		files[name] = []byte(content)
		_, err := k.Open(j.Settings, files, model.NewStore())
		check.Error(t, err, name)
		delete(files, name)
		if _, err := k.Open(j.Settings, files, model.NewStore()); name != models.ClassesFile {
			check.Error(t, err, "lacks the file "+name)
		}
	}
}

// TestStartFrom: a classifier takes the tower and the data of a pretrained run, and of nothing else.
func TestStartFrom(t *testing.T) {
	pretrained := tiny(t)
	check.Must(t, pretrained.UseData("fashion-mnist"))
	config, err := pretrained.Config()
	check.Must(t, err)
	dir := t.TempDir() + "/clip"
	f, err := run.Create(dir, config, nil)
	check.Must(t, err)
	check.Must(t, f.Close())
	s, err := models.Preset("classifier", "mnist-tiny-probe")
	check.Must(t, err)
	check.Must(t, s.StartFrom(dir))
	want := pretrained.Model.(*clip.Config).Vision
	if got := s.Model.(*clip.ClassifierConfig).Vision; !reflect.DeepEqual(got, want) || s.Data.String() != "fashion-mnist" || s.Init != dir {
		t.Errorf("the tower is %+v, the data %s, init %s", got, s.Data, s.Init)
	}
	if s.Data.(*mnist.Source).Captions != nil || s.Data.(*mnist.Source).Augment != (mnist.Augment{}) {
		t.Errorf("the probe's own settings are gone: %+v", s.Data)
	}
	check.Error(t, pretrained.StartFrom(dir), "a clip starts from random weights")
	check.Error(t, s.StartFrom(t.TempDir()), "is not a run folder")

	config, err = s.Config()
	check.Must(t, err)
	f, err = run.Create(t.TempDir()+"/probe", config, nil)
	check.Must(t, err)
	check.Must(t, f.Close())
	check.Error(t, s.StartFrom(f.Path()), "holds a classifier", "a classifier starts from a pretrained clip or simclr")
}

// TestSimCLR: it learns from any pictures, with a model as its files say, and a classifier takes its tower.
func TestSimCLR(t *testing.T) {
	s, err := models.Preset("simclr", "mnist-tiny")
	check.Must(t, err)
	check.Must(t, run.Set(&s, "vision.width", "24"))
	check.Must(t, run.Set(&s, "data.limit", "50"))
	j, err := trainJob(t, s, models.Files{})
	check.Must(t, err)
	if j.Task.Len() != 50 || j.Splits[data.Validation].Len() != 5000 {
		t.Errorf("%d training, %d validation examples", j.Task.Len(), j.Splits[data.Validation].Len())
	}
	m, err := models.Kinds()["simclr"].Open(j.Settings, j.Files, model.NewStore())
	check.Must(t, err)
	if f, ok := m.Func("image"); !ok || f.Out[0].Dim(0) != 24 || m.Preprocess.Size != 28 {
		t.Errorf("the function image is %+v, pictures are read by %+v", f, m.Preprocess)
	}
	_, err = models.Kinds()["simclr"].Open(j.Settings, models.Files{}, model.NewStore())
	check.Error(t, err, "lacks the file "+models.PreprocessFile)

	config, err := s.Config()
	check.Must(t, err)
	f, err := run.Create(t.TempDir()+"/simclr", config, nil)
	check.Must(t, err)
	check.Must(t, f.Close())
	c, err := models.Preset("classifier", "mnist-tiny-full")
	check.Must(t, err)
	check.Must(t, c.StartFrom(f.Path()))
	if got := c.Model.(*clip.ClassifierConfig).Vision; !reflect.DeepEqual(got, s.Model.(*simclr.Config).Vision) || got.Width != 24 {
		t.Errorf("the tower is %+v", got)
	}
}
