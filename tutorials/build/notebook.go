package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// notebook is a Jupyter notebook (nbformat 4.5), as far as it concerns us.
type notebook struct {
	Cells         []notebookCell `json:"cells"`
	Metadata      map[string]any `json:"metadata"`
	NBFormat      int            `json:"nbformat"`
	NBFormatMinor int            `json:"nbformat_minor"`
}

type notebookCell struct {
	CellType       string         `json:"cell_type"`
	ExecutionCount *int           `json:"execution_count,omitempty"`
	ID             string         `json:"id"`
	Metadata       map[string]any `json:"metadata"`
	Outputs        []output       `json:"outputs,omitempty"`
	Source         text           `json:"source"`
}

// MarshalJSON writes the fields that a code cell must have even when they are empty.
func (c notebookCell) MarshalJSON() ([]byte, error) {
	if c.CellType != "code" {
		type plain notebookCell
		return json.Marshal(plain(c))
	}
	outputs := c.Outputs
	if outputs == nil {
		outputs = []output{}
	}
	return json.Marshal(map[string]any{
		"cell_type": c.CellType, "execution_count": c.ExecutionCount, "id": c.ID, "metadata": c.Metadata, "outputs": outputs, "source": c.Source,
	})
}

// output is what a cell put out: a stream, data of several MIME types, or an error.
type output struct {
	OutputType     string          `json:"output_type"`
	Name           string          `json:"name,omitempty"`
	Text           text            `json:"text,omitempty"`
	Data           map[string]text `json:"data,omitempty"`
	Metadata       map[string]any  `json:"metadata,omitempty"`
	ExecutionCount *int            `json:"execution_count,omitempty"`
	EName          string          `json:"ename,omitempty"`
	EValue         string          `json:"evalue,omitempty"`
	Traceback      []string        `json:"traceback,omitempty"`
}

// MarshalJSON gives data its metadata, which it must have even when that is empty.
func (o output) MarshalJSON() ([]byte, error) {
	type plain output
	if o.Data == nil {
		return json.Marshal(plain(o))
	}
	return json.Marshal(map[string]any{"output_type": o.OutputType, "data": o.Data, "metadata": map[string]any{}})
}

// text is lines in JSON, one string in Go.
type text string

// MarshalJSON writes a list of lines, each with its newline, so that a change of a line is a line in a diff.
func (t text) MarshalJSON() ([]byte, error) {
	lines := strings.SplitAfter(string(t), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return marshal(lines)
}

// UnmarshalJSON reads a string or a list of strings.
func (t *text) UnmarshalJSON(data []byte) error {
	var list []string
	if err := json.Unmarshal(data, &list); err == nil {
		*t = text(strings.Join(list, ""))
		return nil
	}
	var one string
	if err := json.Unmarshal(data, &one); err != nil {
		return fmt.Errorf("neither a text nor a list of lines: %w", err)
	}
	*t = text(one)
	return nil
}

// marshal writes JSON with < and & as they are.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSpace(out.Bytes()), err
}

// newNotebook makes a notebook of a lesson, not executed yet.
func newNotebook(l lesson) notebook {
	nb := notebook{NBFormat: 4, NBFormatMinor: 5, Metadata: map[string]any{
		"kernelspec":    map[string]any{"display_name": "Go · gomm (XLA)", "language": "go", "name": "gomm"},
		"language_info": map[string]any{"file_extension": ".go", "mimetype": "text/x-go", "name": "go"},
	}}
	for i, c := range l.cells {
		kind := "markdown"
		if c.code {
			kind = "code"
		}
		metadata := map[string]any{}
		if c.answer() {
			metadata["jupyter"] = map[string]any{"source_hidden": true, "outputs_hidden": true}
			metadata["tags"] = []string{"answer"}
		}
		nb.Cells = append(nb.Cells, notebookCell{CellType: kind, ID: fmt.Sprintf("cell-%02d", i+1), Metadata: metadata,
			Source: text(c.source)})
	}
	return nb
}

func notebookPath(root string, l lesson) string {
	return filepath.Join(root, "notebooks", l.language, l.name+".ipynb")
}

func readNotebook(path string) (notebook, error) {
	var nb notebook
	data, err := os.ReadFile(path)
	if err != nil {
		return nb, err
	}
	if err := json.Unmarshal(data, &nb); err != nil {
		return nb, fmt.Errorf("%s: %w", path, err)
	}
	return nb, nil
}

// bytes is the file: indented, so that diffs can be read.
func (nb notebook) bytes() ([]byte, error) {
	compact, err := marshal(nb)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", " "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// staleness says where a notebook differs from the lesson that it was built from, or "".
func staleness(nb notebook, l lesson) string {
	fresh := newNotebook(l)
	if len(nb.Cells) != len(fresh.Cells) {
		return fmt.Sprintf("it has %d cells and the lesson %d", len(nb.Cells), len(fresh.Cells))
	}
	for i, want := range fresh.Cells {
		if got := nb.Cells[i]; got.CellType != want.CellType || got.Source != want.Source {
			return fmt.Sprintf("cell %d is not the lesson's", i+1)
		}
	}
	return ""
}

// accept takes over what the execution put out: cell by cell, without what differs at each run.
func (nb *notebook) accept(executed notebook) error {
	if len(executed.Cells) != len(nb.Cells) {
		return fmt.Errorf("%d cells were executed, not %d", len(executed.Cells), len(nb.Cells))
	}
	for i := range nb.Cells {
		nb.Cells[i].ExecutionCount = executed.Cells[i].ExecutionCount
		nb.Cells[i].Outputs = joinStreams(executed.Cells[i].Outputs)
	}
	return nil
}

// slow lists the cells of an executed notebook that took at least so long, with their seconds and their first line; none for 0. The
// times are those of gonb's messages, which have whole seconds.
func (nb notebook) slow(least time.Duration) string {
	var list strings.Builder
	for i, c := range nb.Cells {
		when, _ := c.Metadata["execution"].(map[string]any) // nbclient's
		at := func(event string) time.Time {
			text, _ := when[event].(string)
			t, _ := time.Parse(time.RFC3339, text)
			return t
		}
		if took := at("shell.execute_reply").Sub(at("iopub.execute_input")); least > 0 && took >= least {
			line, _, _ := strings.Cut(strings.TrimPrefix(string(c.Source), "%%\n"), "\n")
			fmt.Fprintf(&list, "  cell %d: %.0f s: %s\n", i+1, took.Seconds(), line)
		}
	}
	return list.String()
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;]*m")

// joinStreams makes one output of pieces of the same stream that follow one another.
func joinStreams(list []output) []output {
	var joined []output
	for _, o := range list {
		o.Text = text(ansi.ReplaceAllString(string(o.Text), ""))
		if n := len(joined); n > 0 && o.OutputType == "stream" && joined[n-1].OutputType == "stream" && joined[n-1].Name == o.Name {
			joined[n-1].Text += o.Text
			continue
		}
		o.ExecutionCount = nil
		joined = append(joined, o)
	}
	return joined
}
