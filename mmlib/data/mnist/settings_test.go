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
		if changed := set.Augment != (Augment{}); changed != (name == data.Train) {
			t.Errorf("%s: random changes are %v", name, set.Augment)
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
