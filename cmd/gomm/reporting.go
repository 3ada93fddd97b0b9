package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gomm/cmd/gomm/ui"
	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/eval"
	reporting "gomm/mmlib/report"
)

// name says what gave the answers: "zero-shot, English prompts", "linear probe".
func (e *evaluation) name(a answers) string {
	if a.language == "" {
		return e.kind()
	}
	return "zero-shot, " + languageName(a.language) + " prompts"
}

func languageName(language string) string {
	switch language {
	case "en":
		return "English"
	case "zh":
		return "Chinese"
	}
	return language
}

func (a answers) counted(name string) reporting.Accuracy {
	right := 0
	for _, p := range a.predictions {
		if p.True == p.Predicted {
			right++
		}
	}
	return reporting.Accuracy{Name: name, Right: right, Total: len(a.predictions)}
}

// errors counts the wrong answers by the true class.
func (a answers) errors() []int {
	counts := make([]int, mnist.NumClasses)
	for _, p := range a.predictions {
		if p.True != p.Predicted {
			counts[p.True]++
		}
	}
	return counts
}

// print writes a table for people. report is the page that was written, or empty.
func (e *evaluation) print(w io.Writer, report string) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s after step %d, on %s %s pictures of %s\n\n", e.dir, e.kind(), e.model.Step,
		ui.Count(e.pictures.Len()), e.split, e.config.Data.Name)
	accuracies := [][]string{{"", "accuracy", "95 % interval", "right", "of"}}
	for _, a := range e.answers {
		c := a.counted(e.name(a))
		low, high, err := c.Wilson()
		if err != nil {
			return err
		}
		accuracies = append(accuracies, []string{
			c.Name, fmt.Sprintf("%.2f %%", 100*eval.Accuracy(a.predictions)),
			fmt.Sprintf("%.2f – %.2f %%", 100*low, 100*high), ui.Count(c.Right), ui.Count(c.Total),
		})
	}
	errors, err := e.errorsByClass()
	if err != nil {
		return err
	}
	align(&out, accuracies)
	out.WriteByte('\n')
	align(&out, errors)
	fmt.Fprintf(&out, "\n%s images/s on %s\n", ui.Count(int(e.imagesPerSecond)), xla.Describe(e.backend))
	if report != "" {
		fmt.Fprintf(&out, "report: %s\n", report)
	}
	_, err = io.WriteString(w, out.String())
	return err
}

// errorsByClass is a table: class, its number of pictures, and how many of them each of the answers got wrong.
func (e *evaluation) errorsByClass() ([][]string, error) {
	names, err := mnist.Classes(e.config.Data.Name, "en")
	if err != nil {
		return nil, err
	}
	of := make([]int, len(names))
	for i := range e.pictures.Len() {
		of[e.pictures.Class(i)]++
	}
	rows := [][]string{{"errors by class", "pictures"}}
	for class, name := range names {
		rows = append(rows, []string{name, ui.Count(of[class])})
	}
	for _, a := range e.answers {
		rows[0] = append(rows[0], e.name(a))
		for class, n := range a.errors() {
			rows[class+1] = append(rows[class+1], ui.Count(n))
		}
	}
	return rows, nil
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
