package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSpeakPaLME trains a PaLM-E of each kind for two steps, the first on the vision transformer of a fusion and the last on another
// PaLM-E, measures it and uses it: what it says is nonsense, but it says it.
func TestSpeakPaLME(t *testing.T) {
	if testing.Short() {
		t.Skip("trains four models")
	}
	t.Setenv("GOMLX_BACKEND", "go") // which has nothing to compile
	dir := t.TempDir()
	run := func(kind string) string { return filepath.Join(dir, kind) }
	tiny := []string{"--steps", "2", "--set", "training.batch_size=4"}
	small := []string{
		"--set", "model.text.width=16", "--set", "model.text.layers=1", "--set", "model.text.mlp=16", "--set", "model.text.heads=2",
	}
	scenes := []string{
		"--set", "data.validation=0", "--set", "data.test=4", "--set", "model.vision.width=16", "--set", "model.vision.layers=1", "--set",
		"model.vision.mlp=16",
	}
	ok := func(args ...string) (stdout, stderr string) {
		t.Helper()
		status, stdout, stderr := call(args...)
		if status != 0 {
			t.Fatalf("gomm %s: status %d, %s", strings.Join(args, " "), status, stderr)
		}
		return stdout, stderr
	}
	with := func(args []string, more ...[]string) []string {
		for _, m := range more {
			args = append(args, m...)
		}
		return args
	}
	ok(with([]string{"pretrain", "fusion", "--preset", "scenes-attributes", "--run", run("attributes")}, tiny, scenes)...)
	_, said := ok(with([]string{"finetune", "palme-vqa", "--from", run("attributes"), "--run", run("palme-vqa")}, tiny, small,
		[]string{"--set", "model.vision.lora.rank=2"})...)
	for _, want := range []string{"starting from ", "new, from random values: /language/", "training "} {
		if !strings.Contains(said, want) {
			t.Errorf("finetune palme-vqa says %q, want %q in it", said, want)
		}
	}
	ok(with([]string{"finetune", "palme-captioner", "--run", run("palme-captioner")}, tiny, small, scenes)...)
	ok(with([]string{"finetune", "palme-dialogue", "--from", run("palme-vqa"), "--run", run("palme-dialogue")}, tiny)...)
	for _, kind := range []string{"palme-vqa", "palme-captioner", "palme-dialogue"} {
		stdout, _ := ok("eval", "--run", run(kind))
		if got := strings.Contains(stdout, "chosen from 37 answers"); got != (kind == "palme-vqa") {
			t.Errorf("eval %s: %s", kind, stdout)
		}
	}
	ok("ask", "--run", run("palme-vqa"), "--scene", "1", "how many digits are red?", "--explain", filepath.Join(dir, "look.png"))
	ranked, _ := ok("ask", "--run", run("palme-vqa"), "--scene", "1", "where is the 7?", "--among", "top left,bottom right")
	if strings.Count(ranked, " %") != 2 {
		t.Errorf("ask --among: %q", ranked)
	}
	ok("caption", "--run", run("palme-captioner"), "--scene", "0", "--beams", "2", "--explain", filepath.Join(dir, "words.png"))
	ok("chat", "--run", run("palme-dialogue"), "--scene", "0")
	_, _, stderr := call("caption", "--run", run("palme-vqa"), "--scene", "0")
	if want := "a palme-vqa is trained for answers, not for captions"; !strings.Contains(stderr, want) {
		t.Errorf("caption: %q, want %q", stderr, want)
	}
}
