package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gomm/mmlib/data/picture"
)

func number(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Error(err)
	}
	return x
}

// TestSearch trains a very small CLIP of films for two steps, on the Go backend, measures it, and searches among film files. What it
// finds is nonsense; that it finds all of it is not.
func TestSearch(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	dir := t.TempDir()
	run, films := filepath.Join(dir, "films-run"), filepath.Join(dir, "films")
	ok := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := call(args...)
		if status != exitOK {
			t.Fatalf("gomm %v: status %d: %s", args, status, stderr)
		}
		return stdout
	}
	ok("pretrain", "clip", "--preset", "films", "--run", run, "--steps", "2", "--set", "training.batch_size=4", "--set",
		"model.film.frames=2", "--set", "vision.patch_size=32", "--set", "vision.width=16", "--set", "vision.layers=1", "--set",
		"vision.mlp=16", "--set", "text.width=8", "--set", "text.mlp=8", "--set", "text.layers=1", "--set", "film.transformer.layers=1",
		"--set", "data.validation=6", "--set", "data.test=6")
	var summary map[string]any
	if err := json.Unmarshal([]byte(ok("eval", "--run", run, "--json")), &summary); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"text_to_film_r1", "text_to_film_r10", "text_to_film_median_rank", "film_to_text_r5", "text_to_film_r1_first_frame",
		"text_to_film_r1_middle_frame", "text_to_film_r1_reversed", "text_to_film_r1_shuffled", "motion_accuracy", "text_to_film_r1_interval",
	} {
		if _, there := summary[key]; !there {
			t.Errorf("the summary has no %s: %v", key, summary)
		}
	}
	if summary["text_to_film_r10"] != 1.0 { // of 6
		t.Errorf("R@10 among 6 films is %v", summary["text_to_film_r10"])
	}

	ok("data", "films", "--export", films, "--count", "3")
	file, err := os.ReadFile(filepath.Join(films, "000002.gif"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (picture.Preprocess{Size: 64, Channels: 3, Frames: 20}).Read(bytes.NewReader(file), "000002.gif"); err != nil {
		t.Error(err)
	}
	first, second := filepath.Join(films, "000000.gif"), filepath.Join(films, "000001.gif")
	text := "the red digit 7 moves up and left slowly"
	found := ok("search", "--run", run, text, first, second)
	if fields := strings.Fields(found); len(fields) != 4 || number(t, fields[0]) < number(t, fields[2]) ||
		!slices.Contains(fields, first) || !slices.Contains(fields, second) {
		t.Errorf("gomm search lists %q", found)
	}
	if got := ok("search", "--run", run, text, first, second, "--top", "1"); got != found[:strings.Index(found, "\n")+1] {
		t.Errorf("gomm search --top 1 lists %q", got)
	}
	texts := filepath.Join(dir, "texts.txt")
	if err := os.WriteFile(texts, []byte(text+"\nthe blue digit 1 moves down quickly\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := ok("search", "--run", run, first, second, "--texts", texts)
	if strings.Count(got, "\n") != 6 || !strings.HasPrefix(got, first+"\n  ") {
		t.Errorf("gomm search --texts lists %q", got)
	}
	var line struct {
		Query string
		Found []struct {
			Item   string
			Cosine float64
		}
	}
	err = json.Unmarshal([]byte(ok("search", "--run", run, first, "--texts", texts, "--json")), &line)
	if err != nil || line.Query != first || len(line.Found) != 2 || line.Found[0].Cosine < line.Found[1].Cosine {
		t.Errorf("gomm search --json writes %+v, %v", line, err)
	}
	if lines := parseLines(t, ok("embed", "--run", run, first, "--text", text)); len(lines) != 2 || len(lines[0].Embedding) != 64 {
		t.Errorf("gomm embed of a film gives %v", lines)
	}

	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--run is missing", []string{text, first}},
		{"there is nothing to search", []string{"--run", run}},
		{"no files to search", []string{"--run", run, text}},
		{"is a file and should be a text", []string{"--run", run, first, second}},
		{"the text to search by is empty", []string{"--run", run, " ", first}},
		{"no file to find them by", []string{"--run", run, "--texts", texts}},
		{"--top is -1", []string{"--run", run, text, first, "--top", "-1"}},
		{"--top is for the list", []string{"--run", run, text, first, "--top", "1", "--json"}},
		{"none.txt", []string{"--run", run, first, "--texts", filepath.Join(dir, "none.txt")}},
		{"none.gif", []string{"--run", run, text, filepath.Join(dir, "none.gif")}},
		{"has no pictures", []string{"--run", run, text, empty}},
		{"texts.txt is no picture", []string{"--run", run, text, texts}},
		{`not trained on: "elephant"`, []string{"--run", run, "the red elephant moves up slowly", first}},
	} {
		status, stdout, stderr := call(append([]string{"search"}, c.args...)...)
		if status == exitOK || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("gomm search %q: status %d, stdout %q, stderr %q; want %q", c.args, status, stdout, stderr, c.want)
		}
	}
	for _, c := range []struct{ args, want string }{
		{"pretrain clip --preset films --data mnist --run " + dir + "/x", "no settings of captions"},
		{"pretrain clip --preset films --set data.colors=false --run " + dir + "/x", "data.colors is false"},
		{"pretrain clip --preset films --set film.pooling=max --run " + dir + "/x", `film.pooling is "max"`},
		{"pretrain clip --preset mnist-tiny --data films --run " + dir + "/x", "cannot be read as 28×28 pixels"},
	} {
		if status, _, stderr := call(strings.Fields(c.args)...); status == exitOK || !strings.Contains(stderr, c.want) {
			t.Errorf("gomm %s: status %d, %q; want %q", c.args, status, stderr, c.want)
		}
	}
}
