// Package recipes holds the training runs whose numbers are quoted anywhere, one JSON file a recipe: its commands, seed, cost and
// results, which 'gomm reproduce' repeats. A lesson, which has no time for such a run, quotes the numbers from here:
//
//	r, err := recipes.Open("understand")
//	r.Figures["vqa/accuracy"]   // 0 to 1
//	r.In("runs/understand")     // the commands that train and measure it again, in that folder
package recipes

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed *.json
var files embed.FS

// Recipe is what a recipe must have to be repeated; what else its file says is for people, and for [Recipe.Number].
type Recipe struct {
	Name     string             `json:"name"`
	Commands []string           `json:"commands"` // gomm commands, one a line; {run} stands for the folder of the runs
	Figures  map[string]float64 `json:"figures"`  // what was measured, by run and key: "vqa/accuracy"
	Bars     map[string]float64 `json:"bars"`     // what must at least be measured
	AtMost   map[string]float64 `json:"at_most"`  // what must at most be measured, such as bits a character

	content []byte
}

// Command is one command of a recipe.
type Command struct {
	Env  []string // NAME=value
	Args []string // "gomm" first
}

// String is the command as a shell's line, if none of its words needs quotes.
func (c Command) String() string { return strings.Join(slices.Concat(c.Env, c.Args), " ") }

// Open opens a recipe of this package by its name, or that of a file of one's own.
func Open(name string) (Recipe, error) {
	if content, err := files.ReadFile(name + ".json"); err == nil {
		return parse(name, content)
	}
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Recipe{}, fmt.Errorf("%w: name a recipe's file, or one of %s", err, strings.Join(Names(), ", "))
	}
	if err != nil {
		return Recipe{}, err
	}
	return parse(name, content)
}

// Names are those of the recipes of this package.
func Names() []string {
	list, _ := files.ReadDir(".") // which is embedded, and there
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = strings.TrimSuffix(f.Name(), ".json")
	}
	return names
}

func parse(file string, content []byte) (Recipe, error) {
	r := Recipe{content: content}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("%s is not a recipe: %w", file, err)
	}
	if r.Name == "" || r.Name != filepath.Base(r.Name) || len(r.Commands) == 0 {
		return r, fmt.Errorf("%s is not a recipe: it needs a name, which can be a folder's, and commands", file)
	}
	for i, c := range r.In("") {
		if len(c.Args) == 0 || c.Args[0] != "gomm" {
			return r, fmt.Errorf("%s: the command %q is not one of gomm", file, r.Commands[i])
		}
	}
	return r, nil
}

// In gives the commands with their runs in a folder. There are no quotes in a recipe's commands.
func (r Recipe) In(dir string) []Command {
	list := make([]Command, len(r.Commands))
	for i, line := range r.Commands {
		words, env := strings.Fields(line), 0
		for env < len(words) && strings.Contains(words[env], "=") {
			env++
		}
		list[i].Env, list[i].Args = words[:env], words[env:]
		for k := range words {
			words[k] = strings.ReplaceAll(words[k], "{run}", dir)
		}
	}
	return list
}

// Number is a number anywhere in the recipe; keys lead to it through the objects of the file.
func (r Recipe) Number(keys ...string) (float64, error) {
	var x any
	if err := json.Unmarshal(r.content, &x); err != nil {
		return 0, fmt.Errorf("recipes: %s: %w", r.Name, err)
	}
	for i, key := range keys {
		object, _ := x.(map[string]any)
		var ok bool
		if x, ok = object[key]; !ok {
			return 0, fmt.Errorf("recipes: %s has no %q at %q; there are %s", r.Name, key, strings.Join(keys[:i], "."),
				strings.Join(slices.Sorted(maps.Keys(object)), ", "))
		}
	}
	n, ok := x.(float64)
	if !ok {
		return 0, fmt.Errorf("recipes: %s has no number at %s", r.Name, strings.Join(keys, "."))
	}
	return n, nil
}
