package scenes

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/internal/check"
)

func loadFilms(t *testing.T, o data.Options, change func(s *FilmSource)) map[string]data.Set {
	t.Helper()
	s := DefaultFilms()
	change(s)
	splits, err := s.Load(context.Background(), o)
	check.Must(t, err)
	return splits
}

// TestFilms: every frame shows something, and the caption says what moves, which it does.
func TestFilms(t *testing.T) {
	for _, change := range []func(s *FilmSource){
		func(*FilmSource) {},
		func(s *FilmSource) { s.Digits, s.Languages = 2, Languages() },
		func(s *FilmSource) { s.Digits, s.Colors, s.Speeds, s.Directions = 2, false, false, 4 }, // Moving MNIST
	} {
		films := loadFilms(t, data.Options{}, change)[data.Test].(*Films)
		frames, h, w, c := films.Shape()
		if want := map[bool]int{false: 1, true: 3}[films.source.Colors]; frames != FilmFrames || h != 64 || w != 64 || c != want {
			t.Fatalf("the shape is %d, %d, %d, %d", frames, h, w, c)
		}
		size := h * w * c
		pixels := make([]float32, frames*size)
		for i := range 20 {
			films.Picture(pixels, i, nil)
			for n := range frames {
				if slices.Max(pixels[n*size:(n+1)*size]) < 0.5 {
					t.Fatalf("film %d: frame %d is empty", i, n)
				}
			}
			if slices.Equal(pixels[:size], pixels[size:2*size]) {
				t.Fatalf("film %d: nothing moves", i)
			}
			for _, m := range films.Movers(i) {
				if caption := films.Caption(i, nil); !strings.Contains(caption, strconv.Itoa(m.Digit)) ||
					films.source.Languages[0] == "en" && len(films.source.Languages) == 1 &&
						!(strings.Contains(caption, m.Color) && strings.Contains(caption, m.Direction) && strings.Contains(caption, m.Speed)) {
					t.Errorf("%q does not say %+v", caption, m)
				}
				for n, v := range []int{m.x, m.y} { // it is seen to go where its caption says for two frames at least
					d := []int{m.dx, m.dy}[n]
					if v+2*d < 0 || v+2*d > FilmSide-Side {
						t.Errorf("a digit at %d turns back after a frame of %d pixels", v, d)
					}
				}
			}
		}
	}
	// A digit that starts to the right is further right in the next frame.
	m := Mover{x: 30, dx: 4}
	for _, want := range []int{34, 34, 30} { // 36 is the most: it turns back
		if m.step(); m.x != want {
			t.Errorf("at %d, want %d", m.x, want)
		}
	}
}

// TestCaptionsOfFilms: there are 1,200 of one digit, each with 23 foils, and 40 of Moving MNIST; the vocabulary knows all words.
func TestCaptionsOfFilms(t *testing.T) {
	films := loadFilms(t, data.Options{}, func(*FilmSource) {})[data.Train].(*Films)
	meanings := map[string]bool{}
	for i := range 20_000 {
		meanings[films.Meaning(i)] = true
	}
	texts, err := films.Texts()
	check.Must(t, err)
	if len(meanings) != 1200 || len(texts) != 1200 {
		t.Errorf("20,000 films say %d things, and there are %d texts; want 1,200", len(meanings), len(texts))
	}
	foils := films.Foils(3)
	if len(foils) != 24 || foils[0] != films.Caption(3, nil) {
		t.Errorf("there are %d foils of %q: %q", len(foils), films.Caption(3, nil), foils)
	}
	m := films.Movers(3)[0]
	for i, f := range foils {
		if !strings.Contains(f, m.Color+" digit "+strconv.Itoa(m.Digit)) || slices.Index(foils, f) != i {
			t.Errorf("the foil %q says another digit or color, or comes twice", f)
		}
	}
	for want, change := range map[int]func(s *FilmSource){
		40:  func(s *FilmSource) { s.Colors, s.Speeds, s.Directions = false, false, 4 },
		820: func(s *FilmSource) { s.Digits, s.Colors, s.Speeds, s.Directions = 2, false, false, 4 }, // 40·41/2: no order
	} {
		films := loadFilms(t, data.Options{}, change)[data.Train].(*Films)
		meanings := map[string]bool{}
		for i := range 20_000 {
			meanings[films.Meaning(i)] = true
		}
		if len(meanings) != want {
			t.Errorf("20,000 films say %d things, want %d", len(meanings), want)
		}
	}
}

// TestFilmFile: a film that is written as a GIF, or as a folder of pictures, is read as the example that it was, but for the lowest
// bits of colors.
func TestFilmFile(t *testing.T) {
	o := data.Options{Picture: picture.Preprocess{Size: 64, Channels: 3, Frames: 10}}
	films := loadFilms(t, o, func(*FilmSource) {})[data.Test].(*Films)
	want := make([]float32, 10*64*64*3)
	dir := t.TempDir()
	for i := range 5 {
		var file bytes.Buffer
		check.Must(t, picture.EncodeGIF(&file, films.Frames(i), 5))
		path := filepath.Join(dir, "film.gif")
		check.Must(t, os.WriteFile(path, file.Bytes(), 0o600))
		got, err := films.Preprocess().Load(path)
		check.Must(t, err)
		films.Picture(want, i, nil)
		for k := range want {
			if math.Abs(float64(got[k]-want[k])) > 0.001 {
				t.Fatalf("film %d: value %d is %g, want %g", i, k, got[k], want[k])
			}
		}
	}
}

func TestFilmSourceRefuses(t *testing.T) {
	for want, change := range map[string]func(s *FilmSource){
		"digits is 3":     func(s *FilmSource) { s.Digits = 3 },
		"directions is 5": func(s *FilmSource) { s.Directions = 5 },
		"train is 0":      func(s *FilmSource) { s.Train = 0 },
		`"fr"`:            func(s *FilmSource) { s.Languages = []string{"fr"} },
	} {
		s := DefaultFilms()
		change(s)
		check.Error(t, s.Validate(), want)
	}
	for want, p := range map[string]picture.Preprocess{
		"cannot be read as 28×28 pixels of 3 channels": {Size: 28, Channels: 3},
		"cannot be read as 64×64 pixels of 1 channels": {Size: 64, Channels: 1},
		"frames is 2000": {Size: 64, Channels: 3, Frames: 2000},
		"another mean":   {Size: 64, Channels: 3, Mean: []float32{0.5, 0.5, 0.5}},
	} {
		_, err := DefaultFilms().Load(context.Background(), data.Options{Picture: p})
		check.Error(t, err, want)
	}
}
