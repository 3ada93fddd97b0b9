package main

import (
	"github.com/spf13/cobra"
)

// newRoot returns the gomm command with all its subcommands. A new subcommand is a file of its own with one function, and
// one line here.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "gomm",
		Short: "Train, measure and use multimodal models, in Go",
		Long: `gomm trains, measures and uses multimodal models, in Go.

Start with 'gomm doctor', which checks what is installed and what is missing.`,
		Example: `  gomm doctor                       what is installed, what is missing, how to get it
  gomm data plugin mnist            fetch what the examples need
  gomm demo                         pretrain, classify zero-shot, fine-tune, measure: a few minutes
  gomm pretrain clip --help         train a model of pictures and words`,
		SilenceErrors: true, // run reports them, once
		SilenceUsage:  true,
	}
	root.AddCommand(
		newAskCommand(),
		newCaptionCommand(),
		newChatCommand(),
		newClassifyCommand(),
		newCompleteCommand(),
		newDataCommand(),
		newDemoCommand(),
		newDoctorCommand(),
		newDrawCommand(),
		newEmbedCommand(),
		newSearchCommand(),
		newEvalCommand(),
		newFinetuneCommand(),
		newKernelCommand(),
		newPretrainCommand(),
		newReconstructCommand(),
		newReproduceCommand(),
		newVersionCommand(),
	)
	return root
}
