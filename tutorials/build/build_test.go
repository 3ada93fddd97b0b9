package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const sample = `---
jupyter:
  kernelspec:
    name: gomm
---

# A lesson

Some text.

` + "```console\n$ make notebook\n```\n\n```go\n%%\n// expect accuracy: 97 to 99\nfmt.Println(\"accuracy\", 98)\n```\n\n" +
	"More.\n\n```go\n!*go doc fmt\n```\n"

func sampleLesson(t testing.TB) lesson {
	t.Helper()
	l, err := parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	l.language, l.name = "en", "00-sample"
	return l
}

func TestParse(t *testing.T) {
	l := sampleLesson(t)
	want := []cell{
		{false, "# A lesson\n\nSome text.\n\n```console\n$ make notebook\n```"},
		{true, "%%\n// expect accuracy: 97 to 99\nfmt.Println(\"accuracy\", 98)"},
		{false, "More."},
		{true, "!*go doc fmt"},
	}
	if len(l.cells) != len(want) {
		t.Fatalf("%d cells, want %d: %+v", len(l.cells), len(want), l.cells)
	}
	for i, c := range l.cells {
		if c != want[i] {
			t.Errorf("cell %d is %+v, want %+v", i, c, want[i])
		}
	}
	for text, message := range map[string]string{
		"# no header":                   "header",
		"---\na: b\n---\n```go\nx := 1": "has no end",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: error %v, want one with %q", text, err, message)
		}
	}
}

