package experiment

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// labelled is what the measures of classes need of a set.
type labelled interface {
	eval.Pictures
	Classes() captions.Classes
}

// original is a set that can show its pictures to people.
type original interface{ Original(i int) image.Image }

// acceptsClasses: a trained classifier knows the classes that it was trained on and no others.
func acceptsClasses(m *models.Model, set data.Set) error {
	s, ok := set.(labelled)
	if !ok {
		return errors.New("experiment: the examples have no classes, by which a classifier is measured")
	}
	if got, want := s.Classes().Names(), m.Classes.Names(); !slices.Equal(got, want) {
		return fmt.Errorf("experiment: the model knows the classes %s, and the examples are of %s: it has no other classes",
			strings.Join(want, ", "), strings.Join(got, ", "))
	}
	return nil
}

// classes measures a classifier by the share of examples whose most probable class is the true one.
func classes(_ context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(labelled)
	if !ok {
		return nil, acceptsClasses(m, set)
	}
	probabilities, err := eval.OnPictures(s, "classify", pictures)
	if err != nil {
		return nil, err
	}
	k, err := models.Lookup(m.Settings.Kind)
	if err != nil {
		return nil, err
	}
	a := answers{name: k.Label(m.Settings), key: "accuracy"}
	a.predictions, err = eval.Predict(probabilities, pictures)
	originals, _ := set.(original)
	return &classified{session: s, model: m, set: pictures, originals: originals, label: a.name, answers: []answers{a}}, err
}

// answers are what a model said of all pictures: a classifier, or a CLIP by the prompts of one language.
type answers struct {
	name, key   string
	predictions []eval.Prediction
}

func (a answers) figure(names []string) Figure {
	f := Figure{Key: a.key, Name: a.name, Value: eval.Accuracy(a.predictions), Unit: Share, Total: len(a.predictions)}
	for _, name := range names {
		f.Parts = append(f.Parts, Part{Name: name})
	}
	for _, p := range a.predictions {
		part := &f.Parts[p.True]
		part.Total++
		if p.True == p.Predicted {
			part.Right++
			f.Right++
		}
	}
	return f
}

// classified is the result of measuring by classes.
type classified struct {
	session   *infer.Session
	model     *models.Model
	set       labelled
	originals original // nil for a set that has none to show
	label     string   // of the run
	answers   []answers
}

// Figures implements [Result].
func (c *classified) Figures() []Figure {
	var list []Figure
	for _, a := range c.answers {
		list = append(list, a.figure(c.names()))
	}
	return list
}

// names are those of the classes, for people.
func (c *classified) names() []string { return c.set.Classes().Names() }

// Sections implements [Result].
func (c *classified) Sections() ([]report.Section, error) {
	attention, err := c.attentionSection()
	if err != nil {
		return nil, err
	}
	confusion, err := c.confusion()
	if err != nil {
		return nil, err
	}
	return append(attention, confusion, c.mistakes()), nil
}

func (c *classified) confusion() (report.Section, error) {
	var matrices []report.Confusion
	for _, a := range c.answers {
		counts, err := eval.Confusion(a.predictions, len(c.names()))
		if err != nil {
			return report.Section{}, err
		}
		matrices = append(matrices, report.Confusion{Title: a.name, Classes: c.names(), Counts: counts})
	}
	return report.Confused(matrices...), nil
}

// mistakes shows the mistakes of each of the answers.
func (c *classified) mistakes() report.Section {
	const most = 16
	section := report.Mistakes("", nil)
	if c.originals == nil {
		return section
	}
	for _, a := range c.answers {
		var list []report.Mistake
		for _, p := range eval.Mistakes(a.predictions, most) {
			list = append(list, report.Mistake{
				Picture: c.originals.Original(p.Example), True: c.names()[p.True], Predicted: c.names()[p.Predicted], Probability: p.Probability,
			})
		}
		section.Blocks = append(section.Blocks, report.Mistakes(a.name, list).Blocks...)
	}
	return section
}
