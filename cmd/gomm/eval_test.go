package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gomm/mmlib/eval"
	"gomm/mmlib/experiment"
)

// TestEval measures a tiny CLIP and a tiny classifier as people do, and reads what was written.
func TestEval(t *testing.T) {
	dir := tinyRuns(t)
	for _, test := range []struct {
		run   string
		keys  []string
		words []string // of the report
	}{
		{"clip", []string{"zero_shot_accuracy_en", "zero_shot_accuracy_zh", "zero_shot_interval_zh"}, []string{
			"zero-shot, Chinese prompts", "floor E[ln n_c]", "Similarity of pictures", "一张数字三的照片", "CLIP, block 1 of 1", ", said ",
		}},
		{"probe", []string{"accuracy", "interval", "errors"}, []string{"linear probe", "Confusion matrix", "linear probe, block 1 of 1"}},
	} {
		runDir := filepath.Join(dir, test.run)
		status, stdout, stderr := call("eval", "--run", runDir, "--json")
		if status != exitOK {
			t.Fatalf("%s: status %d: %s", test.run, status, stderr)
		}
		file, err := os.ReadFile(filepath.Join(runDir, "summary.json"))
		if err != nil || string(file) != stdout {
			t.Errorf("%s: --json writes %s, summary.json has %s (%v)", test.run, stdout, file, err)
		}
		var summary map[string]any
		if err := json.Unmarshal(file, &summary); err != nil {
			t.Fatalf("%s: %v", test.run, err)
		}
		for _, key := range append(test.keys, "kind", "step", "seed", "backend", "images_per_second") {
			if summary[key] == nil {
				t.Errorf("%s: summary.json lacks %q:\n%s", test.run, key, file)
			}
		}
		if summary["examples"] != 10000.0 || summary["split"] != "test" {
			t.Errorf("%s: measured on %v %v examples", test.run, summary["examples"], summary["split"])
		}
		html, err := os.ReadFile(filepath.Join(runDir, "report.html"))
		if err != nil {
			t.Fatal(err)
		}
		checkPage(t, string(html), test.words)
	}
}

// checkPage sees that a report says what it must and fetches nothing from anywhere.
func checkPage(t *testing.T, html string, words []string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(html, word) {
			t.Errorf("the report does not say %q", word)
		}
	}
	for _, source := range regexp.MustCompile(`(?i)(src|href)="[^"]*"|url\([^)]*\)|<script|<link|@import`).FindAllString(html, -1) {
		if !strings.HasPrefix(source, `src="data:`) && !strings.HasPrefix(source, `href="#`) {
			t.Errorf("the report is not self-contained: %.60s", source)
		}
	}
}

// TestEvalTable measures on the validation split and leaves the folder as it is.
func TestEvalTable(t *testing.T) {
	dir := filepath.Join(tinyRuns(t), "clip")
	status, stdout, stderr := call("eval", "--run", dir, "--split", "validation", "--no-report")
	if status != exitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, want := range []string{"CLIP after step 4, on 40 validation examples of mnist", "zero-shot, English prompts  ", "\nseven  ",
		"examples/s on "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the table lacks %q:\n%s", want, stdout)
		}
	}
	for _, name := range []string{"report.html", "summary.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("--no-report wrote %s (%v)", name, err)
		}
	}
}

// TestCombinedReport writes one page about both runs, as gomm demo does.
func TestCombinedReport(t *testing.T) {
	dir := tinyRuns(t)
	b, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	var runs []*experiment.Evaluation
	for _, name := range []string{"clip", "probe"} {
		e, err := evaluate(t.Context(), b, filepath.Join(dir, name), experiment.On{})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, e)
	}
	zero := runs[0].Result.(*experiment.ZeroShot)
	if en, want := runs[0].Figure("accuracy_en").Value, eval.Accuracy(zero.Predictions("en")); en != want {
		t.Errorf("accuracy_en is %v, want %v", en, want)
	}
	if f := runs[1].Figure("accuracy"); f.Total != 10_000 || f.Value != float64(f.Right)/10_000 ||
		!math.IsNaN(runs[1].Figure("accuracy_en").Value) {
		t.Errorf("a classifier has the accuracy %+v, and in English %v", f, runs[1].Figure("accuracy_en").Value)
	}
	path := filepath.Join(dir, "report.html")
	if err := experiment.WriteReport(path, "two runs", runs...); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, string(html), []string{"Training: CLIP", "Training: linear probe", "The runs", "zero-shot, English prompts"})
}

func TestEvalRefuses(t *testing.T) {
	dir := tinyRuns(t)
	clip, probe := filepath.Join(dir, "clip"), filepath.Join(dir, "probe")
	for _, test := range []struct {
		args   []string
		status int
		stderr string
	}{
		{nil, exitUsage, "--run is missing"},
		{[]string{"--run", clip, "--split", "tset"}, exitFailed, `no split "tset"`},
		{[]string{"--run", clip, "--split", "train"}, exitUsage, `--split is "train": that is what the run was trained on`},
		{[]string{"--run", filepath.Join(dir, "none")}, exitFailed, "is not a run folder"},
		{[]string{"--run", probe, "--data", "scenes"}, exitFailed, "the examples have no classes"},
		{[]string{"--run", probe, "--split", "validation"}, exitFailed, `no split "validation"`},
		{[]string{"--run", clip, "--data", "mnits"}, exitFailed, "mnits"},
	} {
		status, stdout, stderr := call(append([]string{"eval"}, test.args...)...)
		if status != test.status || stdout != "" || !strings.Contains(stderr, test.stderr) {
			t.Errorf("gomm eval %v: status %d, stdout %q, stderr %q; want %d and %q", test.args, status, stdout, stderr, test.status, test.stderr)
		}
	}
}