// TestAnswers: the answer to an exercise is folded, source and output; nothing else is.
func TestAnswers(t *testing.T) {
	for source, folded := range map[string]bool{
		"// answer 2\n%%\nfmt.Println(3)":        true,
		"// answers 1 to 3\n%%\nfmt.Println(3)":  true,
		"// answers 1 and 2\n%%\nfmt.Println(3)": true,
		"// answers\nfmt.Println(3)":             false,
		"// answer\nfmt.Println(3)":              false,
		"%%\n// answer 2\nfmt.Println(3)":        false,
	} {
		l, err := parse("---\n\n---\n```go\n" + source + "\n```\n")
		if err != nil {
			t.Fatal(err)
		}
		metadata := fmt.Sprint(newNotebook(l).Cells[0].Metadata)
		if want := "map[jupyter:map[outputs_hidden:true source_hidden:true] tags:[answer]]"; (metadata == want) != folded {
			t.Errorf("%q has the metadata %s", source, metadata)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("---\n\n---\n```go\n```\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parse(text)
		if err != nil {
			return
		}
		for _, c := range l.cells {
			if !c.code && c.source == "" {
				t.Error("an empty cell of text")
			}
		}
	})
}

func TestExpectations(t *testing.T) {
	list, err := expectations("// expect loss: 0 to 1e-4\n  // expect two words: -1.5 to -0.5\nx := 1 // expect nothing")
	if err != nil || len(list) != 2 || list[0] != (expectation{"loss", 0, 1e-4}) || list[1] != (expectation{"two words", -1.5, -0.5}) {
		t.Errorf("%+v, error %v", list, err)
	}
	for _, bad := range []string{"// expect loss: 1", "// expect loss: 2 to 1", "// expect: 1 to 2", "// expect loss 1 to 2"} {
		if _, err := expectations(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// executed is the sample's notebook, as if a kernel had run it and put out these things below its first code cell.
func executed(t testing.TB, outputs ...output) notebook {
	nb := newNotebook(sampleLesson(t))
	for i := range nb.Cells {
		if nb.Cells[i].CellType == "code" {
			count := i
			nb.Cells[i].ExecutionCount = &count
		}
	}
	nb.Cells[1].Outputs = outputs
	return nb
}

func stream(name, content string) output {
	return output{OutputType: "stream", Name: name, Text: text(content)}
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct {
		outputs []output
		want    string // "" for none
	}{
		"well":          {[]output{stream("stdout", "accuracy 98.2 %\n")}, ""},
		"in Markdown":   {[]output{{OutputType: "display_data", Data: map[string]text{"text/markdown": "accuracy: 98"}}}, ""},
		"out of range":  {[]output{stream("stdout", "accuracy 96.9\n")}, "accuracy is 96.9, outside of 97 to 99"},
		"one of two":    {[]output{stream("stdout", "accuracy 98\naccuracy 5\n")}, "accuracy is 5, outside"},
		"another name":  {[]output{stream("stdout", "inaccuracy 5, accuracy 98\n")}, ""},
		"thousands":     {[]output{stream("stdout", "accuracy 9,800\n")}, "accuracy is 9,800, outside"},
		"no number":     {[]output{stream("stdout", "accuracy good\n")}, `it prints no number after "accuracy"`},
		"stderr":        {[]output{stream("stdout", "accuracy 98\n"), stream("stderr", "panic: x\n")}, "it wrote to stderr: panic: x"},
		"Jupyter error": {[]output{{OutputType: "error", EName: "ERROR", EValue: "exit status 1"}}, "it failed: ERROR: exit status 1"},
		"compiler error": {[]output{{OutputType: "display_data",
			Data: map[string]text{"text/html": `<style>x</style><span class="gonb-err-location">main.go:3</span> undefined: y`}}},
			"it was not compiled: main.go:3 undefined: y"},
	} {
		got := strings.Join(problems(executed(t, c.outputs...)), "\n")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: problems %q, want %q", name, got, c.want)
		}
	}
	nb := executed(t, stream("stdout", "accuracy 98 "+strings.Repeat("x", largest)))
	if got := problems(nb); len(got) != 1 || !strings.Contains(got[0], "bytes; at most") {
		t.Errorf("a large notebook: %.200q", got)
	}
	nb = executed(t, stream("stdout", "accuracy 98"))
	nb.Cells[3].ExecutionCount = nil
	if got := problems(nb); len(got) != 1 || !strings.Contains(got[0], "cell 4: it was not executed") {
		t.Errorf("a cell that was not executed: %q", got)
	}
}

// TestFile: what is written is what was meant, the same bytes each time, and Jupyter's format.
func TestFile(t *testing.T) {
	nb := executed(t, stream("stdout", "a\n"), stream("stdout", "\x1b[31mb\x1b[0m < c\n"),
		output{OutputType: "display_data", Data: map[string]text{"image/svg+xml": "<svg/>"}})
	fresh := newNotebook(sampleLesson(t))
	if err := fresh.accept(nb); err != nil {
		t.Fatal(err)
	}
	data, err := fresh.bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := fresh.bytes()
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("not the same bytes again, error %v", err)
	}
	var raw struct {
		NBFormat int `json:"nbformat"`
		Cells    []map[string]any
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	code := raw.Cells[1]
	outputs := code["outputs"].([]any)
	if raw.NBFormat != 4 || code["id"] != "cell-02" || len(outputs) != 2 {
		t.Errorf("%s", data)
	}
	if lines := outputs[0].(map[string]any)["text"].([]any); len(lines) != 2 || lines[1] != "b < c\n" {
		t.Errorf("the stream is %q", lines)
	}
	if _, ok := outputs[1].(map[string]any)["metadata"]; !ok {
		t.Error("display data has no metadata")
	}
	if code = raw.Cells[3]; code["outputs"] == nil || code["execution_count"] == nil {
		t.Errorf("a code cell without output is %v", code)
	}
	if _, has := raw.Cells[0]["outputs"]; has {
		t.Error("a cell of text has outputs")
	}
}

func TestStaleness(t *testing.T) {
	l := sampleLesson(t)
	nb := newNotebook(l)
	if where := staleness(nb, l); where != "" {
		t.Error(where)
	}
	nb.Cells[1].Source += " // changed"
	if where := staleness(nb, l); where != "cell 2 is not the lesson's" {
		t.Error(where)
	}
	nb.Cells = nb.Cells[1:]
	if where := staleness(nb, l); !strings.Contains(where, "3 cells and the lesson 4") {
		t.Error(where)
	}
}

// fakePython is a program that "executes" a notebook by putting the output that it is told below its first code cell.
func fakePython(t *testing.T, outputs string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	script := `#!/usr/bin/env python3
import json, sys
source, folder, out = sys.argv[3:6]
notebook = json.load(open(source))
code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
for i, c in enumerate(code):
    c["execution_count"] = i + 1
code[0]["outputs"] = json.loads('''` + outputs + `''')
json.dump(notebook, open(out, "w"))
`
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRun: a broken cell and a number that left its range each make checking fail, a stale notebook too, and building writes
// what was executed.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	source := filepath.Join(folder, "tutorials", "en", "00-sample.md")
	for _, dir := range []string{filepath.Dir(source), filepath.Join(folder, "notebooks", "en")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(source, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const good = `[{"output_type": "stream", "name": "stdout", "text": ["accuracy 98\\n"]}]`
	attempt := func(check bool, outputs string) (string, error) {
		var said bytes.Buffer
		err := run(context.Background(), options{root: folder, python: fakePython(t, outputs), languages: []string{"en"}, check: check,
			execute: true, timeout: time.Minute}, &said)
		return said.String(), err
	}
	write(sample)
	if said, err := attempt(false, good); err != nil || !strings.Contains(said, "en/00-sample") {
		t.Fatalf("building: %s, error %v", said, err)
	}
	if said, err := attempt(true, good); err != nil {
		t.Errorf("checking: %s, error %v", said, err)
	}
	path := filepath.Join(folder, "notebooks", "en", "00-sample.ipynb")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for outputs, want := range map[string]string{
		`[{"output_type": "error", "ename": "ERROR", "evalue": "exit status 1", "traceback": []}]`: "it failed: ERROR: exit status 1",
		`[{"output_type": "stream", "name": "stdout", "text": "accuracy 12"}]`:                     "accuracy is 12, outside of 97 to 99",
	} {
		if said, err := attempt(true, outputs); err == nil || !strings.Contains(said, want) {
			t.Errorf("checking: %s, error %v, want %q", said, err, want)
		}
		t.Setenv("TMPDIR", t.TempDir())
		said, err := attempt(false, outputs)
		if err == nil || !strings.Contains(said, want) || !strings.Contains(said, "failed-en-00-sample.ipynb") {
			t.Errorf("building: %s, error %v, want %q", said, err, want)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("a failed build changed the notebook (%v)", err)
		}
	}
	write(strings.Replace(sample, "Some text.", "Another text.", 1))
	if said, err := attempt(true, good); err == nil || !strings.Contains(said, "is stale: cell 1") {
		t.Errorf("checking a stale notebook: %s, error %v", said, err)
	}
}

func TestFlags(t *testing.T) {
	var said bytes.Buffer
	o, err := parseFlags([]string{"-lang", "zh", "-only", "^03", "-check"}, &said)
	if err != nil || len(o.languages) != 1 || !o.check || !o.only.MatchString("03-attention") {
		t.Errorf("%+v, error %v", o, err)
	}
	for _, bad := range [][]string{{"-lang", "fr"}, {"more"}, {"-only", "("}} {
		if _, err := parseFlags(bad, &said); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// TestSlow: a cell's time is that between its start and its reply; cells without times, such as text, are none.
func TestSlow(t *testing.T) {
	when := func(seconds string) map[string]any {
		return map[string]any{"execution": map[string]any{
			"iopub.execute_input": "2026-01-02T03:04:05.500000Z", "shell.execute_reply": "2026-01-02T03:04:" + seconds + "Z",
		}}
	}
	nb := notebook{Cells: []notebookCell{
		{Source: "# A lesson", Metadata: map[string]any{}},
		{Source: "%%\ntrain()\nshow()", Metadata: when("08.750000")},
		{Source: "import \"fmt\"", Metadata: when("06.000000")},
	}}
	if got, want := nb.slow(2*time.Second), "  cell 2: 3 s: train()\n"; got != want {
		t.Errorf("slow cells are %q, want %q", got, want)
	}
	if got := nb.slow(0); got != "" {
		t.Errorf("%q, and no slow cells were asked for", got)
	}
}
