package scenes

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"strings"

	"gomm/mmlib/data"
)

// FilmName is the name of [FilmSource] in the table of sources.
const FilmName = "films"

// The shape of a film, that of Moving MNIST (Srivastava et al. 2015, arXiv:1502.04681, §3.2): 20 frames of 64×64 grey pixels.
const (
	FilmFrames = 20
	FilmSide   = 64
)

// FilmSource makes films of moving digits, each with a caption that says which digits move where, after Moving MNIST and its
// captions in Sync-DRAW (Mittal et al. 2017, arXiv:1611.10314, §4.1). A digit starts in one of four directions, and turns back at
// the edge of the picture.
type FilmSource struct {
	Name       string   `json:"name"`       // "films"
	Digits     int      `json:"digits"`     // in a film, 1 or 2
	Train      int      `json:"train"`      // number of films in each split
	Validation int      `json:"validation"` // …
	Test       int      `json:"test"`       // …
	Languages  []string `json:"languages"`  // of the captions
	Seed       uint64   `json:"seed"`
}

// DefaultFilms returns the source with the settings that it has by default.
func DefaultFilms() *FilmSource {
	return &FilmSource{Name: FilmName, Digits: 1, Train: 100_000, Validation: 500, Test: 1000, Languages: []string{english.name}, Seed: 1}
}

// String is the name of the data set.
func (s *FilmSource) String() string { return s.Name }

// About says in a line what the data set is.
func (s *FilmSource) About() string { return "films of moving digits with captions; made of MNIST" }

// MadeOf is the data set whose files the films are made of.
func (s *FilmSource) MadeOf() string { return "mnist" }

// Validate names the setting and the value at fault.
func (s *FilmSource) Validate() error {
	if s.Name != FilmName {
		return fmt.Errorf("name is %q: it must be %q", s.Name, FilmName)
	}
	if s.Digits < 1 || s.Digits > 2 {
		return fmt.Errorf("digits is %d: a film has 1 or 2", s.Digits)
	}
	as := Default()
	as.Train, as.Validation, as.Test, as.Languages = s.Train, s.Validation, s.Test, s.Languages
	return as.Validate()
}

// Load implements [data.Source].
func (s *FilmSource) Load(ctx context.Context, o data.Options) (map[string]data.Set, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("data.%w", err)
	}
	if p := o.Picture; p.Size != 0 && (p.Size != FilmSide || p.Channels != 1) {
		return nil, fmt.Errorf("scenes: films are grey, of %d×%d pixels: they cannot be read as %d×%d pixels of %d channels", FilmSide, FilmSide,
			p.Size, p.Size, p.Channels)
	}
	stills := Default()
	stills.Train, stills.Validation, stills.Test, stills.Seed, stills.Languages = s.Train, s.Validation, s.Test, s.Seed, s.Languages
	splits, err := stills.Load(ctx, data.Options{Dir: o.Dir, Cache: o.Cache, Offline: o.Offline, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	films := map[string]data.Set{}
	for name, set := range splits {
		still, ok := set.(*Set)
		if !ok {
			return nil, errors.New("scenes: a split of another source")
		}
		films[name] = &Films{still: *still, digits: s.Digits}
	}
	return films, nil
}

// Films is one split. It is safe for concurrent use.
type Films struct {
	still  Set // for its digits, languages and random numbers
	digits int
}

// Mover is a digit of a film.
type Mover struct {
	Digit     int    `json:"digit"`
	Direction string `json:"direction"` // where it starts to, in English: "left", "right", "up" or "down"

	picture, x, y, dx, dy int
}

// headings name the directions, in the languages' order, and are the pixels that a digit moves a frame, times its speed.
var headings = [numDirections]struct {
	en, zh string
	dx, dy int
}{left: {"left", "左", -1, 0}, right: {"right", "右", 1, 0}, above: {"up", "上", 0, -1}, below: {"down", "下", 0, 1}}

// Len is the number of films.
func (f *Films) Len() int { return f.still.scenes }

// Shape is the shape of what Picture writes.
func (f *Films) Shape() (frames, height, width, channels int) {
	return FilmFrames, FilmSide, FilmSide, 1
}

// Movers returns the digits of film i as they start: with a speed of 2 to 4 pixels a frame.
func (f *Films) Movers(i int) []Mover {
	r := f.still.random(i, forScene)
	movers := make([]Mover, f.digits)
	for k := range movers {
		at, to, speed := r.IntN(f.still.digits.Len()), r.IntN(int(numDirections)), 2+r.IntN(3)
		h := headings[to]
		movers[k] = Mover{
			Digit: f.still.digits.Class(at), Direction: h.en, picture: at,
			x: r.IntN(FilmSide - Side + 1), y: r.IntN(FilmSide - Side + 1), dx: h.dx * speed, dy: h.dy * speed,
		}
	}
	return movers
}

// step moves a digit by a frame; at an edge it turns back.
func (m *Mover) step() {
	bounce := func(x, dx int) (int, int) {
		const most = FilmSide - Side
		if x += dx; x < 0 {
			return -x, -dx
		} else if x > most {
			return 2*most - x, -dx
		}
		return x, dx
	}
	m.x, m.dx = bounce(m.x, m.dx)
	m.y, m.dy = bounce(m.y, m.dy)
}

// draw writes film i, frame by frame; where digits overlap, the brighter pixel is seen.
func (f *Films) draw(i int, frame func(n int, pixels *[FilmSide * FilmSide]byte)) {
	movers := f.Movers(i)
	for n := range FilmFrames {
		var pixels [FilmSide * FilmSide]byte
		for k := range movers {
			m := &movers[k]
			for j, v := range f.still.digits.Image(m.picture) {
				p := &pixels[(m.y+j/Side)*FilmSide+m.x+j%Side]
				*p = max(*p, v)
			}
			m.step()
		}
		frame(n, &pixels)
	}
}

// Picture writes film i to dst, [frames, height, width, 1], black 0 and white 1. Nothing is changed at random.
func (f *Films) Picture(dst []float32, i int, _ *rand.Rand) {
	f.draw(i, func(n int, pixels *[FilmSide * FilmSide]byte) {
		for j, v := range pixels {
			dst[n*FilmSide*FilmSide+j] = float32(v) / 255
		}
	})
}

// Original is film i as people see it on paper: its frames side by side.
func (f *Films) Original(i int) image.Image {
	img := image.NewGray(image.Rect(0, 0, FilmFrames*FilmSide, FilmSide))
	f.draw(i, func(n int, pixels *[FilmSide * FilmSide]byte) {
		for y := range FilmSide {
			copy(img.Pix[y*img.Stride+n*FilmSide:], pixels[y*FilmSide:(y+1)*FilmSide])
		}
	})
	return img
}

// Caption says what moves where in film i, in one of the languages. Without r it is always the same one.
func (f *Films) Caption(i int, r *rand.Rand) string {
	if r == nil {
		r = f.still.random(i, forCaption)
	}
	zh := f.still.tongue(r) == &chinese
	var parts []string
	for _, m := range f.Movers(i) {
		part := fmt.Sprintf("the digit %d moves %s", m.Digit, m.Direction)
		if zh {
			for _, h := range headings {
				if h.en == m.Direction {
					part = fmt.Sprintf("数字%d向%s移动", m.Digit, h.zh)
				}
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, map[bool]string{false: " and ", true: "，"}[zh])
}
