package scenes

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gomm/mmlib/data"
	"gomm/mmlib/data/text"
	"gomm/mmlib/internal/check"
)

// relates reads a caption such as "a green seven above a red 3" and finds, without the generator's help, whether a scene is as it says.
func relates(t *testing.T, s Scene, caption string) bool {
	t.Helper()
	words := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(caption, "left of", "left"), "right of", "right"))
	if len(words) != 7 || words[0] != "a" || words[4] != "a" {
		t.Fatalf("%q is not of the form: a color digit direction a color digit", caption)
	}
	is := func(c Cell, color, digit string) bool {
		return Color.Value(int(c[Color])) == color &&
			(Digit.Value(int(c[Digit])) == digit || english.numbers[c[Digit]] == digit)
	}
	step := map[string]int{"left": 1, "right": -1, "above": s.Grid, "below": -s.Grid}[words[3]]
	for i, c := range s.Cells {
		j := i + step
		sameRow := j/s.Grid == i/s.Grid
		if step == 0 || j < 0 || j >= len(s.Cells) || (step == 1 || step == -1) != sameRow {
			continue
		}
		if is(c, words[1], words[2]) && is(s.Cells[j], words[5], words[6]) {
			return true
		}
	}
	return false
}

// TestRelation: what is said of how two digits lie is true, and a drawing shows what is wanted, in one of the alternatives, exactly if it
// is as the caption says, whatever the order of the cells.
func TestRelation(t *testing.T) {
	for _, grid := range []int{2, 3} {
		set := load(t, func(s *Source) { s.Grid, s.Relations, s.Languages = grid, 0.5, []string{"en"} })[data.Train]
		said, others, r := map[string]int{}, 0, rand.New(rand.NewPCG(3, 4))
		for i := range 500 {
			caption, want, err := set.Request(i, Relation)
			check.Must(t, err)
			scene := set.Scene(i)
			if !relates(t, scene, caption) {
				t.Fatalf("%q is not true of %v", caption, scene)
			}
			if n := grid * (grid - 1); len(want) != n {
				t.Fatalf("%q can be shown in %d ways, of %d", caption, n, len(want))
			}
			// The cells as they are, and in other orders: what the drawing must show is what the caption says.
			for try := range 6 {
				mixed := Scene{Grid: grid, Cells: slices.Clone(scene.Cells)}
				if try > 0 {
					r.Shuffle(len(mixed.Cells), func(a, b int) { mixed.Cells[a], mixed.Cells[b] = mixed.Cells[b], mixed.Cells[a] })
				}
				fits := slices.ContainsFunc(want, func(w []int32) bool {
					for k, v := range w {
						if v >= 0 && int32(mixed.Cells[k/NumAttributes][k%NumAttributes]) != v {
							return false
						}
					}
					return true
				})
				if fits != relates(t, mixed, caption) {
					t.Errorf("%v, asked for %q: %v shows it: %v", mixed, caption, want, fits)
				}
				if !fits {
					others++
				}
			}
			for _, w := range strings.Fields(caption) {
				said[w]++
			}
		}
		if others < 500 {
			t.Errorf("%d of 2500 other orders of cells do not show what is asked for, most should not", others)
		}
		for _, w := range append(english.numbers[:], "0", "9", "left", "right", "above", "below") {
			if said[w] == 0 {
				t.Errorf("%q is never said", w)
			}
		}
	}
}

// TestRequests: a wording is held out of training and asked for by request alone; every word of every form can be encoded.
func TestRequests(t *testing.T) {
	for _, language := range Languages() {
		sets := load(t, func(s *Source) {
			s.HeldOutCaption, s.Relations, s.HeldOutPlaces, s.Languages = 3, 0.25, 4, []string{language}
		})
		set := sets[data.Train]
		texts, err := set.Texts()
		check.Must(t, err)
		words := text.NewWords(texts)
		longest, err := text.Longest(words, texts)
		check.Must(t, err)
		held := func(caption string) bool { return strings.ContainsAny(caption, ":：") } // the third wording has it, and no other
		r := rand.New(rand.NewPCG(1, 2))
		related := 0
		for i := range 400 {
			caption := set.asked(i, r)
			if held(caption) || held(set.Caption(i, r)) {
				t.Fatalf("%q is drawn, of the wording that is held out", caption)
			}
			if slices.ContainsFunc(set.Captions(i), held) {
				t.Fatalf("the captions of scene %d have one of the wording that is held out", i)
			}
			if utf8.RuneCountInString(caption) < 45 && len(ParseCaption(caption, 2)) == 0 {
				related++
			}
			for _, form := range set.RequestForms() {
				said, want, err := set.Request(i, form)
				check.Must(t, err)
				if held(said) != (form == Reworded) {
					t.Errorf("%s: %q", form, said)
				}
				ids, err := text.Fixed(words, said, longest, text.Refuse)
				check.Must(t, err)
				if len(ids) != longest || form != Relation && (len(want) != 1 || slices.Contains(want[0], -1)) {
					t.Errorf("%s: %q wants %v", form, said, want)
				}
			}
		}
		if related < 60 || related > 140 {
			t.Errorf("%s: %d of 400 captions are relations, about 100 should be", language, related)
		}
		check.Error(t, second(set.Request(0, "poem")), "poem", Whole)
	}
	plain := load(t, func(*Source) {})[data.Train]
	check.Error(t, second(plain.Request(0, Relation)), Relation)
	check.Error(t, second(plain.Request(0, Reworded)), Reworded)
}

func second(_ string, _ [][]int32, err error) error { return err }

// TestHeldOutPlaces: training never shows a color where the unseen scenes show it, and these nothing else.
func TestHeldOutPlaces(t *testing.T) {
	sets := load(t, func(s *Source) { s.HeldOutPlaces = 8 })
	pairs := map[string]map[[2]int]bool{}
	for name, set := range sets {
		pairs[name] = map[[2]int]bool{}
		for i := range 400 {
			for cell, c := range set.Scene(i).Cells {
				pairs[name][[2]int{cell, int(c[Color])}] = true
			}
		}
	}
	if n := len(pairs[data.Train]); n != 12 {
		t.Errorf("training shows %d pairs of color and place, of 20 less 8", n)
	}
	for _, name := range []string{Unseen, ValidationUnseen} {
		if n := len(pairs[name]); n != 8 {
			t.Errorf("%s shows %d pairs, of 8", name, n)
		}
		for pair := range pairs[name] {
			if pairs[data.Train][pair] || pairs[data.Test][pair] {
				t.Errorf("%s and training both show the color %d in cell %d", name, pair[1], pair[0])
			}
		}
	}
}
