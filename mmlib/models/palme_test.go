package models

import (
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/fusion"
	"gomm/mmlib/models/palm"
)

// TestBeginEmbodied: a PaLM-E takes from a fusion its vision transformer, its regions and its tokens, and the data; from another PaLM-E
// all of it; and from nothing else.
func TestBeginEmbodied(t *testing.T) {
	k, err := Lookup("palme-captioner")
	check.Must(t, err)
	from, err := Preset("fusion", "scenes-bpe")
	check.Must(t, err)
	before := from.Model.(*fusion.PretrainingConfig)
	before.Vision.Layers, before.Pool, from.Data.(*scenes.Source).Gray = 2, 1, 0.5
	s, err := Preset("palme-captioner", "")
	check.Must(t, err)
	check.Must(t, k.Begin(&s, from))
	c, source := s.Model.(*palm.EmbodiedConfig), s.Data.(*scenes.Source)
	if c.Vision.Layers != 2 || c.Pool != 1 || c.Text.Tokenizer != text.KindBPE || c.Text.Vocab != 512 || c.Text.Layers != 3 ||
		source.Gray != 0 || source.Shuffle {
		t.Errorf("it begins with %+v on %+v", c, source)
	}
	check.Must(t, s.Validate())

	c.Text.Width = 64
	other, err := Preset("palme-vqa", "")
	check.Must(t, err)
	vqa, err := Lookup("palme-vqa")
	check.Must(t, err)
	check.Must(t, vqa.Begin(&other, s))
	if got := other.Model.(*palm.EmbodiedConfig); got.Text.Width != 64 || got.Vision.Layers != 2 || got.Texts != 4 {
		t.Errorf("from another PaLM-E it begins with %+v", got)
	}
	if !slices.Contains(other.Data.(*scenes.Source).Kinds, scenes.AskComparison) {
		t.Error("the questions of training are not those of the row")
	}

	clip, err := Preset("clip", "")
	check.Must(t, err)
	check.Error(t, k.Begin(&s, clip), "holds a clip", "a PaLM-E captioner starts from a pretrained fusion")
	fused, err := Preset("vqa", "")
	check.Must(t, err)
	check.Error(t, Kinds()["vqa"].Begin(&fused, s), "holds a palme-captioner", "a VQA starts from a pretrained fusion")
}

// TestKeepEmbodied: of a fusion's weights those of texts are left out.
func TestKeepEmbodied(t *testing.T) {
	store := model.NewStore()
	for _, path := range []string{
		"/vision/class", "/picture/position", "/regions/attribute0/weights", "/language/embedding", "/text/token", "/fusion/norm/gain",
		"/head/in/weights",
	} {
		_, err := store.CreateVariable(path, tensors.FromValue([]float32{1}))
		check.Must(t, err)
	}
	check.Must(t, keepEmbodied(store))
	var left []string
	for v := range store.IterVariables() {
		left = append(left, v.Path())
	}
	slices.Sort(left)
	want := []string{"/language/embedding", "/picture/position", "/regions/attribute0/weights", "/vision/class"}
	if !slices.Equal(left, want) {
		t.Errorf("kept are %q, want %q", left, want)
	}
}

// TestTrainEmbodied: the data decide lengths and tokens, and leave the caller's settings alone; the model opens with the run's files.
func TestTrainEmbodied(t *testing.T) {
	for kind, fused := range map[string]string{"palme-vqa": "vqa", "palme-captioner": "captioner", "palme-dialogue": "dialogue"} {
		k, err := Lookup(kind)
		check.Must(t, err)
		s, err := Preset(kind, "")
		check.Must(t, err)
		before := s.Model.(*palm.EmbodiedConfig)
		j, err := k.Train(t.Context(), s, Files{}, data.Options{})
		check.Must(t, err)
		other, err := Preset(fused, "")
		check.Must(t, err)
		peer, err := Kinds()[fused].Train(t.Context(), other, Files{}, data.Options{})
		check.Must(t, err)
		c, want := j.Settings.Model.(*palm.EmbodiedConfig), peer.Settings.Model.(*fusion.WriterConfig)
		if c == before || c.Length != want.Length || c.Text.Vocab != want.Text.Vocab || c.Text.End != want.Text.End || c.Texts != want.Texts {
			t.Errorf("%s: length %d, %d tokens of which %d ends; the %s has %d, %d, %d", kind, c.Length, c.Text.Vocab, c.Text.End, fused,
				want.Length, want.Text.Vocab, want.Text.End)
		}
		m, err := k.Open(j.Settings, j.Files, model.NewStore())
		check.Must(t, err)
		if f, ok := m.Func("step"); !ok || f.Out[0].Size() != c.Text.Vocab || k.Measure != Kinds()[fused].Measure {
			t.Errorf("%s: step gives %v, measured by %s", kind, f.Out, k.Measure)
		}
	}
	s, err := Preset("palme-captioner", "")
	check.Must(t, err)
	s.Model.(*palm.EmbodiedConfig).Counting = true
	k, err := Lookup("palme-captioner")
	check.Must(t, err)
	_, err = k.Train(t.Context(), s, Files{}, data.Options{})
	check.Error(t, err, "model.counting is true", "captioner", "leave it out")
}
