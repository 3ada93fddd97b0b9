package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
)

// tinyRuns trains a very small CLIP for a few steps, then a linear probe on it, and gives the test a copy of both, in the
// folders clip and probe of dir. What they say is nonsense; everything else is as in a real run.
func tinyRuns(t *testing.T) (dir string) {
	t.Helper()
	made := makeTinyRuns()
	if made.err != nil {
		t.Fatal(made.err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, made.files); err != nil {
		t.Fatal(err)
	}
	return dir
}

type tiny struct {
	files fstest.MapFS
	err   error
}

var makeTinyRuns = sync.OnceValue(func() (made tiny) {
	dir, err := os.MkdirTemp("", "gomm-test-*")
	if err != nil {
		return tiny{err: err}
	}
	defer os.RemoveAll(dir)
	clip, probe := filepath.Join(dir, "clip"), filepath.Join(dir, "probe")
	few := []string{"--set", "training.batch_size=64", "--set", "training.log_every=1"}
	for _, args := range [][]string{
		append([]string{
			"pretrain", "clip", "--preset", "mnist-tiny", "--run", clip, "--steps", "4",
			"--set", "vision.patch_size=14", "--set", "vision.width=16", "--set", "vision.layers=1", "--set", "vision.mlp=16",
			"--set", "text.width=8", "--set", "text.mlp=8", "--set", "model.projection=8", "--set", "captions.per_batch=20",
			"--set", "data.validation=40",
		}, few...),
		append([]string{"finetune", "classifier", "--preset", "mnist-demo-probe", "--from", clip, "--run", probe, "--steps", "2", "--set",
			"data.validation=0"}, few...),
	} {
		if status, _, stderr := call(args...); status != exitOK {
			return tiny{err: fmt.Errorf("gomm %v: %s", args, stderr)}
		}
	}
	made.files = fstest.MapFS{}
	made.err = fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		made.files[path] = &fstest.MapFile{Data: data, Mode: 0o644}
		return err
	})
	return made
})
