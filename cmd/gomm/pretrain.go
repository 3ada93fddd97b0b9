package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"gomm/mmlib/models"
)

func newPretrainCommand() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use:   "pretrain clip",
		Short: "Pretrain a model on pairs of pictures and captions",
		Long: `Pretrain CLIP on pairs of pictures and captions, from random weights.

Captions are made of the class names, in English and Chinese, several templates each. The run folder holds the settings,
the tokenizer, checkpoints and the curve. Ctrl-C saves and ends; --resume goes on, and ends with the same weights as a run
that was never stopped.`,
		Example: `  gomm pretrain clip --run runs/first                                       about three minutes on 2 cores
  gomm pretrain clip --preset mnist --run runs/mnist/clip --seed 2           the full recipe
  gomm pretrain clip --run runs/pairs --set data.captions.sharing=pairs      plain InfoNCE
  gomm pretrain clip --run runs/first --resume                               go on after an interruption`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{models.CLIP},
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c); err != nil {
				return err
			}
			folder, err := f.open(args[0], nil)
			if err != nil {
				return err
			}
			b, err := openBackend()
			if err != nil {
				return err
			}
			t, err := trainRun(c.Context(), b, folder, "pretrain", f.dir, c.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d steps, %s on the validation split; weights %.12s\nNext: gomm eval --run %s\n", f.runDir, t.Steps, percentages(t.Validation), t.Digest, f.runDir)
			return nil
		},
	}
	f.add(c, models.CLIP, "mnist-demo")
	return c
}
