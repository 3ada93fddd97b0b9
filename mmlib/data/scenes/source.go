package scenes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/questions"
)

// Name is the source's name in the table of sources.
const Name = "scenes"

// The splits besides those that every source has: scenes in which every cell shows a pair of digit and color that training
// never shows, or of color and place. They exist if Source.HeldOutPairs or Source.HeldOutPlaces is not 0.
const (
	Unseen           = "unseen"            // of MNIST's test digits
	ValidationUnseen = "validation-unseen" // of digits held out of MNIST's training set
)

// Source is the data set with its settings: the settings "data.…" of a run.
type Source struct {
	Name         string        `json:"name"`           // "scenes"
	Grid         int           `json:"grid"`           // cells along one side, 2 to 4
	Train        int           `json:"train"`          // number of scenes in each split
	Validation   int           `json:"validation"`     // …
	Test         int           `json:"test"`           // …
	HeldOutPairs int           `json:"held_out_pairs"` // of the 50 pairs of digit and color that only the unseen splits show: 0, 10 … 40
	Languages    []string      `json:"languages"`      // that texts are drawn from: "en", "zh"
	Shuffle      bool          `json:"shuffle"`        // captions name the cells in a random order, not row by row
	Seed         uint64        `json:"seed"`           // of the scenes
	Augment      mnist.Augment `json:"augment"`        // of each digit, in training

	// HeldOutPlaces is how many of the pairs of color and place only the unseen splits show: as many for each place, 0 for none. It is
	// for models that draw.
	HeldOutPlaces int `json:"held_out_places,omitempty"`
	// HeldOutCaption is the wording of captions, 1 to 3, that is never drawn but by [Set.Request]; 0 for none.
	HeldOutCaption int `json:"held_out_caption,omitempty"`
	// Relations is the share of the captions, for models that draw, that say how two digits lie and nothing else.
	Relations float64 `json:"relations,omitempty"`

	// Gray is the share of the training scenes that are drawn in gray, of which nobody can tell the colors: so a digit is read by its
	// form, and not by the colors that it has been seen in. They are for classification (see [Set.Classes]) and for questions, which
	// then ask for digits and styles alone.
	Gray float64 `json:"gray,omitempty"`
	// Kinds are the kinds of questions that are asked, all if empty. One that is named n times is asked n times as often in training.
	Kinds []string `json:"kinds,omitempty"`
}

// Default returns the source with the settings that it has by default.
func Default() *Source {
	return &Source{Name: Name, Grid: 2, Train: 500_000, Validation: 2000, Test: 5000, Languages: []string{english.name}, Seed: 1}
}

// String is the name of the data set.
func (s *Source) String() string { return s.Name }

// About says in a line what the data set is.
func (s *Source) About() string {
	return "pictures of colored digits with captions, questions and dialogues; made of MNIST"
}

// MadeOf is the data set whose files the scenes are made of.
func (s *Source) MadeOf() string { return mnist.MNIST }

