// Package recipes holds the training runs whose numbers are quoted anywhere, one JSON file a recipe: its commands, seed, cost and
// results, which 'gomm reproduce' repeats. A lesson, which has no time for such a run, quotes the numbers from here:
//
//	accuracy, err := recipes.Number("understand", "figures", "vqa/accuracy")   // 0 to 1
//	commands, err := recipes.Commands("understand")                            // that train it again
package recipes

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed *.json
var files embed.FS

// Number is a number of a recipe; keys lead to it through the objects of the file.
func Number(recipe string, keys ...string) (float64, error) {
	x, err := find(recipe, keys)
	if err != nil {
		return 0, err
	}
	n, ok := x.(float64)
	if !ok {
		return 0, fmt.Errorf("recipes: %s.json has no number at %s", recipe, strings.Join(keys, "."))
	}
	return n, nil
}

// Commands are the commands that make a recipe's runs, in their order; {run} stands for the folder of all.
func Commands(recipe string) ([]string, error) {
	x, err := find(recipe, []string{"commands"})
	if err != nil {
		return nil, err
	}
	list, _ := x.([]any)
	commands := make([]string, len(list))
	for i, c := range list {
		commands[i] = fmt.Sprint(c)
	}
	return commands, nil
}

func find(recipe string, keys []string) (any, error) {
	content, err := files.ReadFile(recipe + ".json")
	if err != nil {
		all, _ := files.ReadDir(".")
		names := make([]string, len(all))
		for i, f := range all {
			names[i] = strings.TrimSuffix(f.Name(), ".json")
		}
		return nil, fmt.Errorf("recipes: there is no recipe %q; there are %s", recipe, strings.Join(names, ", "))
	}
	var x any
	if err := json.Unmarshal(content, &x); err != nil {
		return nil, fmt.Errorf("recipes: %s.json: %w", recipe, err)
	}
	for _, key := range keys {
		object, _ := x.(map[string]any)
		var ok bool
		if x, ok = object[key]; !ok {
			return nil, fmt.Errorf("recipes: %s.json has no %q where %s leads; there are %s", recipe, key, strings.Join(keys, "."),
				strings.Join(slices.Sorted(maps.Keys(object)), ", "))
		}
	}
	return x, nil
}
