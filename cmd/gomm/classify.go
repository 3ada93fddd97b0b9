package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
)

func newClassifyCommand() *cobra.Command {
	var x classification
	c := &cobra.Command{
		Use:   "classify IMAGE...",
		Short: "Classify pictures",
		Long: `Classify pictures: a trained classifier by the classes that it has learned, a CLIP zero-shot, by the labels that you
give, or else by the classes that it was trained on.

A label is put into templates, such as "a photo of the digit %s": the run's own, or yours. A model knows the words that it
was trained on and names others that you use. Pictures are prepared as those that the model was trained on; a model of MNIST
expects white digits on black, so --invert what was written with a pen on paper.`,
		Example: `  gomm classify --run runs/demo/clip seven.png --invert
  gomm classify --run runs/demo/clip *.png --labels "one,seven" --template "a photo of the digit %s."
  gomm classify --run runs/demo/clip seven.png --labels 一,七
  gomm classify --run runs/demo/full seven.png --json | jq -r .classes[0].label
  gomm classify --run runs/demo/full seven.png --explain seven-attention.png`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			x.pictures = args
			if err := x.check(c.Flags().Changed); err != nil {
				return err
			}
			return x.run(c.Context(), c.OutOrStdout())
		},
	}
	flags := c.Flags()
	flags.StringVar(&x.dir, "run", "", "run folder of a model that classifies")
	flags.StringSliceVar(&x.choice.Labels, "labels", nil, "classes to choose from, a,b,c (default: the run's own)")
	flags.StringArrayVar(&x.choice.Templates, "template", nil, "phrase with one %s for a label (repeatable; default: the run's own)")
	flags.StringVar(&x.choice.Language, "language", "", "language of the run's own classes and templates: en, zh")
	flags.IntVar(&x.top, "top", 3, "how many classes to show for each picture, 0 for all")
	x.look.add(flags)
	flags.BoolVar(&x.json, "json", false, "write one JSON line for each picture, with all classes")
	flags.StringVar(&x.explain, "explain", "", "PNG `file` for what the model saw of each picture and what it looked at")
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	_ = c.RegisterFlagCompletionFunc("language", cobra.FixedCompletions([]string{"en", "zh"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// classification is one call of the command.
type classification struct {
	dir, explain string
	pictures     []string
	choice       experiment.Choice
	look         pictureFlags
	top          int
	json         bool
}

// check refuses flags that make no sense.
func (x *classification) check(given func(flag string) bool) error {
	switch {
	case x.dir == "":
		return usagef("--run is missing: name the run folder of a model that classifies, e.g. --run runs/demo/clip")
	case given("labels") && len(x.choice.Labels) == 0:
		return usagef("--labels is empty: name the classes to choose from, e.g. --labels one,seven")
	case given("explain") && x.explain == "":
		return usagef("--explain is empty: name a PNG file to write")
	case given("top") && x.json:
		return usagef("--top is for the table: --json writes all classes")
	case x.top < 0:
		return usagef("--top is %d: it must be at least 0", x.top)
	}
	for i, label := range x.choice.Labels {
		x.choice.Labels[i] = strings.TrimSpace(label)
	}
	return nil
}

func (x *classification) run(ctx context.Context, stdout io.Writer) error {
	m, err := models.Open(x.dir)
	if err != nil {
		return err
	}
	b, err := openBackend()
	if err != nil {
		return err
	}
	x.look.apply(m)
	guesses, err := experiment.Classify(ctx, b, m, x.pictures, x.choice)
	if err != nil {
		return err
	}
	if x.explain != "" {
		img, err := experiment.Explain(ctx, b, m, x.pictures)
		if err != nil {
			return err
		}
		if err := writePNG(x.explain, img); err != nil {
			return err
		}
	}
	if x.json {
		return x.writeJSON(stdout, guesses)
	}
	return x.writeTable(stdout, guesses)
}

func (x *classification) writeJSON(w io.Writer, guesses [][]experiment.Guess) error {
	j := json.NewEncoder(w)
	j.SetEscapeHTML(false)
	for i, list := range guesses {
		line := struct {
			Input   string             `json:"input"`
			Classes []experiment.Guess `json:"classes"`
		}{x.pictures[i], list}
		if err := j.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func (x *classification) writeTable(w io.Writer, guesses [][]experiment.Guess) error {
	var rows [][]string
	for i, list := range guesses {
		if x.top > 0 {
			list = list[:min(x.top, len(list))]
		}
		row := []string{x.pictures[i]}
		for _, g := range list {
			row = append(row, fmt.Sprintf("%s %5.1f %%", g.Label, 100*g.Probability))
		}
		rows = append(rows, slices.Clip(row))
	}
	var out strings.Builder
	align(&out, rows)
	_, err := io.WriteString(w, out.String())
	return err
}
