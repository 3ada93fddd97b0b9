package main

import (
	"encoding/json"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gomm/cmd/gomm/internal/toy"
)

// TestToy trains, resumes, measures and uses a kind of model that the command knows from the table alone, on a source of
// examples of its own.
func TestToy(t *testing.T) {
	toy.Register()
	dir := t.TempDir()
	run := filepath.Join(dir, "toy")
	ok := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := call(args...)
		if status != exitOK {
			t.Fatalf("gomm %v: status %d: %s", args, status, stderr)
		}
		return stdout
	}
	if help := ok("pretrain", "--help"); !strings.Contains(help, "toy: a dense layer that says which quarter") ||
		!strings.Contains(help, "presets: quarters") {
		t.Errorf("the help of pretrain does not know the toy:\n%s", help)
	}
	if stdout := ok("pretrain", "toy", "--run", run, "--set", "data.noise=0.1"); !strings.Contains(stdout, "60 steps, accuracy 100.00 %") {
		t.Errorf("gomm pretrain toy says %q", stdout)
	}
	ok("pretrain", "toy", "--run", run, "--resume")

	var summary map[string]any
	if err := json.Unmarshal([]byte(ok("eval", "--run", run, "--json")), &summary); err != nil {
		t.Fatal(err)
	}
	if summary["kind"] != "toy" || summary["accuracy"] != 1.0 || summary["examples"] != 200.0 || summary["data"] != "quarters" {
		t.Errorf("the summary is %v", summary)
	}
	page, err := os.ReadFile(filepath.Join(run, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, string(page), []string{"Confusion matrix", "bottom left", "Training"})

	img := image.NewGray(image.Rect(0, 0, 4, 4))
	for i := range 4 {
		img.SetGray(2+i%2, i/2, color.Gray{255})
	}
	corner := writePicture(t, filepath.Join(dir, "corner.png"), img)
	if stdout := ok("classify", "--run", run, corner, "--top", "1"); !strings.Contains(stdout, "top right") {
		t.Errorf("gomm classify says %q of a picture that is bright in the top right", stdout)
	}
	if lines := parseLines(t, ok("embed", "--run", run, corner)); len(lines) != 1 || len(lines[0].Embedding) != 4 {
		t.Errorf("gomm embed gives %v", lines)
	}

	for _, test := range []struct{ args, stderr string }{
		{"embed --run " + run + " --text top", "a toy does not embed texts"},
		{"classify --run " + run + " " + corner + " --explain " + filepath.Join(dir, "x.png"), "a toy has no attention to draw"},
		{"pretrain toy --run " + filepath.Join(dir, "other") + " --data mnist", "it learns from quarters, not from mnist"},
		{"pretrain clip --preset mnist-tiny --run " + filepath.Join(dir, "other") + " --data quarters", "cannot be resized"},
		{"eval --run " + run + " --data mnist", "knows the classes top left, top right, bottom left, bottom right, and the examples are of " +
			"zero, one"},
	} {
		if status, stdout, stderr := call(strings.Fields(test.args)...); status == exitOK || stdout != "" ||
			!strings.Contains(stderr, test.stderr) {
			t.Errorf("gomm %s: status %d, stdout %q, stderr %q; want %q", test.args, status, stdout, stderr, test.stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); !os.IsNotExist(err) {
		t.Errorf("a refused run left its folder behind (%v)", err)
	}
}
