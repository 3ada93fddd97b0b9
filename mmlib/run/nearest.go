package run

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// unknown is the error for a key that is none of keys: it names up to three of the nearest.
func unknown(keys []string, key string) error {
	near := nearest(keys, key)
	if len(near) == 0 {
		return fmt.Errorf("run: there is no setting %q", key)
	}
	return fmt.Errorf("run: there is no setting %q: the nearest are %s", key, strings.Join(near, ", "))
}

// nearest returns up to three keys that are fewest edits away from key, which may also be meant as some parts of a longer
// one: its end ("batch_siez") or its group ("trainin").
func nearest(keys []string, key string) []string {
	far := func(candidate string) int {
		parts := strings.Split(candidate, ".")
		least := distance(candidate, key)
		for i := range parts {
			for j := i + 1; j <= len(parts); j++ {
				least = min(least, distance(strings.Join(parts[i:j], "."), key))
			}
		}
		return least
	}
	sorted := slices.Clone(keys)
	slices.SortStableFunc(sorted, func(a, b string) int { return cmp.Compare(far(a), far(b)) })
	return sorted[:min(3, len(sorted))]
}

// distance is the Levenshtein distance: the fewest insertions, deletions and changes of letters that turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1) // distances from the letters of a so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			change := diagonal
			if x[i] != y[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
