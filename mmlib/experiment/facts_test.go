package experiment

import (
	"testing"
)

// TestFactFigures: facts are counted by attribute, what is not said counts for nothing, and of alternatives the best one counts.
func TestFactFigures(t *testing.T) {
	names := []string{"digit", "color"}
	found := [][]int32{{7, 1, 3, 2}, {4, 0, 5, 0}}
	wanted := [][][]int32{
		{{7, 1, 3, 9}},                   // three of four
		{{-1, -1, 4, 0}, {4, 0, -1, -1}}, // none or two of two
	}
	got := map[string]Figure{}
	for _, f := range factFigures("whole", names, found, wanted) {
		got[f.Key] = f
	}
	for key, want := range map[string][2]int{
		"facts_accuracy_whole": {5, 6}, "pictures_accuracy_whole": {1, 2},
		"facts_accuracy_whole_digit": {3, 3}, "facts_accuracy_whole_color": {2, 3},
	} {
		f, ok := got[key]
		if !ok || f.Right != want[0] || f.Total != want[1] || f.Value != float64(want[0])/float64(want[1]) {
			t.Errorf("%s is %d of %d (%v), want %v", key, f.Right, f.Total, f.Value, want)
		}
	}
	if len(got) != 4 {
		t.Errorf("there are %d figures: %v", len(got), got)
	}
	best, right := bestOf([]int32{4, 0, 5, 0}, wanted[1])
	if right != 2 || best[0] != 4 {
		t.Errorf("the best alternative is %v with %d facts", best, right)
	}
}
