package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gomm/recipes"
)

// again repeats a recipe with the test binary as gomm.
func again(t *testing.T, r recipes.Recipe, dir string) (stdout, stderr string, err error) {
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
	r := recipes.Recipe{
		Name: "small", Commands: []string{train, "GOMLX_BACKEND=go gomm eval --run {run}/clip --split validation"},
		Figures: map[string]float64{"clip/zero_shot_accuracy_en": 0.5},
		Bars:    map[string]float64{"clip/step": 2, "clip/training.loss / clip/training.loss": 1},
		AtMost:  map[string]float64{"clip/step": 2},
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
	r.AtMost["clip/step"] = 1
	_, stderr, err = again(t, r, dir)
	if !strings.Contains(stderr, "done already: gomm pretrain") || err == nil || !strings.Contains(err.Error(), "below 1.5000") ||
		!strings.Contains(err.Error(), `has no figure "nothing"`) || !strings.Contains(err.Error(), "clip/step is 2.0000, above 1.0000") {
		t.Errorf("again: %v, said %q", err, stderr)
	}
	r.Commands[0] = train + " --seed 2"
	if _, _, err := again(t, r, dir); err == nil || !strings.Contains(err.Error(), `with "seed": 1 where this one has "seed": 2`) {
		t.Errorf("another seed in the folder: %v", err)
	}
	r.Commands[0] = train + " --set training.learning_rate=1e-4"
	if _, _, err := again(t, r, dir); err == nil || !strings.Contains(err.Error(), `where this one has "learning_rate": 0.0001`) {
		t.Errorf("another learning rate in the folder: %v", err)
	}
	r.Commands[0] = train + " --set model.projection=4"
	if _, _, err := again(t, r, dir); err == nil ||
		!strings.Contains(err.Error(), `with "projection": 8 where this one has "projection": 4`) {
		t.Errorf("another model in the folder: %v", err)
	}
	r.Commands[0] = strings.Replace(train, "pretrain clip", "pretrain simclr", 1)
	if _, _, err := again(t, r, dir); err == nil || !strings.Contains(err.Error(), "holds a clip") {
		t.Errorf("another kind in the folder: %v", err)
	}
}

// TestStoppedEarly: a run that was stopped early has ended.
func TestStoppedEarly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "clip")
	args := append(pretraining(dir), "--set", "data.validation=8")
	t.Setenv("GOMLX_BACKEND", "go")
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	must(t, root.Execute())
	file := filepath.Join(dir, "training.json")
	content, err := os.ReadFile(file)
	must(t, err)
	var trained map[string]any
	must(t, json.Unmarshal(content, &trained))
	if _, done, err := toDo(args); err != nil || !done {
		t.Fatalf("a run with all its steps has ended: %v, %v", done, err)
	}
	for why, want := range map[string]bool{"": false, "no better for 3 validations": true} {
		trained["steps"], trained["stopped_early"] = 7, why
		content, err := json.Marshal(trained)
		must(t, err)
		must(t, os.WriteFile(file, content, 0o644))
		if _, done, err := toDo(args); err != nil || done != want {
			t.Errorf("stopped early %q: ended %v, want %v; %v", why, done, want, err)
		}
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

// TestRecipes: all recipes can be read, and their commands are of gomm and name flags that there are.
func TestRecipes(t *testing.T) {
	for _, file := range append(recipes.Names(), "../../.ci/understand-ten.json", "../../.ci/generate-ten.json") {
		r, err := recipes.Open(file)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, command := range (reproduction{recipe: r, dir: "x"}).commands() {
			c, rest, err := newRoot().Find(command.Args[1:])
			must(t, err)
			if err := c.ParseFlags(rest); err != nil {
				t.Errorf("%s: %s: %v", file, command, err)
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

// TestSeedsOfRecipes: one seed for all trainings is refused where the recipe compares several.
func TestSeedsOfRecipes(t *testing.T) {
	for recipe, refused := range map[string]bool{"ablation": true, "understand": false} {
		c := newRoot()
		c.SetArgs([]string{"reproduce", recipe, "--seed", "2", "--dry-run"})
		c.SetOut(io.Discard)
		if err := c.Execute(); (err != nil) != refused || refused && !strings.Contains(err.Error(), "--seed is 2, and the recipe ablation") {
			t.Errorf("%s with a seed: %v", recipe, err)
		}
	}
}
