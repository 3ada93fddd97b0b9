package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
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
	return experiment.Create(f.runDir, c)
}

// trainRun trains in an open folder to its last step and reports on the way. It closes the folder.
func trainRun(ctx context.Context, b compute.Backend, f *run.Folder, label, dataDir string, stderr io.Writer) (experiment.Trained, error) {
	display := ui.NewProgress(stderr, label)
	defer display.Done()
	return experiment.Train(ctx, b, f, experiment.Options{
		Data:     mnist.Options{Dir: dataDir, Progress: stderr},
		Backend:  xla.Describe(b),
		Message:  display.Message,
		Progress: func(p train.Progress) { display.Step(int(p.Step), int(p.Steps), p.Loss, p.ExamplesPerSecond) },
		Measured: func(step int64, figures map[string]float64) {
			display.Message(fmt.Sprintf("step %d: %s on the validation split", step, percentages(figures)))
		},
	})
}

// percentages writes measurements for people: "accuracy 98.40 %, accuracy_en 98.38 %, …".
func percentages(m map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %.2f %%", strings.ReplaceAll(name, "_", " "), 100*m[name]))
	}
	return strings.Join(parts, ", ")
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
