package experiment

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"gomm/mmlib/data"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// session is what measures run a model on.
type session = *infer.Session

// Measure is a way of measuring models, shared by every kind that it suits: a row of [Measures].
type Measure struct {
	Funcs  []string // the functions of the model that it calls
	May    []string // functions that it calls of models that have them
	Best   string   // the key of the figure by which the best checkpoint is chosen; with a minus before it the smallest is
	Prefix string   // of its figures' keys in summary.json

	// Accepts returns an error that says why the model cannot be measured on a set.
	Accepts func(m *models.Model, set data.Set) error

	// Run measures. The session has the functions of Funcs.
	Run func(ctx context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error)
}

// Result is what was measured of a model on a set.
type Result interface {
	// Figures are the numbers, the most important ones first.
	Figures() []Figure

	// Sections show for a report what is behind the numbers. Sections of the same title, of several runs on one page, are
	// joined.
	Sections() ([]report.Section, error)
}

// noted is a result that says what could not be measured, and why.
type noted interface{ Notes() []string }

// selective is a result of some examples of a set.
type selective interface{ measured() int }

// thorough is a result with figures that take too long for the validation of a training run: only [Evaluate] asks for them.
type thorough interface {
	complete(ctx context.Context) error
}

// Measures is the table of measures.
func Measures() map[string]Measure {
	return map[string]Measure{
		"zero-shot": {Funcs: []string{"image", "text"}, Best: "accuracy", Prefix: "zero_shot_", Accepts: acceptsZeroShot, Run: zeroShot},
		"classes":   {Funcs: []string{"classify"}, Best: "accuracy", Accepts: acceptsClasses, Run: classes},
		"retrieval": {Funcs: []string{"image", "text"}, Best: "text_to_film_r1", Accepts: acceptsRetrieval, Run: measureRetrieval},
		"views":     {Funcs: []string{"image"}, Best: "view_accuracy", Accepts: acceptsViews, Run: views},
		"codes":     {Funcs: []string{"codes", "drawing"}, Best: "-squared_error", Accepts: acceptsCodes, Run: measureCodes},
		"drawings":  {Funcs: []string{"codes", "score"}, Best: "-nats_per_code", Accepts: acceptsDrawings, Run: measureDrawings},
		"answers":   {Funcs: []string{"picture", "next"}, Best: "accuracy", Accepts: acceptsAnswers, Run: measureAnswers},
		"dialogues": {Funcs: []string{"picture", "next"}, Best: "accuracy", Accepts: acceptsDialogues, Run: measureDialogues},
		"captions": {
			Funcs: []string{"picture", "memory", "step"}, Best: "facts_f1", Accepts: acceptsCaptions, Run: measureCaptions,
		},
		"bits": {Funcs: []string{"score"}, Best: "-bits_per_character", Accepts: acceptsBits, Run: measureBits},
		"pretraining": {
			Funcs: []string{"picture"}, May: []string{"regions", "mask"}, Best: "score", Accepts: acceptsPretrained, Run: measurePretrained,
		},
	}
}

func measureOf(k models.Kind, s models.Settings) (Measure, error) {
	name := k.Measure
	if k.MeasureOf != nil {
		name = k.MeasureOf(s)
	}
	m, ok := Measures()[name]
	if !ok {
		return m, fmt.Errorf("experiment: there is no measure %q; there are %s", name,
			strings.Join(slices.Sorted(maps.Keys(Measures())), ", "))
	}
	return m, nil
}

// batch is the number of examples that a call of a compiled function gets in evaluation.
const batch = 256

func openSession(b compute.Backend, m *models.Model, measure Measure) (*infer.Session, error) {
	names := slices.Clone(measure.Funcs)
	for _, name := range measure.May {
		if _, ok := m.Func(name); ok {
			names = append(names, name)
		}
	}
	return infer.Open(b, m, names, batch)
}

// Unit is what a figure is counted in.
type Unit string

// The units of figures.
const (
	Share Unit = "%"    // of all examples, 0 to 1, written in percent
	Nats  Unit = "nats" // of a loss
	Bits  Unit = "bits" // of a character
	Plain Unit = ""
)

// Figure is one measured number.
type Figure struct {
	Key   string // "accuracy_en": in metrics.jsonl and, behind the measure's prefix, in summary.json
	Name  string // for people: "zero-shot, English prompts"; empty for a figure that is of use in metrics only
	Value float64
	Unit  Unit

	Detail bool // of some of the examples of another figure: Describe leaves it out

	// Right of Total is where a share comes from; Parts are the same for classes or other kinds of examples. Total is 0 for
	// other figures.
	Right, Total int
	Parts        []Part
}

// Part counts the right answers among some of the examples.
type Part struct {
	Name         string
	Right, Total int
}

// String writes the value with its unit: "98.40 %", "2.31 nats".
func (f Figure) String() string {
	switch f.Unit {
	case Share:
		return fmt.Sprintf("%.2f %%", 100*f.Value)
	case Plain:
		return fmt.Sprintf("%.4g", f.Value)
	}
	return fmt.Sprintf("%.2f %s", f.Value, f.Unit)
}

// Describe formats figures on one line: "accuracy 98.40 %, accuracy en 98.38 %".
func Describe(figures []Figure) string {
	var parts []string
	for _, f := range figures {
		if !f.Detail {
			parts = append(parts, strings.ReplaceAll(f.Key, "_", " ")+" "+f.String())
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func metrics(figures []Figure) map[string]float64 {
	m := map[string]float64{}
	for _, f := range figures {
		m[f.Key] = f.Value
	}
	return m
}
