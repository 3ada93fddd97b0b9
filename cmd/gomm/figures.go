package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// compare writes what was measured beside what the recipe records, and fails where a figure is below its bar, or above the
// most that it may be.
func (r reproduction) compare(w io.Writer) error {
	names := slices.Sorted(maps.Keys(r.recipe.Figures))
	for _, bars := range []map[string]float64{r.recipe.Bars, r.recipe.AtMost} {
		for _, name := range slices.Sorted(maps.Keys(bars)) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows := [][]string{{"", "now", "recorded", "at least", "at most"}}
	var failures error
	for _, name := range names {
		now, err := figure(r.dir, name)
		if err != nil {
			failures = errors.Join(failures, err)
			continue
		}
		row := []string{name, fmt.Sprintf("%.4f", now.mean), "", "", ""}
		if now.count > 1 {
			row[1] += fmt.Sprintf(" ± %.4f", now.deviation)
		}
		if recorded, ok := r.recipe.Figures[name]; ok {
			row[2] = fmt.Sprintf("%.4f", recorded)
		}
		if bar, ok := r.recipe.Bars[name]; ok {
			row[3] = fmt.Sprintf("%.4f", bar)
			if !(now.mean >= bar) {
				failures = errors.Join(failures, fmt.Errorf("%s is %.4f, below %.4f", name, now.mean, bar))
			}
		}
		if most, ok := r.recipe.AtMost[name]; ok {
			row[4] = fmt.Sprintf("%.4f", most)
			if !(now.mean <= most) {
				failures = errors.Join(failures, fmt.Errorf("%s is %.4f, above %.4f", name, now.mean, most))
			}
		}
		rows = append(rows, row)
	}
	align(w, rows)
	return failures
}

// value is a figure of one run, or the mean of some with their sample standard deviation.
type value struct {
	mean, deviation float64
	count           int
}

// figure looks a figure up among the runs in a folder. Its name is
//
//	vqa/accuracy               a key of summary.json, which gomm eval writes, in the folder vqa; without a folder of that of a demo
//	vqa/training.loss          a key of the last line of metrics.jsonl that has it: of training itself
//	probe-*/accuracy           the mean over all folders of the pattern
//	vqa/accuracy - vqa/blind_accuracy,  vqa/a / vqa/b    a difference, a ratio
func figure(dir, name string) (value, error) {
	if words := strings.Fields(name); len(words) == 3 {
		a, err := figure(dir, words[0])
		b, errB := figure(dir, words[2])
		if err = errors.Join(err, errB); err != nil {
			return value{}, err
		}
		switch words[1] {
		case "-":
			return value{mean: a.mean - b.mean, count: 1}, nil
		case "/":
			return value{mean: a.mean / b.mean, count: 1}, nil
		}
	}
	folder, key := filepath.Split(filepath.FromSlash(name))
	folders, err := filepath.Glob(filepath.Join(dir, folder))
	if err != nil {
		return value{}, fmt.Errorf("the figure %q: %w", name, err)
	}
	if len(folders) == 0 {
		return value{}, fmt.Errorf("the figure %q: there is no folder %s", name, filepath.Join(dir, folder))
	}
	var all []float64
	for _, f := range folders {
		x, err := measured(f, key)
		if err != nil {
			return value{}, err
		}
		all = append(all, x)
	}
	return meanOf(all), nil
}

func meanOf(all []float64) value {
	v := value{count: len(all)}
	for _, x := range all {
		v.mean += x / float64(len(all))
	}
	for _, x := range all {
		v.deviation += (x - v.mean) * (x - v.mean)
	}
	v.deviation = math.Sqrt(v.deviation / float64(max(len(all)-1, 1)))
	return v
}

// measured reads a key of summary.json or, behind "training.", of metrics.jsonl.
func measured(folder, key string) (float64, error) {
	file, key, lines := filepath.Join(folder, "summary.json"), key, false
	if rest, ok := strings.CutPrefix(key, "training."); ok {
		file, key, lines = filepath.Join(folder, "metrics.jsonl"), rest, true
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	parts := []string{string(content)}
	if lines {
		parts = strings.Split(strings.TrimSpace(parts[0]), "\n")
	}
	for _, part := range slices.Backward(parts) {
		var object map[string]any
		if err := json.Unmarshal([]byte(part), &object); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		if x, ok := object[key].(float64); ok {
			return x, nil
		}
	}
	return 0, fmt.Errorf("%s has no figure %q", file, key)
}
