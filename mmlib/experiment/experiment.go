// Package experiment takes a model from its settings to its measurements, as the gomm command and the lessons do. One call
// makes a run, one trains it, one measures it:
//
//	settings, err := models.Preset("clip", "mnist-tiny")                          // change them at will
//	run, err := experiment.Create(ctx, backend, "runs/first", settings, data.Options{})
//	trained, err := run.Train(ctx, experiment.Options{})
//	measured, err := experiment.Evaluate(ctx, backend, "runs/first", experiment.On{})
//	model, err := models.Open("runs/first")                                       // its best weights
//
// Create checks everything before there is a folder: a setting that is refused leaves nothing behind. Training measures
// on the validation split at every checkpoint, and the best one is kept. How a kind of model is measured is a row of
// [Measures]; nothing here knows which model or which data set it holds.
package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// Run is a run folder open for training, with the job to be done in it.
type Run struct {
	backend compute.Backend
	kind    models.Kind
	measure Measure
	job     *models.Job
	folder  *run.Folder
}

// Create makes a run in a folder that must not hold one yet. The data is loaded, the model's first step built and the
// measure tried before the folder is made.
func Create(ctx context.Context, b compute.Backend, dir string, s models.Settings, o data.Options) (*Run, error) {
	if err := run.Vacant(dir); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Training == nil || s.Data == nil {
		return nil, errors.New("experiment: the settings have no training or no data: they are of imported weights")
	}
	k, err := models.Lookup(s.Kind)
	if err != nil {
		return nil, err
	}
	files := models.Files{}
	if s.Init != "" { // pictures are to be prepared as those that the weights know
		all, err := readFiles(s.Init)
		if err != nil {
			return nil, err
		}
		for _, name := range k.Inherits {
			if file, ok := all[name]; ok {
				files[name] = file
			}
		}
	}
	r, err := prepare(ctx, b, s, files, o)
	if err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := train.Check(b, r.job.Task, *s.Training, s.Seed, r.initial(func(string) {})); err != nil {
		return nil, err
	}
	c, err := r.job.Settings.Config()
	if err != nil {
		return nil, err
	}
	c.Versions = versions()
	r.folder, err = run.Create(dir, c, r.job.Files)
	return r, err
}

// Resume opens a run that was interrupted, with the settings and files it was made with.
func Resume(ctx context.Context, b compute.Backend, dir string, o data.Options) (*Run, error) {
	f, err := run.Resume(dir)
	if err != nil {
		return nil, err
	}
	r, err := resume(ctx, b, f, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func resume(ctx context.Context, b compute.Backend, f *run.Folder, o data.Options) (*Run, error) {
	s, err := models.Decode(f.Config())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path(), err)
	}
	if s.Training == nil || s.Data == nil {
		return nil, fmt.Errorf("experiment: %s holds weights that came from elsewhere, which are not trained here: start another run from it",
			f.Path())
	}
	files, err := f.Files()
	if err != nil {
		return nil, err
	}
	r, err := prepare(ctx, b, s, files, o)
	if err != nil {
		return nil, err
	}
	r.folder = f
	return r, nil
}

