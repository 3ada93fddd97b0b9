package recipes_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gomm/recipes"
)

// What a longer run reaches, and how to repeat it.
func Example() {
	r, err := recipes.Open("understand")
	if err != nil {
		fmt.Println(err)
		return
	}
	seed, err := r.Number("seed")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seed, r.In("runs/again")[0])
	// Output: 1 gomm pretrain fusion --preset scenes-attributes --run runs/again/attributes
}

func TestOpenRefuses(t *testing.T) {
	for content, want := range map[string]string{
		`{`:             "not a recipe",
		`{"name": "x"}`: "needs a name",
		`{"name": "../x", "commands": ["gomm eval"]}`: "needs a name",
		`{"name": "x", "commands": ["rm -r /"]}`:      "not one of gomm",
		`{"name": "x", "commands": ["A=b"]}`:          "not one of gomm",
	} {
		file := filepath.Join(t.TempDir(), "recipe.json")
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := recipes.Open(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if _, err := recipes.Open("none"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "or one of ablation, book") {
		t.Errorf("a recipe that there is not: %v", err)
	}
}

func TestNumberRefuses(t *testing.T) {
	r, err := recipes.Open("understand")
	if err != nil {
		t.Fatal(err)
	}
	for want, keys := range map[string][]string{
		`has no "much" at "bars"`:   {"bars", "much"},
		`has no number at name`:     {"name"},
		`has no number at bars`:     {"bars"},
		`has no "x" at "name"`:      {"name", "x"},
		`has no "x" at ""; there a`: {"x"},
	} {
		if _, err := r.Number(keys...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v gives %v, want %q", keys, err, want)
		}
	}
}

// TestAll: every recipe can be read, and has figures.
func TestAll(t *testing.T) {
	for _, name := range recipes.Names() {
		if r, err := recipes.Open(name); err != nil || r.Name != name || len(r.Figures) == 0 {
			t.Errorf("%s: it is called %q and has %d figures; %v", name, r.Name, len(r.Figures), err)
		}
	}
}
