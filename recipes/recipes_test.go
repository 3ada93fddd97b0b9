package recipes_test

import (
	"fmt"
	"strings"
	"testing"

	"gomm/recipes"
)

// What a longer run reaches.
func Example() {
	seed, err := recipes.Number("scenes-vqa", "seed")
	if err != nil {
		fmt.Println(err)
		return
	}
	command, err := recipes.Command("scenes-vqa")
	if err != nil {
		fmt.Println(err)
		return
	}
	first, _, _ := strings.Cut(command, " --run")
	fmt.Println(seed, first)
	// Output: 1 gomm pretrain fusion --preset scenes-attributes
}

func TestRefuses(t *testing.T) {
	for want, keys := range map[string][]string{
		`no recipe "none"; there are fashion`: {"none"},
		`has no "much" where test.much leads`: {"scenes-vqa", "test", "much"},
		`has no number at name`:               {"scenes-vqa", "name"},
		`has no number at test`:               {"scenes-vqa", "test"},
	} {
		if _, err := recipes.Number(keys[0], keys[1:]...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v gives %v, want %q", keys, err, want)
		}
	}
}
