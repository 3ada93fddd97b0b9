package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDraw trains codes and models that draw from them for two steps, on the Go backend, and uses them: what they draw is noise, but they
// draw it, and the same seed draws the same.
func TestDraw(t *testing.T) {
	if testing.Short() {
		t.Skip("trains three models")
	}
	t.Setenv("GOMLX_BACKEND", "go") // which has nothing to compile
	dir := t.TempDir()
	run := func(kind string) string { return filepath.Join(dir, kind) }
	train := func(kind string, more ...string) {
		args := append([]string{
			"pretrain", kind, "--preset", "mnist-tiny", "--run", run(kind), "--steps", "2", "--set", "data.limit=40", "--set",
			"data.validation=10", "--set", "training.batch_size=4",
		}, more...)
		if status, _, stderr := call(args...); status != 0 {
			t.Fatalf("pretrain %s: %s", kind, stderr)
		}
	}
	train("vqvae", "--set", "encoder.width=16", "--set", "decoder.width=16")
	train("dalle", "--from", run("vqvae"), "--set", "stream.width=16", "--set", "stream.mlp=16", "--set", "stream.layers=1")
	train("parti", "--from", run("vqvae"), "--set", "model.decoder.width=16", "--set", "model.decoder.layers=1")
	out := filepath.Join(dir, "drawn.png")
	var before []byte
	for _, args := range [][]string{
		{"draw", "--run", run("dalle"), "a handwritten seven", "数字三", "--candidates", "2", "--seed", "5", "--out", out},
		{"draw", "--run", run("dalle"), "a handwritten seven", "数字三", "--candidates", "2", "--seed", "5", "--out", out},
		{"draw", "--run", run("parti"), "a handwritten seven", "数字三", "--candidates", "2", "--guidance", "2", "--out", out},
	} {
		status, stdout, stderr := call(args...)
		if status != 0 || !strings.Contains(stdout, "row 2: 数字三") {
			t.Fatalf("%q: %s%s", args, stdout, stderr)
		}
		file, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if same := bytes.Equal(file, before); before != nil && same != (args[2] == run("dalle")) {
			t.Errorf("%q: the same picture as before: %t", args, same)
		}
		before = file
		img, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if size := img.Bounds().Size(); size.X != 2*84+8 || size.Y != 2*84+8 {
			t.Errorf("the sheet has %v pixels", size)
		}
	}
	back := filepath.Join(dir, "back.png")
	status, stdout, stderr := call("reconstruct", "--run", run("vqvae"), "../../docs/seven.png", "--invert", "--out", back)
	if status != 0 || len(strings.Fields(strings.SplitN(stdout, ":\n", 2)[1])) != 49 {
		t.Errorf("reconstruct: %s%s", stdout, stderr)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"draw", "seven"}, "--run is missing"},
		{[]string{"draw", "--run", run("dalle")}, "no caption"},
		{[]string{"draw", "--run", run("dalle"), "seven", "--candidates", "0"}, "--candidates is 0"},
		{[]string{"draw", "--run", run("dalle"), "a purple elephant", "--out", out}, "purple"},
		{[]string{"draw", "--run", run("dalle"), "数字三", "--guidance", "2", "--out", out}, "guidance is 2"},
		{[]string{"draw", "--run", run("dalle"), "数字三", "--temperature", "-1", "--out", out}, "temperature is -1"},
		{[]string{"draw", "--run", run("vqvae"), "数字三", "--out", out}, "draws no pictures"},
		{[]string{"draw", "--run", run("dalle"), "数字三", "--clip", run("vqvae"), "--out", out}, "does not embed"},
		{[]string{"reconstruct", "../../docs/seven.png"}, "--run is missing"},
		{[]string{"reconstruct", "--run", run("vqvae")}, "no picture"},
		{[]string{"reconstruct", "--run", run("vqvae"), "nothing.png"}, "nothing.png"},
		{[]string{"pretrain", "dalle", "--preset", "mnist-tiny", "--run", run("none")}, "train a vqvae first"},
		{[]string{"eval", "--run", run("vqvae"), "--guidance", "2"}, "--judge is missing"},
		{[]string{"eval", "--run", run("vqvae"), "--split", "validation", "--judge", run("dalle"), "--no-report"}, "cannot judge"},
	} {
		if err := os.WriteFile(out, []byte("before"), 0o644); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr := call(test.args...); status == 0 || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: status %d, %s; want %q", test.args, status, stderr, test.want)
		}
		if file, err := os.ReadFile(out); err != nil || string(file) != "before" {
			t.Errorf("%q: refused, and the picture of before is gone (%v)", test.args, err)
		}
	}
}
