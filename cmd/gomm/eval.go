package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/infer"
	reporting "gomm/mmlib/report"
)

func newEvalCommand() *cobra.Command {
	var dir, name, dataDir, split, judge string
	var asJSON, noReport bool
	drawing := experiment.Drawing{Sampling: infer.Sampling{Seed: 1}}
	c := &cobra.Command{
		Use:   "eval",
		Short: "Measure a trained run: accuracy, errors, speed, and an HTML report",
		Long: `Measure a trained run on examples that it was not trained on, in the way that suits its kind: a CLIP zero-shot, by
prompts in each of its languages alone, a classifier by what it says. The weights are those of the best checkpoint. The run
folder gets report.html, one file that opens offline, and summary.json.

Settings are chosen on the validation split, which is held out of the training set; the test split is for the number at the
very end. Scenes with pairs held out of training (data.held_out_pairs, data.held_out_places) have two splits more, of such pairs alone:
validation-unseen and unseen.

What a run draws is judged by another model, which --judge names: a convnet, trained on real pictures alone (gomm pretrain convnet).
Of a vqvae it names the classes of the reconstructions; of a dalle or a parti those of 5,000 drawings, none left out, with
their Fréchet distance from real pictures, and how well a fresh network does that has learnt from the drawings alone. Scenes are
judged by a fusion that reads what is in each cell (gomm pretrain fusion --preset scenes-attributes): how many of the facts that
1,000 captions of each form state are shown, with the wording apart that training never had.`,
		Example: `  gomm eval --run runs/first                         on the 10,000 test pictures
  gomm eval --run runs/first --split validation      to compare settings
  gomm eval --run runs/dalle --judge runs/judge      drawings, by a network that names digits
  gomm eval --run runs/first --json --no-report | jq .zero_shot_accuracy_en`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return usagef("--run is missing: name the run folder to measure, e.g. --run runs/first")
			}
			if split == data.Train {
				return usagef("--split is %q: that is what the run was trained on", split)
			}
			if judge == "" && (c.Flags().Changed("guidance") || c.Flags().Changed("temperature")) {
				return usagef("--guidance and --temperature are of drawings that are judged, and --judge is missing: name the run of a convnet")
			}
			b, err := openBackend()
			if err != nil {
				return err
			}
			on := experiment.On{Split: split, Data: name, Judge: judge, Drawing: &drawing,
				Options: data.Options{Dir: dataDir, Progress: c.ErrOrStderr()}}
			e, err := evaluate(c.Context(), b, dir, on)
			if err != nil {
				return err
			}
			page := ""
			if !noReport {
				if page, err = e.Save(); err != nil {
					return err
				}
			}
			if asJSON {
				summary, err := e.Summary()
				if err != nil {
					return err
				}
				return encodeJSON(c.OutOrStdout(), summary)
			}
			return printEvaluation(c.OutOrStdout(), e, page)
		},
	}
	flags := c.Flags()
	flags.StringVar(&dir, "run", "", "run folder to measure")
	flags.StringVar(&split, "split", data.Test, "examples to measure on: test, validation, or another split of the data set")
	flags.StringVar(&name, "data", "", "another data set than the run's own")
	flags.StringVar(&judge, "judge", "",
		"run folder of a convnet, for scenes of a fusion, that judges what the run draws (vqvae, dalle, parti)")
	flags.Float64Var(&drawing.Guidance, "guidance", 1,
		"of the drawings that are judged: how much of what captions say is exaggerated; 1 is none (parti)")
	flags.Float64Var(&drawing.Temperature, "temperature", 1, "of the drawings that are judged")
	flags.StringVar(&dataDir, "data-dir", "", "folder with the data set's files, if you have them")
	flags.BoolVar(&asJSON, "json", false, "write one JSON object instead of a table")
	flags.BoolVar(&noReport, "no-report", false, "leave the run folder as it is: no report.html, no summary.json")
	_ = c.RegisterFlagCompletionFunc("run", completeRuns)
	_ = c.RegisterFlagCompletionFunc("judge", completeRuns)
	_ = c.RegisterFlagCompletionFunc("split", cobra.FixedCompletions([]string{data.Test, data.Validation},
		cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("data", cobra.FixedCompletions(sourceNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagDirname("data-dir")
	return c
}

func evaluate(ctx context.Context, b compute.Backend, dir string, on experiment.On) (*experiment.Evaluation, error) {
	on.Backend = xla.Describe(b)
	return experiment.Evaluate(ctx, b, dir, on)
}

// printEvaluation writes tables for people. page is the report that was written, or empty.
func printEvaluation(w io.Writer, e *experiment.Evaluation, page string) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s after step %d, on %s %s examples of %s\n\n", e.Dir, e.Label, e.Model.Step, ui.Count(e.Examples), e.Split,
		e.Data)
	shares := [][]string{{"", "accuracy", "95 % interval", "right", "of"}}
	var counted, others []experiment.Figure
	for _, f := range e.Figures() {
		if f.Total == 0 {
			others = append(others, f)
			continue
		}
		low, high, err := reporting.Accuracy{Name: f.Name, Right: f.Right, Total: f.Total}.Wilson()
		if err != nil {
			return err
		}
		counted = append(counted, f)
		shares = append(shares, []string{
			f.Name, f.String(), fmt.Sprintf("%.2f – %.2f %%", 100*low, 100*high), ui.Count(f.Right), ui.Count(f.Total),
		})
	}
	if len(counted) > 0 {
		align(&out, shares)
		out.WriteByte('\n')
		if len(counted[0].Parts) > 0 {
			align(&out, errorsByPart(counted))
			out.WriteByte('\n')
		}
	}
	for _, f := range others {
		if f.Name != "" {
			fmt.Fprintf(&out, "%s: %s\n", f.Name, f)
		}
	}
	for _, note := range e.Notes() {
		fmt.Fprintln(&out, note)
	}
	fmt.Fprintf(&out, "%s examples/s on %s\n", ui.Count(int(e.ExamplesPerSecond)), e.Backend)
	if page != "" {
		fmt.Fprintf(&out, "report: %s\n", page)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// errorsByPart is a table: a class, its number of examples, and how many of them each figure counts as wrong.
func errorsByPart(figures []experiment.Figure) [][]string {
	rows := [][]string{{"errors by class", "examples"}}
	for _, p := range figures[0].Parts {
		rows = append(rows, []string{p.Name, ui.Count(p.Total)})
	}
	for _, f := range figures {
		if len(f.Parts) != len(figures[0].Parts) { // a figure of other examples
			continue
		}
		rows[0] = append(rows[0], f.Name)
		for i, p := range f.Parts {
			rows[i+1] = append(rows[i+1], ui.Count(p.Total-p.Right))
		}
	}
	return rows
}

// align writes rows in columns: the first flush left, the others flush right.
func align(w io.Writer, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(w, "  %*s", widths[i+1], cell)
		}
		fmt.Fprintln(w)
	}
}

// encodeJSON writes v for people, with letters as they are.
func encodeJSON(w io.Writer, v any) error {
	j := json.NewEncoder(w)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	return j.Encode(v)
}
