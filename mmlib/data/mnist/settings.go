package mnist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
)

// Source is MNIST or Fashion-MNIST as a [data.Source]: the settings "data.…" of a run.
type Source struct {
	Name       string             `json:"name"`           // "mnist" or "fashion-mnist"
	Validation int                `json:"validation"`     // training examples held out, on which checkpoints and settings are chosen
	Limit      int                `json:"limit"`          // at most so many training examples; 0 for all
	Draw       uint64             `json:"draw,omitempty"` // seed by which those are drawn, as many of each class; 0 takes the first
	Augment    Augment            `json:"augment"`
	Captions   *captions.Settings `json:"captions,omitempty"` // nil for a model without texts
}

// String is the name of the data set.
func (s *Source) String() string { return s.Name }

// About says in a line what the data set is.
func (s *Source) About() string {
	if s.Name == Fashion {
		return "70,000 pictures of clothes, 30 MB"
	}
	return "70,000 handwritten digits, 12 MB"
}

// Validate names the setting and the value at fault.
func (s *Source) Validate() error {
	if _, err := lookup(s.Name); err != nil {
		return err
	}
	if s.Validation < 0 {
		return fmt.Errorf("validation is %d: it must be at least 0", s.Validation)
	}
	if s.Limit < 0 {
		return fmt.Errorf("limit is %d: it must be at least 0", s.Limit)
	}
	if s.Draw != 0 && (s.Limit == 0 || s.Limit%NumClasses != 0) {
		return fmt.Errorf("draw is %d with a limit of %d: set limit to a multiple of the %d classes, of which as many examples each are drawn",
			s.Draw, s.Limit, NumClasses)
	}
	if err := s.Augment.Validate(); err != nil {
		return err
	}
	if s.Captions == nil {
		return nil
	}
	if err := s.Captions.Validate(); err != nil {
		return err
	}
	_, err := s.classes().Select(s.Captions.Languages)
	return err
}

// classes are the names and templates of the data set in all languages.
func (s *Source) classes() captions.Classes { return vocabularies[s.Name] }

// Load implements [data.Source].
func (s *Source) Load(ctx context.Context, o data.Options) (map[string]data.Set, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("data.%w", err)
	}
	all, test, err := Load(s.Name, Options{Dir: o.Dir, Cache: o.Cache, Offline: o.Offline, Progress: o.Progress, Context: ctx})
	if err != nil {
		return nil, err
	}
	if s.Validation >= all.Len() {
		return nil, fmt.Errorf("data.validation is %d: it must leave some of the %d training examples", s.Validation, all.Len())
	}
	train, validation := all.Split(s.Validation)
	if s.Draw == 0 {
		train = train.Limit(s.Limit)
	} else if train, err = train.Draw(s.Limit/NumClasses, s.Draw); err != nil {
		return nil, fmt.Errorf("data.limit is %d: %w", s.Limit, err)
	}
	splits := map[string]data.Set{}
	for name, set := range map[string]*Set{data.Train: train, data.Validation: validation, data.Test: test} {
		if set.Len() == 0 {
			continue
		}
		set.Captions, set.Augment = s.Captions, s.Augment
		if err := errors.Join(set.readAs(o.Picture), set.name(o.Classes)); err != nil {
			return nil, err
		}
		splits[name] = set
	}
	return splits, nil
}

// readAs makes the set write what a model reads.
func (s *Set) readAs(p picture.Preprocess) error {
	if p.Size == 0 {
		return nil
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if len(p.Mean) == 0 {
		p.Mean = slices.Repeat([]float32{s.Mean}, p.Channels)
	}
	if len(p.Std) == 0 {
		p.Std = slices.Repeat([]float32{cmp.Or(s.Std, 1)}, p.Channels)
	}
	s.Mean, s.Std, s.Prepare = p.Mean[0], p.Std[0], p
	return nil
}

// name gives the classes other names and templates than the data set's own; nil leaves those.
func (s *Set) name(c captions.Classes) error {
	if c == nil {
		return nil
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if n := len(c.Names()); n != NumClasses {
		return fmt.Errorf("mnist: there are names for %d classes; the data set %s has %d", n, s.Name, NumClasses)
	}
	s.named = c
	return nil
}

// Classes are the names of the classes, with templates, in the languages of the set's captions, or in every language
// where it has none.
func (s *Set) Classes() captions.Classes {
	all := slices.Clone(s.named)
	if all == nil {
		all = slices.Clone(vocabularies[s.Name])
	}
	if s.Captions == nil {
		return all
	}
	return slices.DeleteFunc(all, func(v captions.Vocabulary) bool { return !slices.Contains(s.Captions.Languages, v.Language) })
}

// Record describes example i for people and for other programs.
func (s *Set) Record(i int) any {
	return Record{Class: s.Class(i), Name: vocabularies[s.Name][0].Names[s.Class(i)]}
}

// Record is the class of an example, and its name in English.
type Record struct {
	Class int    `json:"class"`
	Name  string `json:"name"`
}

// String is the record for people.
func (r Record) String() string { return "  " + r.Name }

// Texts returns all captions that [Set.Pairs] draws from.
func (s *Set) Texts() ([]string, error) {
	if s.Captions == nil {
		return nil, errors.New("mnist: the set has no settings of captions")
	}
	var texts []string
	for _, v := range s.Classes() {
		texts = append(texts, slices.Concat(v.Prompts()...)...)
	}
	return texts, nil
}

// Pairs gives the pictures their captions.
func (s *Set) Pairs(encode captions.Encode) (*captions.Pairs, error) {
	if s.Captions == nil {
		return nil, errors.New("mnist: the set has no settings of captions")
	}
	return captions.ByClass(s, s.Classes(), *s.Captions, encode)
}