// Validate names the setting and the value at fault.
func (s *Source) Validate() error {
	switch {
	case s.Name != Name:
		return fmt.Errorf("name is %q: it must be %q", s.Name, Name)
	case s.Grid < 2 || s.Grid > 4:
		return fmt.Errorf("grid is %d: it must be 2, 3 or 4", s.Grid)
	case s.Train < 1:
		return fmt.Errorf("train is %d: there must be at least 1 scene to train on", s.Train)
	case s.Validation < 0:
		return fmt.Errorf("validation is %d: it must be at least 0", s.Validation)
	case s.Test < 0:
		return fmt.Errorf("test is %d: it must be at least 0", s.Test)
	case s.HeldOutPairs%10 != 0 || s.HeldOutPairs < 0 || s.HeldOutPairs > 40:
		return fmt.Errorf("held_out_pairs is %d: it must be 0, 10, 20, 30 or 40 of the 50 pairs of digit and color", s.HeldOutPairs)
	case s.HeldOutPlaces < 0 || s.HeldOutPlaces%(s.Grid*s.Grid) != 0 || s.HeldOutPlaces >= Color.Values()*s.Grid*s.Grid:
		return fmt.Errorf("held_out_places is %d: it must be 0, or a multiple of the %d cells that is less than %d", s.HeldOutPlaces,
			s.Grid*s.Grid, Color.Values()*s.Grid*s.Grid)
	case s.HeldOutPlaces > 0 && s.HeldOutPairs > 0:
		return fmt.Errorf("held_out_places is %d and held_out_pairs %d: one of them must be 0", s.HeldOutPlaces, s.HeldOutPairs)
	case s.HeldOutCaption < 0 || s.HeldOutCaption > NumCaptions:
		return fmt.Errorf("held_out_caption is %d: it must be 1 to %d, or 0 for none", s.HeldOutCaption, NumCaptions)
	case !(s.Relations >= 0 && s.Relations <= 1):
		return fmt.Errorf("relations is %g: a share is at least 0 and at most 1", s.Relations)
	case !(s.Gray >= 0 && s.Gray < 1):
		return fmt.Errorf("gray is %g: it must be at least 0 and below 1", s.Gray)
	case len(s.Languages) == 0:
		return errors.New("languages is empty: name at least one of en, zh")
	}
	for _, kind := range s.Kinds {
		if !slices.Contains(Kinds(), kind) {
			return fmt.Errorf("kinds names %q: there are questions of the kinds %s", kind, strings.Join(Kinds(), ", "))
		}
	}
	for i, name := range s.Languages {
		if _, err := lookup(name); err != nil {
			return fmt.Errorf("languages: %w", err)
		}
		if slices.Contains(s.Languages[:i], name) {
			return fmt.Errorf("languages names %q twice", name)
		}
	}
	return s.Augment.Validate()
}

// validationDigits is how many of MNIST's training digits only the validation scenes show.
const validationDigits = 5000

// Load implements [data.Source]: it gets MNIST's digits; scenes are made when they are asked for.
func (s *Source) Load(ctx context.Context, o data.Options) (map[string]data.Set, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("data.%w", err)
	}
	files := mnist.Options{Dir: o.Dir, Cache: o.Cache, Offline: o.Offline, Progress: o.Progress, Context: ctx}
	all, test, err := mnist.Load(mnist.MNIST, files)
	if err != nil {
		return nil, err
	}
	train, validation := all.Split(validationDigits)
	splits := map[string]data.Set{}
	add := func(name string, number uint64, digits *mnist.Set, n int, unseen bool) error {
		if n == 0 {
			return nil
		}
		set := &Set{source: *s, digits: *digits, stream: number, scenes: n, unseen: unseen, kinds: slices.Clone(s.Kinds)}
		slices.Sort(set.kinds)
		set.kinds = slices.Compact(set.kinds)
		for n := range NumCaptions {
			if n != s.HeldOutCaption-1 {
				set.wordings = append(set.wordings, n)
			}
		}
		set.digits.Mean, set.digits.Std, set.digits.Augment = 0, 1, s.Augment
		for _, language := range s.Languages {
			l, err := lookup(language)
			if err != nil {
				return fmt.Errorf("scenes: %w", err)
			}
			set.tongues = append(set.tongues, l)
		}
		taught := set
		if s, ok := splits[data.Train].(*Set); ok {
			taught = s
		}
		set.blind[0] = sync.OnceValue(func() *questions.Blind {
			return taught.teach(func(i int) []questions.Question { return taught.Questions(i, 4, nil) })
		})
		set.blind[1] = sync.OnceValue(func() *questions.Blind {
			return taught.teach(func(i int) []questions.Question { return taught.Dialogue(i, nil) })
		})
		splits[name] = set
		return set.readAs(o.Picture)
	}
	err = errors.Join(
		add(data.Train, 0, train, s.Train, false),
		add(data.Validation, 1, validation, s.Validation, false),
		add(data.Test, 2, test, s.Test, false),
	)
	if s.HeldOutPairs > 0 || s.HeldOutPlaces > 0 {
		err = errors.Join(err, add(ValidationUnseen, 3, validation, s.Validation, true), add(Unseen, 4, test, s.Test, true))
	}
	return splits, err
}
