package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// trainFlags are the flags that every training has.
type trainFlags struct {
	preset, data, dir, runDir string
	seed                      uint64
	steps                     int
	set                       []string
	resume                    bool
}

func (f *trainFlags) add(c *cobra.Command, task, preset string) {
	flags := c.Flags()
	flags.StringVar(&f.preset, "preset", preset, "settings to start from: "+strings.Join(models.Presets(task), ", "))
	flags.StringVar(&f.data, "data", mnist.MNIST, "data set: "+strings.Join(mnist.Names(), ", "))
	flags.StringVar(&f.dir, "data-dir", "", "folder with the data set's files, if you have them")
	flags.StringVar(&f.runDir, "run", "", "run folder to create, or with --resume to go on in")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of everything random")
	flags.IntVar(&f.steps, "steps", 0, "training steps, instead of the preset's")
	flags.StringArrayVar(&f.set, "set", nil, "change a setting: `key=value`, e.g. training.learning_rate=5e-4 (repeatable)")
	flags.BoolVar(&f.resume, "resume", false, "go on with the run in --run, with the settings it was created with")
	complete := func(list []string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return list, cobra.ShellCompDirectiveNoFileComp
		}
	}
	_ = c.RegisterFlagCompletionFunc("preset", complete(models.Presets(task)))
	_ = c.RegisterFlagCompletionFunc("data", complete(mnist.Names()))
	_ = c.RegisterFlagCompletionFunc("set", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		s, err := models.Preset(task, f.preset)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		keys := run.Keys(&s)
		for i := range keys {
			keys[i] += "="
		}
		return keys, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
}

// check refuses flags that contradict each other.
func (f *trainFlags) check(c *cobra.Command) error {
	if f.runDir == "" {
		return usagef("--run is missing: name the folder that the run is kept in, e.g. --run runs/first")
	}
	if !f.resume {
		return nil
	}
	for _, name := range []string{"preset", "data", "seed", "steps", "set", "from"} {
		if flag := c.Flags().Lookup(name); flag != nil && flag.Changed {
			return usagef("--%s cannot be used with --resume: a resumed run keeps the settings it was created with", name)
		}
	}
	return nil
}

// open creates the run folder from the preset and the flags, or opens it again. adapt, if any, changes the settings before
// the user's --set does.
func (f *trainFlags) open(task string, adapt func(*models.Settings, *run.Config) error) (*run.Folder, error) {
	if f.resume {
		return run.Resume(f.runDir)
	}
	s, err := models.Preset(task, f.preset)
	if err != nil {
		return nil, usageError{err}
	}
	s.Data.Name = f.data
	if f.steps > 0 {
		s.Training.Steps = f.steps
		s.Training.Warmup = min(s.Training.Warmup, f.steps)
	}
	var from run.Config
	if adapt != nil {
		if err := adapt(&s, &from); err != nil {
			return nil, err
		}
	}
	for _, kv := range f.set {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, usagef("--set %s: write key=value", kv)
		}
		if err := run.Set(&s, key, value); err != nil {
			return nil, usageError{err}
		}
	}
	c, err := models.Complete(task, f.preset, f.seed, s)
	if err != nil {
		return nil, usageError{err}
	}
	c.Init, c.Versions = from.Init, versions()
	return f.create(c)
}

// create makes the folder; a task with texts gets its tokenizer's file.
func (f *trainFlags) create(c run.Config) (*run.Folder, error) {
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
	return run.Create(f.runDir, c, files...)
}

// trained is what a training leaves in its folder's training.json, summed up over resumptions.
type trained struct {
	Steps           int64              `json:"steps"`
	WallSeconds     float64            `json:"wall_seconds"`
	ImagesPerSecond float64            `json:"images_per_second"`
	Devices         int                `json:"devices"`
	Backend         string             `json:"backend"`
	Validation      map[string]float64 `json:"validation"` // of the last checkpoint
	Digest          string             `json:"digest"`     // of the last step's trainable weights
}

const trainedFile = "training.json"

func readTrained(dir string) (trained, error) {
	var t trained
	data, err := os.ReadFile(filepath.Join(dir, trainedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	return t, run.DecodeStrict(data, &t)
}

// trainRun trains in an open folder to its last step and reports on the way. It closes the folder.
func trainRun(ctx context.Context, b compute.Backend, f *run.Folder, label, dataDir string, stderr io.Writer) (t trained, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	began := time.Now()
	if t, err = readTrained(f.Path()); err != nil {
		return t, err
	}
	job, err := models.NewJob(f.Config(), mnist.Options{Dir: dataDir, Progress: stderr, Context: ctx})
	if err != nil {
		return t, err
	}
	display := ui.NewProgress(stderr, label)
	defer display.Done()
	f.Best = "accuracy"
	f.Warn = display.Message
	check := &validator{backend: b, job: job}
	trainer, err := train.New(b, job.Task, f, train.Hooks{
		Init: startWeights(f.Config(), display.Message),
		Validate: func(weights *model.Store, step int64) (map[string]float64, error) {
			t.Validation, err = check.measure(weights)
			display.Message(fmt.Sprintf("step %d: %s on the validation split", step, percentages(t.Validation)))
			return t.Validation, err
		},
		Progress: func(p train.Progress) {
			t.ImagesPerSecond = p.ExamplesPerSecond
			display.Step(int(p.Step), int(p.Steps), p.Loss, p.ExamplesPerSecond)
		},
	})
	if err != nil {
		return t, err
	}
	start := trainer.Step()
	if start > 0 {
		display.Message(fmt.Sprintf("resumed after step %d", start))
	}
	trainErr := trainer.Run(ctx)
	t.Steps, t.Devices, t.Backend = trainer.Step(), trainer.Devices(), xla.Describe(b)
	if saved, err := f.Checkpoints(); err == nil && len(saved) > 0 && t.Validation == nil {
		t.Validation = saved[len(saved)-1].Metrics // of a run that had nothing left to do but this
	}
	t.WallSeconds += time.Since(began).Seconds()
	if t.Digest, err = run.Digest(trainer.Store()); err != nil {
		return t, errors.Join(trainErr, err)
	}
	data, err := json.MarshalIndent(t, "", "  ")
	if err == nil {
		err = f.WriteFile(trainedFile, append(data, '\n'))
	}
	if trainErr != nil && ctx.Err() != nil {
		display.Message(fmt.Sprintf("interrupted: saved after step %d; go on with --resume --run %s", t.Steps, f.Path()))
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

// versions records what a run was made with.
func versions() map[string]string {
	v := map[string]string{"go": runtime.Version(), "os": runtime.GOOS + "/" + runtime.GOARCH}
	for name, version := range moduleVersions() {
		v[name] = version
	}
	return v
}

func openBackend() (compute.Backend, error) {
	b, err := xla.Open()
	if err != nil {
		return nil, fmt.Errorf("no backend: %w ('gomm doctor' says what is missing)", err)
	}
	return b, nil
}
