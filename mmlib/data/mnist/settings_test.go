package mnist

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
)

func settings() *Source {
	return &Source{Name: MNIST, Validation: 5000, Captions: &captions.Settings{Languages: []string{"zh"}, PerBatch: 10,
		Sharing: captions.ShareMeanings}}
}

// TestSource: the splits of the settings, as the model reads them.
func TestSource(t *testing.T) {
	s := settings()
	s.Limit, s.Augment = 200, Augment{Shift: 2}
	splits, err := s.Load(context.Background(), data.Options{Offline: true, Picture: picture.Preprocess{Size: 32, Channels: 3}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{data.Train: 200, data.Validation: 5000, data.Test: 10000} {
		set := splits[name].(*Set)
		if set.Len() != want {
			t.Errorf("%s has %d examples, want %d", name, set.Len(), want)
		}
		if _, h, w, c := set.Shape(); h != 32 || w != 32 || c != 3 {
			t.Errorf("%s gives pictures of %d×%d×%d, want 32×32×3", name, h, w, c)
		}
		if set.Augment != s.Augment {
			t.Errorf("%s: random changes are %v, want %v", name, set.Augment, s.Augment)
		}
	}
	train := splits[data.Train].(*Set)
	if got := train.Classes().Languages(); !slices.Equal(got, []string{"zh"}) {
		t.Errorf("the classes are named in %q, the captions are in zh", got)
	}
	if texts, err := train.Texts(); err != nil || !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "七") }) {
		t.Errorf("the captions are %q (%v)", texts, err)
	}
}

// TestResized: the picture is what data/picture makes of the original, each channel normalised as the model wants it.
func TestResized(t *testing.T) {
	s := blob()
	p := picture.Preprocess{Size: 32, Channels: 3, Resampling: picture.Bilinear, Mean: []float32{0, 0.25, 0.5}, Std: []float32{1, 0.5, 1}}
	if err := s.readAs(p); err != nil {
		t.Fatal(err)
	}
	got, want := make([]float32, 32*32*3), make([]float32, 32*32*3)
	s.Picture(got, 0, nil)
	if err := p.Apply(want, s.Original(0)); err != nil {
		t.Fatal(err)
	}
	bright := float32(0)
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("value %d is %g, data/picture gives %g", i, got[i], want[i])
		}
		level := got[i]*p.Std[i%3] + p.Mean[i%3]
		if math.Abs(float64(level-got[i/3*3])) > 1e-6 {
			t.Fatalf("channel %d of pixel %d is the level %g, the first is %g", i%3, i/3, level, got[i/3*3])
		}
		bright = max(bright, level)
	}
	if bright < 0.5 {
		t.Errorf("the brightest level is %g: the picture is lost", bright)
	}
	if got := s.Preprocess(); got.Resampling != picture.Bilinear || got.Std[1] != 0.5 {
		t.Errorf("user's files are prepared by %+v, the model was trained with %+v", got, p)
	}
}

// TestNormalised: at 28×28 the model's own normalisation counts, and without one the data set's.
func TestNormalised(t *testing.T) {
	s := blob()
	s.Mean, s.Std = 0.25, 0.5
	dst := make([]float32, Pixels)
	for _, test := range []struct {
		p    picture.Preprocess
		want float32 // of black
	}{{picture.Preprocess{}, -0.5}, {picture.Preprocess{Size: 28, Channels: 1}, -0.5},
		{picture.Preprocess{Size: 28, Channels: 1, Mean: []float32{1}, Std: []float32{4}}, -0.25}} {
		if err := s.readAs(test.p); err != nil {
			t.Fatal(err)
		}
		if s.Picture(dst, 0, nil); dst[0] != test.want {
			t.Errorf("%+v: black is %g, want %g", test.p, dst[0], test.want)
		}
	}
}

// TestNamed: captions are written from the names and templates of a run, where it has some.
func TestNamed(t *testing.T) {
	names := strings.Split("nil un deux trois quatre cinq six sept huit neuf", " ")
	o := data.Options{Offline: true, Classes: captions.Classes{{Language: "zh", Names: names, Templates: []string{"le %s"}}}}
	splits, err := settings().Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	train := splits[data.Train].(*Set)
	if texts, err := train.Texts(); err != nil || len(texts) != 10 || texts[7] != "le sept" {
		t.Errorf("the captions are %q (%v)", texts, err)
	}
	if got := train.Classes()[0].Names; !slices.Equal(got, names) {
		t.Errorf("the classes are %q", got)
	}
}

func TestSourceRefuses(t *testing.T) {
	for words, spoil := range map[string]func(*Source, *data.Options){
		`no data set "letters"`:                        func(s *Source, _ *data.Options) { s.Name = "letters" },
		"data.validation is -1":                        func(s *Source, _ *data.Options) { s.Validation = -1 },
		"data.validation is 60000: it must leave some": func(s *Source, _ *data.Options) { s.Validation = 60000 },
		"data.limit is -2":                             func(s *Source, _ *data.Options) { s.Limit = -2 },
		"data.draw is 3 with a limit of 0: set limit":  func(s *Source, _ *data.Options) { s.Draw = 3 },
		"data.draw is 3 with a limit of 15":            func(s *Source, _ *data.Options) { s.Draw, s.Limit = 3, 15 },
		"data.limit is 59000: mnist: class":            func(s *Source, _ *data.Options) { s.Draw, s.Limit = 3, 59000 },
		"data.augment.scale is 1.5":                    func(s *Source, _ *data.Options) { s.Augment.Scale = 1.5 },
		"data.augment.shift is NaN":                    func(s *Source, _ *data.Options) { s.Augment.Shift = math.NaN() },
		"data.captions.sharing":                        func(s *Source, _ *data.Options) { s.Captions.Sharing = "all" },
		`no class names in the language "fr"`:          func(s *Source, _ *data.Options) { s.Captions.Languages = []string{"fr"} },
		"names for 2 classes; the data set mnist has 10": func(_ *Source, o *data.Options) {
			o.Classes = captions.Classes{{Language: "zh", Names: []string{"a", "b"}, Templates: []string{"%s"}}}
		},
		"size is -1": func(_ *Source, o *data.Options) { o.Picture = picture.Preprocess{Size: -1, Channels: 1} },
	} {
		s, o := settings(), data.Options{Offline: true}
		spoil(s, &o)
		if _, err := s.Load(context.Background(), o); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want one with %q", err, words)
		}
	}
}

// TestDrawn: with a draw, the training examples are balanced and not the first ones; validation and test stay.
func TestDrawn(t *testing.T) {
	load := func(draw uint64) map[string]data.Set {
		s := settings()
		s.Limit, s.Draw = 100, draw
		splits, err := s.Load(context.Background(), data.Options{Offline: true})
		if err != nil {
			t.Fatal(err)
		}
		return splits
	}
	first, drawn := load(0), load(1)
	var of [NumClasses]int
	train := drawn[data.Train].(*Set)
	for i := range train.Len() {
		of[train.Class(i)]++
	}
	if train.Len() != 100 || slices.Min(of[:]) != 10 || slices.Equal(train.Labels, first[data.Train].(*Set).Labels) {
		t.Errorf("%d examples, %v of the classes", train.Len(), of)
	}
	if v := drawn[data.Validation].(*Set); !slices.Equal(v.Images, first[data.Validation].(*Set).Images) || drawn[data.Test].Len() != 10000 {
		t.Error("the validation or the test split is another one")
	}
}
