package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
)

// The demo's data set, if not told otherwise.
const demoData = "mnist"

func newDemoCommand() *cobra.Command {
	d := demo{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Pretrain, classify zero-shot, fine-tune and measure in one run",
		Long: `Do everything once: pretrain CLIP on MNIST's pictures and captions, classify the test pictures by text prompts
alone, then train a linear probe and the whole vision tower as classifiers, and measure each.

The run folder gets clip/, probe/ and full/, a run each, summary.json and report.html. An interrupted demo continues where it
stopped when it is started again.`,
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
	clip, _ := models.Lookup("clip")
	flags.StringVar(&d.preset, "preset", clip.Default, "settings of the pretraining: "+strings.Join(presets(clip), ", "))
	flags.StringVar(&d.data, "data", demoData, "data set: "+strings.Join(sourceNames(), ", "))
	flags.StringVar(&d.dataDir, "data-dir", "", "folder with the data set's files, if you have them")
	flags.StringVar(&d.dir, "run", "runs/demo", "folder for the three runs, the summary and the report")
	flags.Uint64Var(&d.seed, "seed", 1, "seed of everything random")
	_ = c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(presets(clip), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("data", cobra.FixedCompletions(sourceNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagDirname("data-dir")
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
	TrainSteps          int64   `json:"train_steps"`       // of all three runs
	WallSeconds         float64 `json:"wall_seconds"`      // of all three, compilation and validation included
	Seed                uint64  `json:"seed"`
}

// stage is one of the demo's runs.
type stage struct {
	name, kind, preset string
	from               string              // the run that it starts from
	figures            map[string]*float64 // where the summary has its figures
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
	pretrained := filepath.Join(d.dir, "clip")
	var evaluations []*experiment.Evaluation
	for _, stage := range []stage{
		{"clip", "clip", d.preset, "", map[string]*float64{"accuracy_en": &s.ZeroShotAccuracyEN, "accuracy_zh": &s.ZeroShotAccuracyZH}},
		{"probe", "classifier", d.preset + "-probe", pretrained, map[string]*float64{"accuracy": &s.LinearProbeAccuracy}},
		{"full", "classifier", d.preset + "-full", pretrained, map[string]*float64{"accuracy": &s.FinetuneAccuracy}},
	} {
		dir := filepath.Join(d.dir, stage.name)
		t, err := d.train(ctx, b, stage, dir, stderr)
		if err != nil {
			return s, err
		}
		e, err := evaluate(ctx, b, dir, experiment.On{Options: data.Options{Dir: d.dataDir, Progress: stderr}})
		if err != nil {
			return s, err
		}
		evaluations = append(evaluations, e)
		s.TrainSteps += t.Steps
		s.WallSeconds += t.WallSeconds
		if stage.from == "" {
			s.ImagesPerSecond, s.Devices = t.ImagesPerSecond, t.Devices
		}
		for key, value := range stage.figures {
			*value = e.Figure(key).Value
		}
	}
	var file bytes.Buffer
	if err := encodeJSON(&file, s); err != nil {
		return s, err
	}
	if err := writeBeside(filepath.Join(d.dir, "summary.json"), file.Bytes()); err != nil {
		return s, err
	}
	return s, experiment.WriteReport(filepath.Join(d.dir, "report.html"), fmt.Sprintf("gomm: CLIP on %s", d.data), evaluations...)
}

// train creates or resumes the stage's run, unless it is finished.
func (d demo) train(ctx context.Context, b compute.Backend, s stage, dir string, stderr io.Writer) (experiment.Trained, error) {
	f := trainFlags{preset: s.preset, data: d.data, dir: d.dataDir, runDir: dir, seed: d.seed, from: s.from}
	f.given = func(flag string) bool { return flag == "data" || flag == "from" && s.from != "" }
	settings, err := models.ReadSettings(dir)
	switch {
	case err == nil:
		if err := d.sameAs(settings, s, dir); err != nil {
			return experiment.Trained{}, err
		}
		t, err := experiment.ReadTrained(dir)
		if err != nil || t.Steps == int64(settings.Training.Steps) || t.StoppedEarly != "" {
			return t, err
		}
		f.resume = true
	case !errors.Is(err, fs.ErrNotExist):
		return experiment.Trained{}, err
	}
	r, err := f.open(ctx, b, s.kind, stderr)
	if err != nil {
		return experiment.Trained{}, err
	}
	t, _, err := trainRun(ctx, b, r, s.name, stderr)
	if err != nil && ctx.Err() != nil {
		fmt.Fprintf(stderr, "saved after step %d of %s; the same command goes on\n", t.Steps, s.name)
	}
	return t, err
}

// sameAs refuses to mix two demos in one folder.
func (d demo) sameAs(settings models.Settings, s stage, dir string) error {
	if settings.Preset != s.preset || settings.Seed != d.seed || settings.Data == nil || settings.Data.String() != d.data ||
		settings.Training == nil {
		return usagef("%s holds a run of preset %s, seed %d, data %v: name another folder by --run, or remove it", dir, settings.Preset,
			settings.Seed, settings.Data)
	}
	return nil
}

func (s summary) print(w io.Writer, dir string) error {
	page, err := filepath.Abs(filepath.Join(dir, "report.html"))
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
		s.TrainSteps, s.WallSeconds, s.ImagesPerSecond, s.Backend, filepath.Join(filepath.Dir(page), "summary.json"), page)
	return err
}
