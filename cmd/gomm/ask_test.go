package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gomm/mmlib/data/picture"
)

// TestSpeak trains a model of each kind that speaks for two steps and uses it: what it says is nonsense, but it says it.
func TestSpeak(t *testing.T) {
	if testing.Short() {
		t.Skip("trains three models")
	}
	t.Setenv("GOMLX_BACKEND", "go") // which has nothing to compile
	dir := t.TempDir()
	run := func(kind string) string { return filepath.Join(dir, kind) }
	for _, kind := range []string{"vqa", "captioner", "dialogue"} {
		status, _, stderr := call("finetune", kind, "--run", run(kind), "--steps", "2", "--set", "model.text.width=16", "--set",
			"model.text.fusion_layers=1", "--set", "model.vision.width=16", "--set", "model.vision.layers=1", "--set", "data.validation=4", "--set",
			"data.test=4", "--set", "training.batch_size=4")
		if status != 0 {
			t.Fatalf("finetune %s: %s", kind, stderr)
		}
		status, stdout, stderr := call("eval", "--run", run(kind))
		if status != 0 {
			t.Errorf("eval %s: %s", kind, stderr)
		}
		if got := strings.Contains(stdout, "chosen from 37 answers"); got != (kind == "vqa") {
			t.Errorf("eval %s: %s", kind, stdout)
		}
	}
	untested := filepath.Join(dir, "untested") // a run whose data has no test split
	if err := os.CopyFS(untested, os.DirFS(run("vqa"))); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(untested, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte(`"test": 4`), []byte(`"test": 0`), 1)
	if err := os.WriteFile(filepath.Join(untested, "config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	scene, look := filepath.Join(dir, "scene.png"), filepath.Join(dir, "look.png")
	if status, _, stderr := call("data", "scenes", "--show="+scene, "--count", "1"); status != 0 {
		t.Fatal(stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "empty.png"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"ask", "--run", run("vqa"), scene, "how many digits are red?", "--explain", look},
		{"ask", "--run", run("vqa"), "--scene", "3", "how many digits are red?"},
		{"caption", "--run", run("captioner"), scene, "--beams", "2"},
		{"caption", "--run", run("captioner"), "--scene", "0", "--explain", filepath.Join(dir, "words.png")},
		{"chat", "--run", run("dialogue"), "--scene", "0"},
	} {
		if status, _, stderr := call(args...); status != 0 {
			t.Errorf("gomm %s: status %d, %s", strings.Join(args, " "), status, stderr)
		}
	}
	file, err := os.ReadFile(look)
	if err != nil {
		t.Fatal(err)
	}
	if img, err := picture.Decode(bytes.NewReader(file), look); err != nil || img.Bounds().Dx() < 100 {
		t.Errorf("%s: %v", look, err)
	}
	// A list to choose from is printed with probabilities, the largest first.
	status, stdout, stderr := call("ask", "--run", run("vqa"), scene, "how many digits are red?", "--among", "1, top left,2")
	var last, sum float64 = 100, 0
	answers := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		answer, percent, _ := strings.Cut(strings.TrimSuffix(line, " %"), "  ")
		p, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if err != nil || p > last {
			t.Errorf("ask --among: %q", line)
		}
		last, sum, answers[answer] = p, sum+p, true
	}
	if status != 0 || len(answers) != 3 || !answers["top left"] || math.Abs(sum-100) > 0.2 {
		t.Errorf("ask --among: status %d, %q, %s", status, stdout, stderr)
	}
	// A question that cannot be read is refused in words, and the conversation goes on, up to an empty line.
	var out, errs bytes.Buffer
	talk := strings.NewReader("where is the red 7?\nwhere is the elephant?\nwhat color is it?\n\nis it red?\n")
	looks := filepath.Join(dir, "looks.png")
	chat := []string{"chat", "--run", run("dialogue"), "--scene", "1", "--explain", looks}
	if status := runCommand(context.Background(), chat, talk, &out, &errs); status != 0 {
		t.Errorf("chat: status %d, %s", status, errs.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || !strings.Contains(errs.String(), `"elephant"`) {
		t.Errorf("chat: %d answers to two questions that can be read, %q, %q", n, out.String(), errs.String())
	}
	var said, drawn []string // every answer that is not empty has a drawing, of all its words
	for _, line := range strings.Split(out.String(), "\n") {
		if line = strings.ReplaceAll(line, " ", ""); line != "" {
			said = append(said, line)
		}
	}
	for _, line := range strings.Split(errs.String(), "\n") {
		if _, words, ok := strings.Cut(line, "looks.png shows, row by row: (the picture), "); ok {
			drawn = append(drawn, strings.ReplaceAll(words, ", ", ""))
		}
	}
	if !slices.Equal(said, drawn) {
		t.Errorf("chat --explain: the answers are %q, drawn are %q", said, drawn)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{`words that the model was not trained on: "elephants"`, []string{"ask", "--run", run("vqa"), scene, "how many elephants are red?"}},
		{"words that the model was not trained on", []string{"ask", "--run", run("vqa"), scene, "combien de chiffres sont rouges?"}},
		{"the question is empty", []string{"ask", "--run", run("vqa"), scene, "  "}},
		{`not trained on: "crimson"`, []string{"ask", "--run", run("vqa"), scene, "is it red?", "--among", "red,crimson"}},
		{"--among is empty", []string{"ask", "--run", run("vqa"), scene, "is it red?", "--among", ""}},
		{"room for", []string{"ask", "--run", run("vqa"), scene, "is it red?", "--among", strings.Repeat("red ", 40)}},
		{"shorten it", []string{"ask", "--run", run("vqa"), scene, strings.Repeat("red ", 40)}},
		{"empty.png", []string{"ask", "--run", run("vqa"), filepath.Join(dir, "empty.png"), "is it red?"}},
		{"nowhere.png", []string{"caption", "--run", run("captioner"), filepath.Join(dir, "nowhere.png")}},
		{"a captioner is trained for captions, not for answers", []string{"ask", "--run", run("captioner"), scene, "is it red?"}},
		{"a vqa is trained for answers, not for captions", []string{"caption", "--run", run("vqa"), scene}},
		{"a captioner is trained for captions, not for dialogues", []string{"chat", "--run", run("captioner"), scene}},
		{"no test split", []string{"ask", "--run", untested, "--scene", "0", "is it red?"}},
		{"examples 0 to 3", []string{"ask", "--run", run("vqa"), "--scene", "4", "is it red?"}},
		{"a picture file and a question", []string{"ask", "--run", run("vqa"), scene}},
		{"--run is missing", []string{"caption", scene}},
		{"--beams is 0", []string{"caption", "--run", run("captioner"), scene, "--beams", "0"}},
	} {
		if status, _, stderr := call(c.args...); status == 0 || !strings.Contains(stderr, c.want) {
			t.Errorf("gomm %s: status %d, %q, want %q", strings.Join(c.args, " "), status, stderr, c.want)
		}
	}
}
