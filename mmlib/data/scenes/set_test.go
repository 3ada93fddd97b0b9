package scenes

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/data"
)

// TestGrayQuestions: of a gray scene nothing is asked that takes its colors to answer, and of others everything.
func TestGrayQuestions(t *testing.T) {
	set := load(t, func(s *Source) { s.Gray, s.Languages = 0.3, []string{"en"} })[data.Train]
	colorful := func(q string) bool {
		for _, a := range []Attribute{Color, Background} {
			for v := range a.Values() {
				if strings.Contains(q, a.Value(v)) {
					return true
				}
			}
		}
		return strings.Contains(q, "color") || strings.Contains(q, "background")
	}
	asked := map[bool]int{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		for _, q := range set.Questions(i, 4, r) {
			if gray := set.gray(i); colorful(q.Text) {
				if asked[gray]++; gray {
					t.Errorf("%q is asked about a gray scene", q.Text)
				}
			}
		}
	}
	if asked[false] < 350 {
		t.Errorf("%d questions about 210 colored scenes are of colors, about 430 should be", asked[false])
	}
}

// TestHeldOutPairsNotAskedFor: no question about scenes that do not show a pair names it; those about the unseen scenes do.
func TestHeldOutPairsNotAskedFor(t *testing.T) {
	sets := load(t, func(s *Source) { s.HeldOutPairs, s.Languages = 10, []string{"en"} })
	r := rand.New(rand.NewPCG(1, 2))
	asked := map[string]int{}
	for name, set := range sets {
		for i := range 1000 {
			for _, q := range append(set.Questions(i, 4, r), set.Dialogue(i, r)...) {
				for digit := range Digit.Values() {
					for color := range Color.Values() {
						pair := Color.Value(color) + " " + Digit.Value(digit)
						if heldOut(digit, color, 10) && strings.Contains(q.Text, pair) {
							asked[name]++
						}
					}
				}
			}
		}
	}
	if asked[data.Train]+asked[data.Validation]+asked[data.Test] > 0 || asked[Unseen] < 100 || asked[ValidationUnseen] < 100 {
		t.Errorf("pairs held out are asked for so often: %v", asked)
	}
}

// TestGray: about the given share of the training scenes is gray, of which the colors are unknown; no other scene is; and a model reads
// what people see, prepared or not.
func TestGray(t *testing.T) {
	sets := load(t, func(s *Source) { s.Gray = 0.3 })
	gray := 0
	for name, set := range sets {
		prepared := *set
		prepared.prepare.Size = 55
		for i := range 200 {
			colorless := func(set *Set) bool {
				_, height, width, _ := set.Shape()
				pixels := make([]float32, height*width*channels)
				set.Picture(pixels, i, nil)
				for p := range slices.Chunk(pixels, channels) {
					if p[0] != p[1] || p[1] != p[2] {
						return false
					}
				}
				return true
			}
			classes, cells := make([]int32, 4*NumAttributes), set.Scene(i).Cells
			set.Classes(classes, i)
			is := colorless(set)
			for at, class := range classes {
				want := int32(cells[at/NumAttributes][at%NumAttributes])
				if a := Attribute(at % NumAttributes); is && (a == Color || a == Background) {
					want = -1
				}
				if class != want {
					t.Fatalf("%s %d: class %d is %d, want %d", name, i, at, class, want)
				}
			}
			if colorless(&prepared) != is {
				t.Fatalf("%s %d is gray as drawn, %v, and prepared otherwise", name, i, is)
			}
			r, g, b, _ := set.Original(i).At(0, 0).RGBA()
			if is && (r != g || g != b) {
				t.Fatalf("%s %d is gray to a model and not to people", name, i)
			}
			if is && name != data.Train {
				t.Fatalf("%s %d is gray", name, i)
			}
			if is {
				gray++
			}
		}
	}
	if gray < 40 || gray > 80 {
		t.Errorf("%d of 200 scenes are gray, about 60 should be", gray)
	}
}

// TestKinds: only the chosen kinds are asked, even those that few scenes have; and one that is named three times is asked so much more
// often in training, and there alone.
func TestKinds(t *testing.T) {
	share := func(set *Set, r *rand.Rand, kind string) float64 {
		n := 0
		for i := range 1000 {
			for _, q := range set.Questions(i, 4, r) {
				if q.Kind == kind {
					n++
				}
			}
		}
		return float64(n) / 4000
	}
	kinds := []string{AskComparison, AskSum, AskComparison, AskComparison, AskPosition}
	sets := load(t, func(s *Source) { s.Kinds = kinds })
	r := rand.New(rand.NewPCG(1, 1))
	for _, test := range []struct {
		split     string
		r         *rand.Rand
		kind      string
		low, high float64
	}{
		{data.Train, r, AskComparison, 0.58, 0.66}, {data.Train, r, AskAttribute, 0, 0}, {data.Train, nil, AskComparison, 0.3, 0.42},
		{data.Validation, r, AskComparison, 0.3, 0.42}, {data.Test, nil, AskCount, 0, 0},
	} {
		if got := share(sets[test.split], test.r, test.kind); got < test.low || got > test.high {
			t.Errorf("%s: a share of %.3f is %s, want %.2f to %.2f", test.split, got, test.kind, test.low, test.high)
		}
	}
	if got := share(load(t, func(s *Source) { s.Kinds = []string{AskPosition} })[data.Train], nil, AskPosition); got != 1 {
		t.Errorf("where positions alone are asked, %.3f are", got)
	}
}

// TestClauses: the clauses of a caption are the caption, and each tells of the cell that was named, in either language.
func TestClauses(t *testing.T) {
	set := load(t, func(s *Source) { s.Shuffle = true })[data.Test]
	for i := range 50 {
		for _, caption := range append(set.Captions(i), set.Caption(i, nil)) {
			whole, cells := "", map[int]bool{}
			for _, c := range Clauses(caption, set.Grid()) {
				whole += c.Text
				cells[c.Cell] = true
				for _, f := range ParseCaption(c.Text, set.Grid()) {
					if f.Cell != c.Cell {
						t.Fatalf("%q tells of cell %d, not %d", c.Text, f.Cell, c.Cell)
					}
				}
			}
			if whole != caption || len(cells) != 4 || cells[-1] {
				t.Fatalf("%q is taken apart into %q, cells %v", caption, whole, cells)
			}
		}
	}
	if got := Clauses("no place; ", 2); len(got) != 2 || got[0].Cell != -1 {
		t.Errorf("clauses %v", got)
	}
}
