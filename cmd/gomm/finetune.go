package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

func newFinetuneCommand() *cobra.Command {
	var f trainFlags
	var from string
	c := &cobra.Command{
		Use:   "finetune classifier",
		Short: "Train a classifier on a pretrained vision tower",
		Long: `Train a classifier on a pretrained vision tower: a linear layer alone (the presets ending in "probe"), or all
of the tower with it (the presets ending in "full"). The tower and its size are those of the run that --from names;
without --from it starts from random weights.`,
		Example: `  gomm finetune classifier --from runs/first --run runs/probe --preset mnist-demo-probe
  gomm finetune classifier --from runs/first --run runs/full --preset mnist-demo-full
  gomm finetune classifier --run runs/scratch --preset mnist-demo-full        for comparison: nothing pretrained
  gomm finetune classifier --from runs/first --run runs/few --set data.limit=100`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{models.Classifier},
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c); err != nil {
				return err
			}
			folder, err := f.open(args[0], startFrom(from))
			if err != nil {
				return err
			}
			b, err := openBackend()
			if err != nil {
				return err
			}
			t, err := trainRun(c.Context(), b, folder, "finetune", f.dir, c.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d steps, %s on the validation split; weights %.12s\nNext: gomm eval --run %s\n", f.runDir, t.Steps, percentages(t.Validation), t.Digest, f.runDir)
			return nil
		},
	}
	f.add(c, models.Classifier, "mnist-demo-full")
	c.Flags().StringVar(&from, "from", "", "pretrained run folder to start from")
	return c
}

// startFrom gives a classifier the vision settings of a pretrained run. Without one it takes those of the demo's CLIP, so
// that training from scratch compares like with like.
func startFrom(dir string) func(*models.Settings, *run.Config) error {
	return func(s *models.Settings, c *run.Config) error {
		classifier := s.Model.(*clip.ClassifierConfig)
		if dir == "" {
			classifier.Vision = clip.Presets["mnist-demo"].Vision
			return nil
		}
		var err error
		c.Init, err = experiment.StartFrom(dir, s)
		if errors.Is(err, experiment.ErrNotPretrained) {
			return usagef("--from: %v", err)
		}
		return err
	}
}
