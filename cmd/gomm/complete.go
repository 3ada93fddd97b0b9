package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

func newCompleteCommand() *cobra.Command {
	var dir string
	o := infer.Sampling{Temperature: 0.8}
	c := &cobra.Command{
		Use:   "complete TEXT",
		Short: "Continue a text by a language model",
		Long: `Continue a text by a language model (gomm pretrain palm), word by word as it is written. TEXT is its beginning, in the words of
what the model has read; - reads it from the standard input. What is printed is the beginning with what the model wrote behind it.

Each token is drawn at random by the model's probabilities, sharpened by --temperature: near 0 it keeps to its favorite phrases, at 1
it writes as it judges the text to be, and 0 always takes the most probable token. --top-k and --top-p leave out improbable ones. The
same seed gives the same text, on the same backend.`,
		Example: `  gomm complete --run runs/book "The Rays of Light"
  gomm complete --run runs/book "The Rays of Light" --seed 2 --temperature 1 --top-p 0.9
  gomm complete --run runs/book "The Rays of Light" --temperature 0 --max-tokens 40      always the same
  head -c 200 letter.txt | gomm complete --run runs/letters -`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if dir == "" {
				return usagef("--run is missing: name the run folder of a language model, e.g. --run runs/book")
			}
			beginning, err := beginningOf(args[0], c.InOrStdin())
			if err != nil {
				return err
			}
			m, err := models.Open(dir)
			if err != nil {
				return err
			}
			if m.Tokenizer != nil {
				if err := o.Validate(m.Tokenizer.VocabSize()); err != nil {
					return usageError{err}
				}
			}
			b, err := openBackend()
			if err != nil {
				return err
			}
			completer, err := experiment.OpenCompleter(b, m)
			if err != nil {
				return err
			}
			stream := stream{w: c.OutOrStdout()}
			text, err := completer.Complete(c.Context(), beginning, o, func(soFar string) bool { return stream.more(beginning + soFar) })
			if err != nil {
				return err
			}
			stream.end(beginning + text)
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&dir, "run", "", "run folder of a language model")
	flags.Float64Var(&o.Temperature, "temperature", o.Temperature, "how freely tokens are drawn; 0 always takes the most probable one")
	flags.IntVar(&o.TopK, "top-k", 0, "draw among so many of the most probable tokens; 0: among all")
	flags.Float64Var(&o.TopP, "top-p", 0, "draw among the most probable tokens that together have this probability; 0: among all")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of the random numbers")
	flags.IntVar(&o.MaxTokens, "max-tokens", 0, "tokens to write; 0: until the model's context is full")
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	for _, name := range []string{"temperature", "top-k", "top-p", "seed", "max-tokens"} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	c.ValidArgsFunction = cobra.NoFileCompletions
	return c
}

// beginningOf is the text of the argument, or with - the standard input, without the line end behind it.
func beginningOf(arg string, stdin io.Reader) (string, error) {
	if arg == "-" {
		if f, ok := stdin.(*os.File); ok && ui.IsTerminal(f) {
			return "", usagef("- reads the text from the standard input, which is this terminal: write it as the argument")
		}
		all, err := io.ReadAll(io.LimitReader(stdin, longestLine))
		if err != nil {
			return "", fmt.Errorf("reading the text: %w", err)
		}
		arg = strings.TrimRight(string(all), "\r\n")
	}
	if strings.TrimSpace(arg) == "" {
		return "", usagef("the text is empty: give its first words, which the model continues")
	}
	return arg, nil
}
