package scenes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gomm/mmlib/data"
	"gomm/mmlib/data/picture"
)

// FilmName is the name of [FilmSource] in the table of sources.
const FilmName = "films"

// The shape of a film, that of Moving MNIST (Srivastava et al. 2015, arXiv:1502.04681, §3.2): 20 frames of 64×64 pixels.
const (
	FilmFrames = 20
	FilmSide   = 64
)

// FilmSource makes films of moving digits, each with a caption that says which digits move where and how fast, after Moving MNIST
// and its captions in Sync-DRAW (Mittal et al. 2017, arXiv:1611.10314, §4.1). A digit starts in one of the directions, and turns back
// at the edge of the picture. Ten digits in five colors, eight directions and three speeds make 1,200 captions of one digit; without
// colors and speeds and with four directions it is as in Moving MNIST, and there are 40.
type FilmSource struct {
	Name       string   `json:"name"`       // "films"
	Digits     int      `json:"digits"`     // in a film, 1 or 2
	Colors     bool     `json:"colors"`     // digits have colors, and captions say which; else films are grey
	Directions int      `json:"directions"` // 4, or 8 with the diagonals
	Speeds     bool     `json:"speeds"`     // captions say how fast digits move
	Train      int      `json:"train"`      // number of films in each split
	Validation int      `json:"validation"` // …
	Test       int      `json:"test"`       // …
	Languages  []string `json:"languages"`  // of the captions
	Seed       uint64   `json:"seed"`
}

// DefaultFilms returns the source with the settings that it has by default.
func DefaultFilms() *FilmSource {
	return &FilmSource{
		Name: FilmName, Digits: 1, Colors: true, Directions: 8, Speeds: true, Train: 1_000_000, Validation: 2000, Test: 10_000,
		Languages: []string{english.name}, Seed: 1,
	}
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
	if s.Directions != 4 && s.Directions != len(headings) {
		return fmt.Errorf("directions is %d: it must be 4 or %d", s.Directions, len(headings))
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
	prepare, err := s.readAs(o.Picture)
	if err != nil {
		return nil, err
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
		films[name] = &Films{still: *still, source: *s, prepare: prepare}
	}
	return films, nil
}

// readAs is how a model reads the films: as they are drawn, but for the number of frames.
func (s *FilmSource) readAs(p picture.Preprocess) (picture.Preprocess, error) {
	drawn := picture.Preprocess{Size: FilmSide, Channels: 1, Frames: FilmFrames}
	if s.Colors {
		drawn.Channels = channels
	}
	if p.Size != 0 && (p.Size != FilmSide || p.Channels != drawn.Channels) {
		return p, fmt.Errorf("scenes: films have frames of %d×%d pixels and %d channels (data.colors is %v): they cannot be read as %d×%d "+
			"pixels of %d channels", FilmSide, FilmSide, drawn.Channels, s.Colors, p.Size, p.Size, p.Channels)
	}
	for _, x := range append(slices.Clone(p.Mean), p.Std...) {
		if x != 0 && x != 1 {
			return p, errors.New("scenes: films are read as they are drawn, black 0 and white 1, not with another mean and std")
		}
	}
	if p.Frames > 0 {
		drawn.Frames = p.Frames
	}
	return drawn, drawn.Validate()
}
