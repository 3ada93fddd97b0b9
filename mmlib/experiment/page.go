package experiment

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gomm/mmlib/report"
	"gomm/mmlib/run"
)

const reportLead = `How the model was trained, how well it does on examples that it has never seen, and what it looks at when it does. ` +
	`Each section says what one sees and what is normal.`

// WriteReport writes one page about one run or several.
func WriteReport(path, title string, runs ...*Evaluation) error {
	p := report.Page{Title: title, Lead: reportLead}
	results, err := resultsSection(runs)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	p.Sections = append([]report.Section{results}, curvesSections(runs)...)
	for _, e := range runs {
		sections, err := e.Result.Sections()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, s := range sections {
			if s.Title == report.Attention().Title && e.looksAsAnotherOf(runs) {
				continue
			}
			p.Sections = join(p.Sections, s)
		}
	}
	return p.WriteFile(path)
}

// join adds a section to those of a page, to the one of the same title if there is one.
func join(page []report.Section, s report.Section) []report.Section {
	i := slices.IndexFunc(page, func(x report.Section) bool { return x.Title == s.Title })
	if i < 0 {
		return append(page, s)
	}
	page[i].Blocks = append(page[i].Blocks, s.Blocks...)
	return page
}

// looksAsAnotherOf reports whether a run on the page is the one that e started from and whose weights it kept: both then
// look at a picture in the same way.
func (e *Evaluation) looksAsAnotherOf(runs []*Evaluation) bool {
	s := e.Model.Settings
	return s.Training != nil && len(s.Training.Frozen) > 0 && slices.ContainsFunc(runs, func(other *Evaluation) bool {
		dir, err := filepath.Abs(other.Dir)
		return err == nil && dir == s.Init
	})
}

func resultsSection(runs []*Evaluation) (report.Section, error) {
	var accuracies []report.Accuracy
	others := report.Table{Title: "Other figures", Columns: []string{"measured", "value"}}
	about := report.Table{Title: "The run", Columns: []string{""}}
	for _, name := range factNames {
		about.Rows = append(about.Rows, []string{name})
	}
	for _, e := range runs {
		for _, f := range e.Figures() {
			switch {
			case f.Total > 0:
				accuracies = append(accuracies, report.Accuracy{Name: f.Name, Right: f.Right, Total: f.Total})
			case f.Name != "":
				others.Rows = append(others.Rows, []string{f.Name, f.String()})
			}
		}
		about.Columns = append(about.Columns, e.Label)
		for i, value := range e.facts() {
			about.Rows[i] = append(about.Rows[i], value)
		}
	}
	if len(runs) > 1 {
		about.Title = "The runs"
	}
	s, err := report.Results(accuracies)
	if len(others.Rows) > 0 {
		s.Blocks = append(s.Blocks, others)
	}
	s.Blocks = append(s.Blocks, about)
	return s, err
}

var factNames = []string{"run folder", "preset", "seed", "weights", "training", "speed", "best step", "examples", "inference", "backend"}

// facts are what there is to know about a run, in the order of factNames.
func (e *Evaluation) facts() []string {
	weights := 0
	for v := range e.Model.Store().IterVariables() {
		if run.IsWeight(v.Path()) {
			weights += v.Shape().Size()
		}
	}
	s, t := e.Model.Settings, e.Trained
	training := fmt.Sprintf("%s steps in %v", count(int(t.Steps)), time.Duration(t.WallSeconds)*time.Second)
	if t.StoppedEarly != "" {
		training += ", stopped early: " + t.StoppedEarly
	}
	switch {
	case s.Training == nil:
		training = "none here: the weights came from elsewhere"
	case t.Steps == 0: // killed before it could say so
		training = fmt.Sprintf("%s steps planned", count(s.Training.Steps))
	}
	return []string{
		e.Dir, s.Preset, fmt.Sprint(s.Seed), count(weights), training,
		count(int(t.ImagesPerSecond)) + " examples/s", count(int(e.Model.Step)),
		fmt.Sprintf("%s of %s, %s", count(e.Examples), e.Data, e.Split),
		count(int(e.ExamplesPerSecond)) + " examples/s", e.Backend,
	}
}

// count writes a number with commas between the thousands.
func count(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

func curvesSections(runs []*Evaluation) []report.Section {
	var sections []report.Section
	for _, e := range runs {
		if len(e.Points) == 0 {
			continue
		}
		t := report.Training{
			Loss:         e.series("training", "loss"),
			LearningRate: e.series("learning rate", "learning_rate"),
			Accuracy:     e.series("validation", "accuracy"),
		}
		if len(t.Accuracy.X) < 2 { // a point is no curve
			t.Accuracy = report.Series{}
		}
		t.Loss.Smooth = len(t.Loss.X) / 20
		if floor := e.series("", "floor").Y; len(floor) > 0 {
			for _, y := range floor {
				t.Floor += y / float64(len(floor))
			}
			t.FloorLabel = report.ContrastiveFloor(t.Floor)
		}
		s := report.Curves(t)
		if len(runs) > 1 {
			s.Title += ": " + e.Label
		}
		if len(sections) > 0 {
			s.Text = "" // it stands above
		}
		sections = append(sections, s)
	}
	return sections
}

// series is a metric over the steps. A training run that diverged leaves values that cannot be drawn; they are left out.
func (e *Evaluation) series(name, metric string) report.Series {
	s := report.Series{Name: name}
	for _, p := range e.Points {
		if y, ok := p.Metrics[metric]; ok && !math.IsNaN(y) && !math.IsInf(y, 0) {
			s.X, s.Y = append(s.X, float64(p.Step)), append(s.Y, y)
		}
	}
	return s
}
