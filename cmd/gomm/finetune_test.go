package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFinetuneByLoRA fine-tunes a model of pictures and texts by LoRA, with a rate for every layer, and starts from such a run
// in turn.
func TestFinetuneByLoRA(t *testing.T) {
	if testing.Short() {
		t.Skip("trains three models")
	}
	t.Setenv("GOMLX_BACKEND", "go") // which has nothing to compile
	dir := t.TempDir()
	run := func(name string) string { return filepath.Join(dir, name) }
	few := []string{"--steps", "1", "--set", "data.validation=4", "--set", "data.test=4", "--set", "training.batch_size=4"}
	ok := func(args ...string) (stdout, stderr string) {
		t.Helper()
		status, stdout, stderr := call(append(args, few...)...)
		if status != exitOK {
			t.Fatalf("gomm %v: %s", args, stderr)
		}
		return stdout, stderr
	}
	config := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(run(name), "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	ok("pretrain", "fusion", "--preset", "scenes-attributes", "--run", run("first"), "--set", "model.text.width=16", "--set",
		"model.text.mlp=16", "--set", "model.text.fusion_layers=1", "--set", "model.vision.width=16", "--set", "model.vision.mlp=16", "--set",
		"model.vision.layers=1")
	for _, off := range []string{"lora", "patience", "layer_decay"} {
		if strings.Contains(config("first"), off) {
			t.Errorf("%s, which is off, is written down:\n%s", off, config("first"))
		}
	}

	// The text was not pretrained here: it is new, and trained besides.
	_, stderr := ok("pretrain", "fusion", "--from", run("first"), "--run", run("adapted"), "--set", "vision.lora.rank=2", "--set",
		"vision.lora.targets=key,mlp_out", "--set", "training.layer_decay=0.8")
	for _, want := range []string{"starting from", "new, from random values: /contrast", " parameters, "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("gomm pretrain says %q, want %q in it", stderr, want)
		}
	}
	if !strings.Contains(config("adapted"), `"rank": 2`) || !strings.Contains(config("adapted"), `"layer_decay": 0.8`) {
		t.Errorf("the settings are not kept:\n%s", config("adapted"))
	}

	// Another run begins with these terms folded in: it has none there unless it asks for them.
	stdout, stderr := ok("finetune", "vqa", "--from", run("adapted"), "--run", run("low"), "--set", "model.text.lora.rank=3", "--set",
		"training.patience=1")
	// Query and value of self-attention in two blocks and of cross-attention in one.
	if want := "training 576 of "; !strings.Contains(stderr, want) || !strings.Contains(stdout, ": 1 steps, accuracy") {
		t.Errorf("gomm finetune says %q and %q, want %q in it", stdout, stderr, want)
	}
	if n := strings.Count(config("low"), "lora"); n != 1 {
		t.Errorf("LoRA is %d times among the settings, want once:\n%s", n, config("low"))
	}
	if status, _, stderr := call("eval", "--run", run("low")); status != exitOK {
		t.Errorf("gomm eval: %s", stderr)
	}
	status, _, stderr := call("finetune", "vqa", "--from", run("first"), "--run", run("x"), "--set", "lora.rank=3")
	if status != exitUsage || !strings.Contains(stderr, "model.vision.lora.rank or model.text.lora.rank") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
