package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

func newDemoCommand() *cobra.Command {
	d := demo{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Pretrain, use zero-shot, fine-tune and measure, in one go",
		Long: `Do everything once: pretrain CLIP on MNIST's pictures and captions, classify the test pictures by text prompts
alone, then train a linear probe and the whole vision tower as classifiers, and measure each.

The run folder gets clip/, probe/ and full/, a run each, summary.json and report.html. An interrupted demo goes on where it
was when it is started again.`,
		Example: `  gomm demo                                              a few minutes on 2 cores
  gomm demo --preset mnist --run runs/mnist --seed 2     the full recipe
  gomm demo --preset mnist --data fashion-mnist --run runs/fashion`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := d.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			return s.print(c.OutOrStdout(), d.dir)
		},
	}
	flags := c.Flags()
	flags.StringVar(&d.preset, "preset", "mnist-demo", "mnist-demo, mnist or mnist-tiny")
	flags.StringVar(&d.data, "data", mnist.MNIST, "data set: mnist, fashion-mnist")
	flags.StringVar(&d.dataDir, "data-dir", "", "folder with the data set's files, if you have them")
	flags.StringVar(&d.dir, "run", "runs/demo", "folder for the three runs, the summary and the report")
	flags.Uint64Var(&d.seed, "seed", 1, "seed of everything random")
	return c
}

// demo is the whole way, from nothing to a report.
type demo struct {
	preset, data, dataDir, dir string
	seed                       uint64
}

// summary is what summary.json says. Accuracies are shares of the test pictures.
type summary struct {
	Preset              string  `json:"preset"`
	Data                string  `json:"data"`
	Backend             string  `json:"backend"`
	Devices             int     `json:"devices"`
	ZeroShotAccuracyEN  float64 `json:"zero_shot_accuracy_en"`
	ZeroShotAccuracyZH  float64 `json:"zero_shot_accuracy_zh"`
	LinearProbeAccuracy float64 `json:"linear_probe_accuracy"`
	FinetuneAccuracy    float64 `json:"finetune_accuracy"`
	ImagesPerSecond     float64 `json:"images_per_second"` // of pretraining, compilation left out
	TrainSteps          int64   `json:"train_steps"`       // of all three trainings
	WallSeconds         float64 `json:"wall_seconds"`      // of all three, compilation and validation included
	Seed                uint64  `json:"seed"`
}

// run trains and measures; what is finished already is not done again.
func (d demo) run(ctx context.Context, stdout, stderr io.Writer) (summary, error) {
	s := summary{Preset: d.preset, Data: d.data, Seed: d.seed}
	b, err := openBackend()
	if err != nil {
		return s, err
	}
	s.Backend = xla.Describe(b)
	fmt.Fprintf(stdout, "backend: %s\n", s.Backend)
	var evaluations []*evaluation
	for _, stage := range d.stages() {
		dir := filepath.Join(d.dir, stage.name)
		t, err := d.train(ctx, b, stage, dir, stderr)
		if err != nil {
			return s, err
		}
		e, err := evaluate(ctx, b, dir, "test", d.dataDir, stderr)
		if err != nil {
			return s, err
		}
		evaluations = append(evaluations, e)
		s.TrainSteps += t.Steps
		s.WallSeconds += t.WallSeconds
		if stage.task == models.CLIP {
			s.ImagesPerSecond, s.Devices = t.ImagesPerSecond, t.Devices
		}
		stage.result(&s, e)
	}
	if err := writeJSON(filepath.Join(d.dir, "summary.json"), s); err != nil {
		return s, err
	}
	return s, writeReport(filepath.Join(d.dir, "report.html"), fmt.Sprintf("gomm: CLIP on %s", d.data), evaluations...)
}

// stage is one of the demo's trainings.
type stage struct {
	name, task, preset string
	from               string // the run whose vision tower it starts from
	result             func(*summary, *evaluation)
}

func (d demo) stages() []stage {
	pretrained := filepath.Join(d.dir, "clip")
	return []stage{
		{name: "clip", task: models.CLIP, preset: d.preset, result: func(s *summary, e *evaluation) {
			s.ZeroShotAccuracyEN, s.ZeroShotAccuracyZH = e.accuracy("en"), e.accuracy("zh")
		}},
		{name: "probe", task: models.Classifier, preset: d.preset + "-probe", from: pretrained, result: func(s *summary, e *evaluation) {
			s.LinearProbeAccuracy = e.accuracy("")
		}},
		{name: "full", task: models.Classifier, preset: d.preset + "-full", from: pretrained, result: func(s *summary, e *evaluation) {
			s.FinetuneAccuracy = e.accuracy("")
		}},
	}
}

// train creates or resumes the stage's run, unless it is finished.
func (d demo) train(ctx context.Context, b compute.Backend, s stage, dir string, stderr io.Writer) (experiment.Trained, error) {
	f := trainFlags{preset: s.preset, data: d.data, dir: d.dataDir, runDir: dir, seed: d.seed}
	folder, err := run.Open(dir)
	switch {
	case err == nil:
		if err := d.sameAs(folder.Config(), s, dir); err != nil {
			return experiment.Trained{}, err
		}
		t, err := experiment.ReadTrained(dir)
		if err != nil || t.Steps == int64(folder.Config().Training.Steps) {
			return t, err
		}
		f.resume = true
	case !errors.Is(err, fs.ErrNotExist):
		return experiment.Trained{}, err
	}
	var adapt func(*models.Settings, *run.Config) error
	if s.task == models.Classifier {
		adapt = startFrom(s.from)
	}
	folder, err = f.open(s.task, adapt)
	if err != nil {
		return experiment.Trained{}, err
	}
	return trainRun(ctx, b, folder, s.name, d.dataDir, stderr)
}

// sameAs refuses to mix two demos in one folder.
func (d demo) sameAs(c run.Config, s stage, dir string) error {
	if c.Preset != s.preset || c.Seed != d.seed || c.Data.Name != d.data {
		return usagef("%s holds a run of preset %s, seed %d, data %s: name another folder by --run, or remove it", dir, c.Preset, c.Seed, c.Data.Name)
	}
	return nil
}

func (s summary) print(w io.Writer, dir string) error {
	report, err := filepath.Abs(filepath.Join(dir, "report.html"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
%s, 10,000 test pictures             accuracy
  zero-shot, English prompts        %6.2f %%
  zero-shot, Chinese prompts        %6.2f %%
  linear probe                      %6.2f %%
  fine-tuned                        %6.2f %%

%d training steps in %.0f s (pretraining: %.0f images/s on %s)
numbers: %s
report:  %s
`, s.Data, 100*s.ZeroShotAccuracyEN, 100*s.ZeroShotAccuracyZH, 100*s.LinearProbeAccuracy, 100*s.FinetuneAccuracy,
		s.TrainSteps, s.WallSeconds, s.ImagesPerSecond, s.Backend, filepath.Join(filepath.Dir(report), "summary.json"), report)
	return err
}
