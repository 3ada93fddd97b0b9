package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestComplete trains a language model on a text of the user's for a few steps, measures it and lets it write.
func TestComplete(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go") // which has nothing to compile
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	letters := write("letters.txt", strings.Repeat("Die Farben des Lichts, 光, sind sieben.\nSo sagt er es.\n", 60))
	run := filepath.Join(dir, "run")
	small := []string{"--steps", "4", "--set", "model.width=16", "--set", "model.layers=1", "--set", "model.heads=2",
		"--set", "model.head_width=8", "--set", "model.mlp=16", "--set", "model.vocab=270",
		"--set", "model.context=16", "--set", "training.batch_size=4"}
	pretrain := func(to string, args ...string) (int, string) {
		status, _, stderr := call(append(append([]string{"pretrain", "palm", "--run", to}, args...), small...)...)
		return status, stderr
	}
	if status, stderr := pretrain(run, "--data", letters); status != exitOK {
		t.Fatal(stderr)
	}
	status, stdout, stderr := call("eval", "--run", run)
	if status != exitOK || !strings.Contains(stdout, "bits a character") {
		t.Errorf("eval: status %d, %q, %s", status, stdout, stderr)
	}
	page, err := os.ReadFile(filepath.Join(run, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, string(page), []string{"What the context is worth", "temperature", "bits a character"})

	complete := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := call(append([]string{"complete", "--run", run}, args...)...)
		if status != exitOK || !strings.HasPrefix(stdout, args[0]) || !strings.HasSuffix(stdout, "\n") {
			t.Errorf("complete %q: status %d, %q, %s", args, status, stdout, stderr)
		}
		return stdout
	}
	first := complete("Die Farben")
	if again := complete("Die Farben", "--seed", "1"); again != first {
		t.Errorf("the same seed writes %q and %q", first, again)
	}
	if other := complete("Die Farben", "--seed", "2"); other == first {
		t.Errorf("another seed writes %q too", other)
	}
	complete("Die Farben", "--temperature", "0", "--max-tokens", "3")
	complete("光", "--temperature", "1.5", "--top-k", "20", "--top-p", "0.9")

	var out, errs bytes.Buffer
	args := []string{"complete", "--run", run, "-"}
	status = runCommand(context.Background(), args, strings.NewReader("Die Farben\n"), &out, &errs)
	if status != exitOK || out.String() != first {
		t.Errorf("from the standard input: status %d, %q, want %q; %s", status, out.String(), first, errs.String())
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--run is missing", []string{"complete", "x"}},
		{"accepts 1 arg", []string{"complete", "--run", run}},
		{"the text is empty", []string{"complete", "--run", run, " "}},
		{"the model sees at most 16 at once: shorten it", []string{"complete", "--run", run, strings.Repeat("Licht ", 20)}},
		{"ask for at most", []string{"complete", "--run", run, "Licht", "--max-tokens", "40"}},
		{"temperature is -1", []string{"complete", "--run", run, "Licht", "--temperature", "-1"}},
		{"temperature is NaN", []string{"complete", "--run", run, "Licht", "--temperature", "NaN"}},
		{"top-k is 271", []string{"complete", "--run", run, "Licht", "--top-k", "271"}},
		{"top-p is 2", []string{"complete", "--run", run, "Licht", "--top-p", "2"}},
		{"to write are -1", []string{"complete", "--run", run, "Licht", "--max-tokens", "-1"}},
		{"top-k is 5 and temperature is 0", []string{"complete", "--run", run, "Licht", "--temperature", "0", "--top-k", "5"}},
	} {
		if status, _, stderr := call(c.args...); status == exitOK || !strings.Contains(stderr, c.want) {
			t.Errorf("gomm %s: status %d, %q, want %q", strings.Join(c.args, " "), status, stderr, c.want)
		}
	}
	// What cannot be learned from is refused before there is a folder.
	for file, want := range map[string]string{
		write("empty.txt", ""): "is empty", write("short.txt", "too short"): "at least 2000", write("picture.png", "x"): "no data set reads",
		filepath.Join(dir, "nowhere.txt"): "nor is there a file of that name", "mnist": "mnist is no text",
	} {
		to := filepath.Join(dir, "refused")
		if status, stderr := pretrain(to, "--data", file); status == exitOK || !strings.Contains(stderr, want) {
			t.Errorf("pretrain palm --data %s: status %d, %q, want %q", file, status, stderr, want)
		}
		if _, err := os.Stat(to); !os.IsNotExist(err) {
			t.Errorf("a refused run left its folder behind (%v)", err)
		}
	}
	// A text that was changed since is not measured as if it were the same.
	write("letters.txt", strings.Repeat("something else\n", 200))
	if status, _, stderr := call("eval", "--run", run); status == exitOK || !strings.Contains(stderr, "has changed since the run was made") {
		t.Errorf("eval on a changed text: status %d, %q", status, stderr)
	}
}
