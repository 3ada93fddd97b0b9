package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// again repeats a recipe with the test binary as gomm.
func again(t *testing.T, r recipe, dir string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = reproduction{
		recipe: r, dir: dir, stdout: &out, stderr: &errs,
		program: func(ctx context.Context, args ...string) (*exec.Cmd, error) {
			c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$")
			c.Env = append(os.Environ(), childArgs+"="+strings.Join(args, "\n"))
			return c, nil
		},
	}.run(context.Background())
	return out.String(), errs.String(), err
}

// TestReproduce: a recipe is run, and compared with what it records; what is done is not done again; a bar that is missed is an error.
func TestReproduce(t *testing.T) {
	dir := t.TempDir()
	train := "GOMLX_BACKEND=go gomm " + strings.Join(pretraining("{run}/clip"), " ") + " --set data.validation=8"
	train = strings.Replace(train, "--steps 40", "--steps 2", 1)
	r := recipe{
		Name: "small", Commands: []string{train, "GOMLX_BACKEND=go gomm eval --run {run}/clip --split validation"},
		Figures: map[string]float64{"clip/zero_shot_accuracy_en": 0.5},
		Bars:    map[string]float64{"clip/step": 2, "clip/training.loss / clip/training.loss": 1},
	}
	stdout, stderr, err := again(t, r, dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	for _, want := range []string{"together", "zero_shot_accuracy_en", "0.5000", "clip/training.loss / clip/training.loss", "1.0000"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output has no %q:\n%s", want, stdout)
		}
	}
	r.Bars["clip/zero_shot_accuracy_en"] = 1.5
	r.Bars["clip/nothing"] = 0
	_, stderr, err = again(t, r, dir)
	if !strings.Contains(stderr, "done already: gomm pretrain") || err == nil || !strings.Contains(err.Error(), "below 1.5000") ||
		!strings.Contains(err.Error(), `has no figure "nothing"`) {
		t.Errorf("again: %v, said %q", err, stderr)
	}
	r.Commands[0] = train + " --seed 2"
	if _, _, err := again(t, r, dir); err == nil || !strings.Contains(err.Error(), "of seed 1, and this one is of seed 2") {
		t.Errorf("another seed in the folder: %v", err)
	}
	r.Commands[0] = strings.Replace(train, "pretrain clip", "pretrain simclr", 1)
	if _, _, err := again(t, r, dir); err == nil || !strings.Contains(err.Error(), "holds a clip") {
		t.Errorf("another kind in the folder: %v", err)
	}
}

// TestFigure: means over folders, differences and ratios, by hand.
func TestFigure(t *testing.T) {
	dir := t.TempDir()
	for name, accuracy := range map[string]float64{"a-1": 0.5, "a-2": 0.7, "b": 0.25} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		content, err := json.Marshal(map[string]any{"accuracy": accuracy, "blind": 0.1, "kind": "x"})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name, "summary.json"), content, 0o644))
	}
	must(t, os.WriteFile(filepath.Join(dir, "b", "metrics.jsonl"), []byte("{\"loss\":3}\n{\"loss\":2}\n{\"score\":1}\n"), 0o644))
	for name, want := range map[string]float64{
		"b/accuracy": 0.25, "a-*/accuracy": 0.6, "a-*/accuracy - b/accuracy": 0.35, "b/accuracy / b/blind": 2.5, "b/training.loss": 2,
	} {
		got, err := figure(dir, name)
		if err != nil || math.Abs(got.mean-want) > 1e-9 {
			t.Errorf("%s is %v, want %g; %v", name, got, want, err)
		}
	}
	if got, _ := figure(dir, "a-*/accuracy"); math.Abs(got.deviation-math.Sqrt(0.02)) > 1e-9 || got.count != 2 {
		t.Errorf("the deviation of 0.5 and 0.7 is %v", got)
	}
	for _, name := range []string{"c/accuracy", "b/kind", "b/nothing", "a-1/training.loss", "[/accuracy"} {
		if got, err := figure(dir, name); err == nil {
			t.Errorf("%s is %v", name, got)
		}
	}
}

func TestReadRecipe(t *testing.T) {
	for content, want := range map[string]string{
		`{`:             "not a recipe",
		`{"name": "x"}`: "needs a name",
		`{"name": "../x", "commands": ["gomm eval"]}`: "needs a name",
		`{"name": "x", "commands": ["rm -r /"]}`:      "not one of gomm",
		`{"name": "x", "commands": ["A=b"]}`:          "not one of gomm",
	} {
		file := filepath.Join(t.TempDir(), "recipe.json")
		must(t, os.WriteFile(file, []byte(content), 0o644))
		if _, err := readRecipe(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if _, err := readRecipe("nowhere.json"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestRecipes: all recipes can be read, and their commands are of gomm and name flags that there are.
func TestRecipes(t *testing.T) {
	files, err := filepath.Glob("../../recipes/*.json")
	must(t, err)
	files = append(files, "../../.ci/understand-ten.json")
	for _, file := range files {
		r, err := readRecipe(file)
		if err != nil {
			t.Error(err)
			continue
		}
		lines, _ := reproduction{recipe: r, dir: "x"}.commands()
		for _, args := range lines {
			c, rest, err := newRoot().Find(args[1:])
			must(t, err)
			if err := c.ParseFlags(rest); err != nil {
				t.Errorf("%s: %s: %v", file, strings.Join(args, " "), err)
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
