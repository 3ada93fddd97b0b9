package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"gomm/cmd/gomm/ui"

	"github.com/spf13/cobra"
)

func newDoctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what is installed and what is missing, and how to get it",
		Long: `Doctor checks for everything that gomm and its lessons can use and writes a line for each: "ok" and what was found, or
"missing" and the command that fixes it. It opens the backend and computes something. Nothing is fetched or changed.

The exit status is 1 only if something is missing that everything needs.`,
		Example: `  gomm doctor
  gomm doctor --json | jq .ok`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return doctor(cmd.Context(), cmd.OutOrStdout(), checks, thisMachine(), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object instead of lines")
	return cmd
}

// finding is the outcome of one check.
type finding struct {
	Name     string `json:"name"`
	State    string `json:"state"` // "ok" or "missing"
	Required bool   `json:"required"`
	Found    string `json:"found,omitempty"`   // what and where, when it is ok
	Problem  string `json:"problem,omitempty"` // why it is not
	Need     string `json:"need"`              // what it is for
	Fix      string `json:"fix,omitempty"`     // the command that fixes it
}

// examine runs one check.
func examine(ctx context.Context, c check, m *machine) finding {
	f := finding{Name: c.name, State: "ok", Required: c.required, Need: c.need}
	found, err := c.find(ctx, m)
	if err == nil {
		f.Found = oneLine(found)
		return f
	}
	f.State, f.Problem, f.Fix = "missing", oneLine(err.Error()), c.fix(m)
	var better remedied
	if errors.As(err, &better) {
		f.Fix = better.fix
	}
	return f
}

// doctor runs the checks, shows each as soon as it is done, and returns an error if a required one fails.
func doctor(ctx context.Context, out io.Writer, checks []check, m *machine, asJSON bool) error {
	var findings []finding
	var required []string
	style := ui.StyleFor(out)
	for _, c := range checks {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := examine(ctx, c, m)
		findings = append(findings, f)
		if f.State != "ok" && f.Required {
			required = append(required, f.Name)
		}
		if !asJSON {
			fmt.Fprintln(out, f.line(longestName(checks), style))
		}
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false) // commands hold && and >
		if err := encoder.Encode(diagnosis{len(required) == 0, findings}); err != nil {
			return err
		}
	}
	if len(required) > 0 {
		return fmt.Errorf("doctor: gomm does not work without: %s; see the lines above", strings.Join(required, ", "))
	}
	return nil
}

// diagnosis is what --json writes.
type diagnosis struct {
	OK     bool      `json:"ok"` // nothing required is missing
	Checks []finding `json:"checks"`
}

// line is the finding for people, in aligned columns: state, name, what was found or what is wrong.
func (f finding) line(nameWidth int, style ui.Style) string {
	name := fmt.Sprintf("%-*s", nameWidth, f.Name)
	if f.State == "ok" {
		return style.Green("ok     ") + "  " + name + "  " + f.Found
	}
	state := style.Yellow("missing")
	if f.Required {
		state = style.Red("missing")
	}
	return fmt.Sprintf("%s  %s  %s (%s); fix: %s", state, name, f.Problem, f.Need, f.Fix)
}

func longestName(checks []check) int {
	width := 0
	for _, c := range checks {
		width = max(width, len(c.name))
	}
	return width
}

// oneLine joins lines, so that every check has one.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
