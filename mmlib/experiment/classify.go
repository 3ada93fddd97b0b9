package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gomlx/compute"

	"gomm/mmlib/data/captions"
	"gomm/mmlib/eval"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// Choice says what pictures are classified into. The zero value is the model's own classes.
type Choice struct {
	Labels    []string // other classes, for a zero-shot model; empty for the model's own
	Templates []string // phrases with one %s for a label; empty for the model's own
	Language  string   // of the model's own classes and templates; empty for that of the labels, or else the first
}

// Guess is one label for a picture, with its probability.
type Guess struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// Classify classifies picture files: a trained classifier among its own classes, a model of a shared space among any
// labels, by prompts.
func Classify(ctx context.Context, b compute.Backend, m *models.Model, files []string, c Choice) ([][]Guess, error) {
	if len(files) == 0 {
		return nil, errors.New("experiment: there are no pictures to classify")
	}
	if _, ok := m.Func("classify"); ok {
		return classifyTrained(ctx, b, m, files, c)
	}
	sc, ok := m.Predictor.(scaled)
	if !ok {
		return nil, fmt.Errorf("experiment: a %s does not classify pictures: use a run of a clip or a classifier", m.Settings.Kind)
	}
	labels, prompts, err := c.prompts(m.Classes)
	if err != nil {
		return nil, err
	}
	for _, list := range prompts { // before all that takes time
		for _, prompt := range list {
			if _, err := m.IDs(prompt); err != nil {
				return nil, err
			}
		}
	}
	images, err := onFiles(ctx, b, m, "image", files, nil)
	if err != nil {
		return nil, err
	}
	s, err := infer.Open(b, m, []string{"text"}, batchSize(len(prompts)*len(prompts[0])))
	if err != nil {
		return nil, err
	}
	vectors, err := ClassVectors(s, m, prompts)
	if err != nil {
		return nil, err
	}
	similarity, err := eval.Similarity(images, vectors)
	if err != nil {
		return nil, err
	}
	scale, err := sc.LogitScale()
	return guesses(eval.Softmax(similarity, scale), labels), err
}

func classifyTrained(ctx context.Context, b compute.Backend, m *models.Model, files []string, c Choice) ([][]Guess, error) {
	if len(c.Labels) > 0 || len(c.Templates) > 0 {
		return nil, fmt.Errorf("experiment: a trained %s knows its own classes only, %s: other labels and templates are for a zero-shot "+
			"model, such as a clip",
			m.Settings.Kind, strings.Join(m.Classes.Names(), ", "))
	}
	names := m.Classes.Names()
	if c.Language != "" {
		v, err := m.Classes.In(c.Language)
		if err != nil {
			return nil, err
		}
		names = v.Names
	}
	probabilities, err := onFiles(ctx, b, m, "classify", files, nil)
	if err != nil {
		return nil, err
	}
	return guesses(probabilities, names), nil
}

// prompts returns the labels and for each one its prompts.
func (c Choice) prompts(own captions.Classes) (labels []string, prompts [][]string, err error) {
	labels, templates := c.Labels, c.Templates
	if len(labels) == 0 || len(templates) == 0 {
		if len(own) == 0 {
			return nil, nil, errors.New("experiment: the run has no classes of its own: give labels and a template")
		}
		v, err := own.In(c.language(own))
		if err != nil {
			return nil, nil, err
		}
		if len(labels) == 0 {
			labels = v.Names
		}
		if len(templates) == 0 {
			templates = v.Templates
		}
	}
	for i, label := range labels {
		if strings.TrimSpace(label) == "" {
			return nil, nil, fmt.Errorf("experiment: label %d is empty", i+1)
		}
		if slices.Contains(labels[:i], label) {
			return nil, nil, fmt.Errorf("experiment: the label %q is given twice", label)
		}
	}
	for _, t := range templates {
		if err := captions.CheckTemplate(t); err != nil {
			return nil, nil, err
		}
	}
	return labels, captions.Vocabulary{Names: labels, Templates: templates}.Prompts(), nil
}

// language is the one that is asked for, or else Chinese for labels in Chinese characters, or else the run's first.
func (c Choice) language(own captions.Classes) string {
	if c.Language != "" {
		return c.Language
	}
	isHan := func(r rune) bool { return unicode.Is(unicode.Han, r) }
	if slices.Contains(own.Languages(), "zh") && strings.ContainsFunc(strings.Join(c.Labels, ""), isHan) {
		return "zh"
	}
	return own[0].Language
}

// guesses names the columns of probabilities, row by row, and sorts them.
func guesses(probabilities eval.Matrix, labels []string) [][]Guess {
	all := make([][]Guess, probabilities.Rows)
	for i := range all {
		for k, p := range probabilities.Row(i) {
			all[i] = append(all[i], Guess{labels[k], float64(p)})
		}
		slices.SortStableFunc(all[i], func(a, b Guess) int { return cmp.Compare(b.Probability, a.Probability) })
	}
	return all
}
