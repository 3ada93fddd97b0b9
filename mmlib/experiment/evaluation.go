package experiment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/compute"

	"gomm/mmlib/data"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
	"gomm/mmlib/run"
)

// On says what a run is measured on.
type On struct {
	Split   string       // data.Test if empty
	Data    string       // another data set than the run's own; empty for that
	Options data.Options // where the data is
	Backend string       // what reports call the backend; its own name if empty
	Judge   string       // the run of a convnet that judges what the run draws; empty for none
	Drawing *Drawing     // how what is judged is drawn; nil: at temperature 1, without guidance
	Brief   bool         // without what takes long and is reported apart, such as the choice from a list of answers
}

// Evaluation is what was measured of one run, and what a report of it needs.
type Evaluation struct {
	Dir               string
	Label             string // what the run holds, in a word or two: "linear probe"
	Model             *models.Model
	Data, Split       string
	Examples          int
	ExamplesPerSecond float64
	Backend           string
	Result            Result
	Trained           Trained     // empty for weights that came from elsewhere
	Points            []run.Point // of the training

	prefix string // of the figures' keys in summary.json
}

// Evaluate measures the best weights of the run in a folder, as its kind is measured.
func Evaluate(ctx context.Context, b compute.Backend, dir string, on On) (*Evaluation, error) {
	m, err := models.Open(dir)
	if err != nil {
		return nil, err
	}
	k, err := models.Lookup(m.Settings.Kind)
	if err != nil {
		return nil, err
	}
	measure, err := measureOf(k, m.Settings)
	if err != nil {
		return nil, err
	}
	settings, err := models.ReadSettings(dir)
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Dir: dir, Label: k.Label(settings), Model: m, Backend: on.Backend, prefix: measure.Prefix}
	if e.Backend == "" {
		e.Backend = b.Name()
	}
	if err := e.readTraining(); err != nil {
		return nil, err
	}
	set, err := e.load(ctx, on)
	if err != nil {
		return nil, err
	}
	if err := measure.Accepts(m, set); err != nil {
		return nil, fmt.Errorf("%s on %s: %w", dir, e.Data, err)
	}
	s, err := openSession(b, m, measure)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // compiling takes seconds
		return nil, err
	}
	began := time.Now()
	e.Result, err = measure.Run(ctx, s, m, set)
	e.Examples = set.Len()
	if r, ok := e.Result.(selective); ok && err == nil {
		e.Examples = r.measured()
	}
	e.ExamplesPerSecond = float64(e.Examples) / time.Since(began).Seconds()
	if r, ok := e.Result.(thorough); ok && err == nil && !on.Brief {
		err = r.complete(ctx)
	}
	if on.Judge != "" && err == nil {
		err = e.judge(ctx, b, on, set)
	}
	return e, errors.Join(err, ctx.Err())
}

// judge has what the run draws judged by another run.
func (e *Evaluation) judge(ctx context.Context, b compute.Backend, on On, set data.Set) error {
	r, ok := e.Result.(judged)
	if !ok {
		return fmt.Errorf("experiment: %s holds a %s, which draws nothing that could be judged", e.Dir, e.Model.Settings.Kind)
	}
	j, err := newJudge(b, on.Judge, e.Model, on.Options)
	if err != nil {
		return err
	}
	if on.Drawing != nil {
		j.drawing = *on.Drawing
	}
	return r.judge(ctx, j, set)
}

// load returns the split, its pictures prepared as those that the run was trained on.
func (e *Evaluation) load(ctx context.Context, on On) (data.Set, error) {
	s := e.Model.Settings
	if on.Data != "" && (s.Data == nil || on.Data != s.Data.String()) {
		if err := s.UseData(on.Data); err != nil {
			return nil, err
		}
	}
	if s.Data == nil {
		return nil, fmt.Errorf("experiment: %s holds weights that came from elsewhere: say which data set they are measured on", e.Dir)
	}
	e.Data, e.Split = s.Data.String(), on.Split
	if e.Split == "" {
		e.Split = data.Test
	}
	on.Options.Picture = e.Model.Preprocess
	splits, err := s.Data.Load(ctx, on.Options)
	if err != nil {
		return nil, err
	}
	set, ok := splits[e.Split]
	if !ok {
		return nil, fmt.Errorf("experiment: %s has no split %q with the settings of %s; there are %s", e.Data, e.Split, e.Dir,
			strings.Join(slices.Sorted(maps.Keys(splits)), ", "))
	}
	return set, nil
}

// readTraining reads what the training left in the run folder.
func (e *Evaluation) readTraining() error {
	f, err := run.Open(e.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if e.Points, err = f.ReadMetrics(); err != nil {
		return err
	}
	e.Trained, err = ReadTrained(e.Dir)
	return err
}

// Figures returns the measured numbers.
func (e *Evaluation) Figures() []Figure { return e.Result.Figures() }

// Notes say what could not be measured, and why.
func (e *Evaluation) Notes() []string {
	if r, ok := e.Result.(noted); ok {
		return r.Notes()
	}
	return nil
}

// Figure is the figure of that key; its Value is NaN if there is none.
func (e *Evaluation) Figure(key string) Figure {
	for _, f := range e.Figures() {
		if f.Key == key {
			return f
		}
	}
	return Figure{Key: key, Value: math.NaN()}
}

// Summary is what summary.json says of a run. A share that was counted has its 95 % interval and its errors by class.
func (e *Evaluation) Summary() (map[string]any, error) {
	s := map[string]any{
		"kind": e.Model.Settings.Kind, "preset": e.Model.Settings.Preset, "seed": e.Model.Settings.Seed,
		"data": e.Data, "split": e.Split, "examples": e.Examples, "step": e.Model.Step, "backend": e.Backend,
		"images_per_second": math.Round(e.ExamplesPerSecond),
	}
	if notes := e.Notes(); len(notes) > 0 {
		s["notes"] = notes
	}
	for _, f := range e.Figures() {
		s[e.prefix+f.Key] = f.Value
		if f.Total == 0 {
			continue
		}
		low, high, err := report.Accuracy{Name: f.Name, Right: f.Right, Total: f.Total}.Wilson()
		if err != nil {
			return nil, err
		}
		wrong := make([]int, len(f.Parts))
		for i, p := range f.Parts {
			wrong[i] = p.Total - p.Right
		}
		if !strings.Contains(f.Key, "accuracy") {
			s[e.prefix+f.Key+"_interval"] = []float64{low, high}
			continue
		}
		key := func(of string) string { return e.prefix + strings.Replace(f.Key, "accuracy", of, 1) }
		s[key("interval")], s[key("errors")] = []float64{low, high}, wrong
	}
	return s, nil
}

// Save writes report.html and summary.json into the run folder and returns the report's path.
func (e *Evaluation) Save() (path string, err error) {
	summary, err := e.Summary()
	if err != nil {
		return "", err
	}
	path = filepath.Join(e.Dir, "report.html")
	if err := WriteReport(path, fmt.Sprintf("gomm: %s on %s", e.Label, e.Data), e); err != nil {
		return "", err
	}
	f, err := run.Open(e.Dir)
	if err != nil {
		return "", err
	}
	return path, errors.Join(f.WriteSummary(summary), f.Close())
}