// prepare makes the job and tries its measure on the validation split.
func prepare(ctx context.Context, b compute.Backend, s models.Settings, files models.Files, o data.Options) (*Run, error) {
	k, err := models.Lookup(s.Kind)
	if err != nil {
		return nil, err
	}
	r := &Run{backend: b, kind: k}
	if r.measure, err = measureOf(k, s); err != nil {
		return nil, err
	}
	if r.job, err = k.Train(ctx, s, files, o); err != nil {
		return nil, err
	}
	if set, ok := r.job.Splits[data.Validation]; ok {
		m, err := k.Open(r.job.Settings, r.job.Files, model.NewStore())
		if err != nil {
			return nil, err
		}
		if err := r.measure.Accepts(m, set); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Settings are the settings of the run, with what the data decided filled in.
func (r *Run) Settings() models.Settings { return r.job.Settings }

// Dir is the folder of the run.
func (r *Run) Dir() string { return r.folder.Path() }

// Close releases the folder. Call it for a run that will not be trained after all; Train closes the folder itself.
func (r *Run) Close() error { return r.folder.Close() }

// Options of [Run.Train]; each may be left out.
type Options struct {
	Backend  string                             // what training.json calls the backend; its own name if empty
	Progress func(train.Progress)               // after every step
	Measured func(step int64, figures []Figure) // at every checkpoint, on the validation split
	Message  func(string)                       // anything else worth reporting
}

// Trained is what a training run leaves in its folder's training.json, summed up over resumptions.
type Trained struct {
	Steps           int64              `json:"steps"`
	WallSeconds     float64            `json:"wall_seconds"`
	ImagesPerSecond float64            `json:"images_per_second"`
	Devices         int                `json:"devices"`
	Backend         string             `json:"backend"`
	Validation      map[string]float64 `json:"validation"` // of the last checkpoint
	Digest          string             `json:"digest"`     // of the last step's trainable weights

	// Why training ended before the last step of its settings; empty if it did not.
	StoppedEarly string `json:"stopped_early,omitempty"`
}

// TrainedFile is the file in a run folder that holds a [Trained].
const TrainedFile = "training.json"

// ReadTrained reads what training left in a run folder; it is empty when there was none yet.
func ReadTrained(dir string) (Trained, error) {
	var t Trained
	content, err := os.ReadFile(filepath.Join(dir, TrainedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	if err := run.DecodeStrict(content, &t); err != nil {
		return t, fmt.Errorf("%s in %s: %w", TrainedFile, dir, err)
	}
	return t, nil
}

// Train trains to the last step, fresh or resumed, and closes the folder. When ctx ends, it saves a checkpoint and returns
// ctx's error.
func (r *Run) Train(ctx context.Context, o Options) (t Trained, err error) {
	f := r.folder
	defer func() { err = errors.Join(err, f.Close()) }()
	began := time.Now()
	if t, err = ReadTrained(f.Path()); err != nil {
		return t, err
	}
	tell := func(text string) {
		if o.Message != nil {
			o.Message(text)
		}
	}
	f.Best, f.Warn = r.measure.Best, tell
	check := &validator{run: r}
	trainer, err := train.New(r.backend, r.job.Task, f, train.Hooks{
		Init: r.initial(tell),
		Validate: func(weights *model.Store, step int64) (map[string]float64, error) {
			figures, err := check.measure(ctx, weights)
			if err != nil {
				return nil, err
			}
			t.Validation = metrics(figures)
			if o.Measured != nil && len(figures) > 0 {
				o.Measured(step, figures)
			}
			return t.Validation, nil
		},
		Progress: func(p train.Progress) {
			t.ImagesPerSecond = p.ExamplesPerSecond
			if o.Progress != nil {
				o.Progress(p)
			}
		},
	})
	if err != nil {
		return t, err
	}
	if start := trainer.Step(); start > 0 {
		tell(fmt.Sprintf("resumed after step %d", start))
	}
	trainErr := trainer.Run(ctx)
	if t.StoppedEarly = trainer.Stopped(); t.StoppedEarly != "" {
		tell(fmt.Sprintf("stopped after step %d: %s", trainer.Step(), t.StoppedEarly))
	}
	t.Steps, t.Devices, t.Backend = trainer.Step(), trainer.Devices(), o.Backend
	if t.Backend == "" {
		t.Backend = r.backend.Name()
	}
	if saved, err := f.Checkpoints(); err == nil && len(saved) > 0 && t.Validation == nil {
		t.Validation = saved[len(saved)-1].Metrics // of a run that had nothing left to do but this
	}
	t.WallSeconds += time.Since(began).Seconds()
	if t.Digest, err = run.Digest(trainer.Store()); err != nil {
		return t, errors.Join(trainErr, err)
	}
	content, err := json.MarshalIndent(t, "", "  ")
	if err == nil {
		err = f.WriteFile(TrainedFile, append(content, '\n'))
	}
	return t, errors.Join(trainErr, err)
}

// validator measures the weights of a training run on its validation split. It compiles once, at the first call.
type validator struct {
	run     *Run
	model   *models.Model
	session session
}

func (v *validator) measure(ctx context.Context, weights *model.Store) ([]Figure, error) {
	r := v.run
	set, ok := r.job.Splits[data.Validation]
	if !ok {
		return nil, nil
	}
	if v.model == nil {
		m, err := r.kind.Open(r.job.Settings, r.job.Files, weights)
		if err != nil {
			return nil, err
		}
		if v.session, err = openSession(r.backend, m, r.measure); err != nil {
			return nil, err
		}
		v.model = m
	}
	// An interrupted run is measured all the same: its checkpoint is to say how good it is.
	result, err := r.measure.Run(context.WithoutCancel(ctx), v.session, v.model, set)
	if err != nil {
		return nil, err
	}
	return result.Figures(), nil
}
