package recipes_test

import (
	"fmt"
	"strings"
	"testing"

	"gomm/recipes"
)

// What a longer run reaches.
func Example() {
	seed, err := recipes.Number("understand", "seed")
	if err != nil {
		fmt.Println(err)
		return
	}
	commands, err := recipes.Commands("understand")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seed, commands[0])
	// Output: 1 gomm pretrain fusion --preset scenes-attributes --run {run}/attributes
}

func TestRefuses(t *testing.T) {
	for want, keys := range map[string][]string{
		`no recipe "none"; there are fashion`: {"none"},
		`has no "much" where bars.much leads`: {"understand", "bars", "much"},
		`has no number at name`:               {"understand", "name"},
		`has no number at bars`:               {"understand", "bars"},
	} {
		if _, err := recipes.Number(keys[0], keys[1:]...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v gives %v, want %q", keys, err, want)
		}
	}
}
