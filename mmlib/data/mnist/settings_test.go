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
	return &Source{Name: MNIST, Validation: 5000, Captions: &captions.Settings{Languages: []string{"zh"}, PerBatch: 10, Sharing: captions.ShareMeanings}}
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

// TestResized: each channel is what data/picture makes of the original at that size, normalised by the set's numbers.
func TestResized(t *testing.T) {
	s := blob()
	s.Mean, s.Std = 0.25, 0.5
	if err := s.readAs(picture.Preprocess{Size: 32, Channels: 3}); err != nil {
		t.Fatal(err)
	}
	got, want := make([]float32, 32*32*3), make([]float32, 32*32*3)
	s.Picture(got, 0, nil)
	p := s.Preprocess()
	if err := p.Apply(want, s.Original(0)); err != nil {
		t.Fatal(err)
	}
	bright := float32(0)
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 0.02 { // of 2 levels in 255, at this Std
			t.Fatalf("value %d is %g, data/picture gives %g", i, got[i], want[i])
		}
		if got[i] != got[i/3*3] {
			t.Fatalf("the channels of pixel %d differ", i/3)
		}
		bright = max(bright, got[i])
	}
	if bright < 0.5 {
		t.Errorf("the brightest value is %g: the picture is lost", bright)
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
		"the model normalises its channels differently": func(_ *Source, o *data.Options) {
			o.Picture = picture.Preprocess{Size: 28, Channels: 3, Mean: []float32{0.1, 0.2, 0.3}, Std: []float32{1, 1, 1}}
		},
	} {
		s, o := settings(), data.Options{Offline: true}
		spoil(s, &o)
		if _, err := s.Load(context.Background(), o); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want one with %q", err, words)
		}
	}
}
