// Package experiment is a training from its settings to its measurements: what the gomm command and the lessons do alike with the
// parts of the library.
//
//	settings, err := models.Preset(models.CLIP, "mnist-tiny")          // change them at will
//	config, err := models.Complete(models.CLIP, "mnist-tiny", 1, settings)
//	folder, err := experiment.Create("runs/first", config)             // a run folder
//	trained, err := experiment.Train(ctx, backend, folder, experiment.Options{})
//	model, err := models.Open("runs/first")                            // its best weights
//	session, err := experiment.Session(backend, model)
//	zero, err := experiment.MeasureZeroShot(session, model.Config, model.Tokenizer, pictures)
//
// Training measures on the validation split at every checkpoint, and the best one is kept. A classifier that begins with a
// pretrained tower gets it by [StartFrom].
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

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// Create makes the run folder of a training, which must not be there yet; a task with texts gets its tokenizer's file.
func Create(dir string, c run.Config) (*run.Folder, error) {
	var files []run.Named
	if c.Task == models.CLIP {
		tokenizer, err := models.Tokenizer(c)
		if err != nil {
			return nil, err
		}
		data, err := json.Marshal(tokenizer)
		if err != nil {
			return nil, err
		}
		files = append(files, run.Named{Name: models.TokenizerFile, Data: data})
	}
	return run.Create(dir, c, files...)
}

// ErrNotPretrained is in the error of StartFrom when the run is there, but is no CLIP's.
var ErrNotPretrained = errors.New("not a pretrained clip")

// StartFrom gives a classifier the vision tower of the pretrained run in a folder, its size and its weights, and the run's data set. It
// returns the folder's absolute path, for run.Config's Init.
func StartFrom(dir string, s *models.Settings) (init string, err error) {
	classifier, ok := s.Model.(*clip.ClassifierConfig)
	if !ok {
		return "", fmt.Errorf("experiment: the settings are of a %T: a classifier alone can start from a pretrained run", s.Model)
	}
	folder, err := run.Open(dir)
	if err != nil {
		return "", err
	}
	defer folder.Close()
	if task := folder.Config().Task; task != models.CLIP {
		return "", fmt.Errorf("experiment: %s holds a %s, %w", dir, task, ErrNotPretrained)
	}
	var pretrained clip.Config
	if err := run.DecodeStrict(folder.Config().Model, &pretrained); err != nil {
		return "", err
	}
	classifier.Vision = pretrained.Vision
	s.Data.Name = folder.Config().Data.Name
	return filepath.Abs(dir)
}

// Options of [Train]; each may be left out.
type Options struct {
	Data     mnist.Options                                // where the pictures are
	Backend  string                                       // what training.json calls the backend; its own name if empty
	Progress func(train.Progress)                         // after every step
	Measured func(step int64, figures map[string]float64) // at every checkpoint, on the validation split
	Message  func(string)                                 // what else there is to tell
}

// Trained is what a training leaves in its folder's training.json, summed up over resumptions.
type Trained struct {
	Steps           int64              `json:"steps"`
	WallSeconds     float64            `json:"wall_seconds"`
	ImagesPerSecond float64            `json:"images_per_second"`
	Devices         int                `json:"devices"`
	Backend         string             `json:"backend"`
	Validation      map[string]float64 `json:"validation"` // of the last checkpoint
	Digest          string             `json:"digest"`     // of the last step's trainable weights
}

// TrainedFile is the file in a run folder that holds a [Trained].
const TrainedFile = "training.json"

// ReadTrained reads what the training in a run folder left; it is empty when there was none yet.
func ReadTrained(dir string) (Trained, error) {
	var t Trained
	data, err := os.ReadFile(filepath.Join(dir, TrainedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	return t, run.DecodeStrict(data, &t)
}

// Train trains in an open folder, fresh or resumed, to its last step, and closes the folder. When ctx ends, it saves a checkpoint
// and returns ctx's error.
func Train(ctx context.Context, b compute.Backend, f *run.Folder, o Options) (t Trained, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	began := time.Now()
	if t, err = ReadTrained(f.Path()); err != nil {
		return t, err
	}
	o.Data.Context = ctx
	job, err := models.NewJob(f.Config(), o.Data)
	if err != nil {
		return t, err
	}
	tell := func(text string) {
		if o.Message != nil {
			o.Message(text)
		}
	}
	f.Best, f.Warn = "accuracy", tell
	check := &validator{backend: b, job: job}
	trainer, err := train.New(b, job.Task, f, train.Hooks{
		Init: startWeights(f.Config(), tell),
		Validate: func(weights *model.Store, step int64) (map[string]float64, error) {
			var err error
			if t.Validation, err = check.measure(weights); err == nil && o.Measured != nil {
				o.Measured(step, t.Validation)
			}
			return t.Validation, err
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
	t.Steps, t.Devices, t.Backend = trainer.Step(), trainer.Devices(), o.Backend
	if t.Backend == "" {
		t.Backend = b.Name()
	}
	if saved, err := f.Checkpoints(); err == nil && len(saved) > 0 && t.Validation == nil {
		t.Validation = saved[len(saved)-1].Metrics // of a run that had nothing left to do but this
	}
	t.WallSeconds += time.Since(began).Seconds()
	if t.Digest, err = run.Digest(trainer.Store()); err != nil {
		return t, errors.Join(trainErr, err)
	}
	data, err := json.MarshalIndent(t, "", "  ")
	if err == nil {
		err = f.WriteFile(TrainedFile, append(data, '\n'))
	}
	if trainErr != nil && ctx.Err() != nil {
		tell(fmt.Sprintf("interrupted: saved after step %d; go on with --resume --run %s", t.Steps, f.Path()))
	}
	return t, errors.Join(trainErr, err)
}

// startWeights loads the weights that a fine-tuning starts from: the vision tower of its config's Init run.
func startWeights(c run.Config, tell func(string)) func(*model.Store) error {
	if c.Init == "" {
		return nil
	}
	return func(s *model.Store) error {
		from, err := run.Open(c.Init)
		if err != nil {
			return err
		}
		defer from.Close()
		step, err := from.LoadWeights(s)
		if err != nil {
			return err
		}
		tell(fmt.Sprintf("starting from the weights of %s after step %d", c.Init, step))
		return clip.KeepVision(s)
	}
}
