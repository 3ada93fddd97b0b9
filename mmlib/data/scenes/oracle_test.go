package scenes

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gomm/mmlib/data"
)

// oracle answers an English question by reading its words, with none of the code that made it. it is the cell that "it" is.
type oracle struct {
	Scene
	it int
}

func (o *oracle) cellAt(words string) int {
	if i := slices.Index(english.corners[:], strings.TrimPrefix(words, "the ")); o.Grid == 2 && i >= 0 {
		return i
	}
	var row, column int
	if _, err := fmt.Sscanf(words, "row %d column %d", &row, &column); err != nil {
		panic(words)
	}
	return (row-1)*o.Grid + column - 1
}

func (o *oracle) name(cell int, attribute string) string {
	c := o.Cells[cell]
	switch attribute {
	case "digit":
		return strconv.Itoa(int(c[0]))
	case "color":
		return strings.Fields("red blue green purple brown")[c[1]]
	case "background":
		return strings.Fields("cyan yellow white silver salmon")[c[2]]
	}
	return strings.Fields("flat stroke")[c[3]]
}

func (o *oracle) like(noun string) (cells []int) {
	for i := range o.Cells {
		has := fmt.Sprintf(" %s %s %s %s digit on ", o.name(i, "digit"), o.name(i, "color"), o.name(i, "background"), o.name(i, "style"))
		if !slices.ContainsFunc(strings.Fields(noun), func(w string) bool { return !strings.Contains(has, " "+w+" ") }) {
			cells = append(cells, i)
		}
	}
	return cells
}

func (o *oracle) beside(cell int, where string) int {
	row, column := cell/o.Grid, cell%o.Grid
	switch where {
	case "left of":
		column--
	case "right of":
		column++
	case "above":
		row--
	case "below":
		row++
	}
	return row*o.Grid + column
}

const (
	atRE   = `at (.*?)`
	toRE   = `(left of|right of|above|below)`
	ofRE   = `(?:what is the (background)|what (digit|color) is(?: the digit)?|is the digit)`
	tailRE = `(?: (flat or stroke))?\?$`
)

var (
	attributeRE  = regexp.MustCompile(`^` + ofRE + ` ` + atRE + tailRE)
	referRE      = regexp.MustCompile(`^` + ofRE + ` ` + toRE + ` the (.*?)` + tailRE)
	itRE         = regexp.MustCompile(`^(?:what (digit|color) is it|what is its (background)|is it (flat or stroke))\?$`)
	besideItRE   = regexp.MustCompile(`^` + ofRE + ` ` + toRE + ` it` + tailRE)
	countRE      = regexp.MustCompile(`^how many digits are (.*)\?$`)
	othersRE     = regexp.MustCompile(`^how many other digits are (?:the (same)|o[fn] the same (color|background|style))\?$`)
	existsRE     = regexp.MustCompile(`^is there an? (.*)\?$`)
	whereRE      = regexp.MustCompile(`^where is the (.*)\?$`)
	largerRE     = regexp.MustCompile(`^is the digit at (.*) larger than the digit at (.*)\?$`)
	sameRE       = regexp.MustCompile(`^are the digits at (.*) and at (.*) o[fn] the same (color|background|style)\?$`)
	sumRE        = regexp.MustCompile(`^what is the sum of the digits at (.*) and at (.*)\?$`)
	attributesOf = map[string]string{
		"flat or stroke": "style", "same": "digit", "digit": "digit", "color": "color", "background": "background", "style": "style",
	}
)

func attributeIn(groups []string) string {
	for _, g := range groups {
		if a, ok := attributesOf[g]; ok {
			return a
		}
	}
	panic(fmt.Sprint("no attribute in ", groups))
}

func yes(b bool) string { return map[bool]string{true: "yes", false: "no"}[b] }

func (o *oracle) answer(q string) string {
	single := func(cells []int) {
		o.it = -1
		if len(cells) == 1 {
			o.it = cells[0]
		}
	}
	if m := sumRE.FindStringSubmatch(q); m != nil {
		return strconv.Itoa(int(o.Cells[o.cellAt(m[1])][0]) + int(o.Cells[o.cellAt(m[2])][0]))
	}
	if m := largerRE.FindStringSubmatch(q); m != nil {
		return yes(o.Cells[o.cellAt(m[1])][0] > o.Cells[o.cellAt(m[2])][0])
	}
	if m := sameRE.FindStringSubmatch(q); m != nil {
		return yes(o.name(o.cellAt(m[1]), m[3]) == o.name(o.cellAt(m[2]), m[3]))
	}
	if m := existsRE.FindStringSubmatch(q); m != nil {
		single(o.like(m[1]))
		return yes(len(o.like(m[1])) > 0)
	}
	if m := countRE.FindStringSubmatch(q); m != nil {
		single(o.like(m[1]))
		return strconv.Itoa(len(o.like(m[1])))
	}
	if m := othersRE.FindStringSubmatch(q); m != nil {
		n, a := -1, attributeIn(m[1:])
		for i := range o.Cells {
			if o.name(i, a) == o.name(o.it, a) {
				n++
			}
		}
		return strconv.Itoa(n)
	}
	if q == "where is it?" {
		return english.placeOf(o.it, o.Grid)
	}
	if m := whereRE.FindStringSubmatch(q); m != nil {
		single(o.like(m[1]))
		return english.placeOf(o.it, o.Grid)
	}
	if m := itRE.FindStringSubmatch(q); m != nil {
		return o.name(o.it, attributeIn(m[1:]))
	}
	if m := besideItRE.FindStringSubmatch(q); m != nil {
		o.it = o.beside(o.it, m[3])
		return o.name(o.it, attributeIn(m[1:]))
	}
	if m := referRE.FindStringSubmatch(q); m != nil {
		return o.name(o.beside(o.like(m[4])[0], m[3]), attributeIn(m[1:]))
	}
	if m := attributeRE.FindStringSubmatch(q); m != nil {
		return o.name(o.cellAt(m[3]), attributeIn(m[1:]))
	}
	panic("what is " + q)
}

// TestAnswers: the answers are right, by an oracle that reads the questions; those in Chinese are the same ones.
func TestAnswers(t *testing.T) {
	for _, grid := range []int{2, 3, 4} {
		set := load(t, func(s *Source) { s.Grid = grid })[data.Test]
		asked := map[string]int{}
		for i := range 300 {
			scene := set.Scene(i)
			in := func(l *language) asker { return asker{Scene: scene, l: l, r: rand.New(rand.NewPCG(1, uint64(i)))} }
			en, zh := in(&english), in(&chinese)
			for range 20 {
				q, other := en.ask(nil), zh.ask(nil)
				asked[q.Kind]++
				o := &oracle{scene, -1}
				if want := o.answer(q.Text); q.Answer != want {
					t.Fatalf("%s\n%q: %q, want %q", scene, q.Text, q.Answer, want)
				}
				if got := translate(other.Answer, grid); got != q.Answer || other.Language != "zh" || other.Kind != q.Kind {
					t.Fatalf("%s\n%q: %q, %q: %q", scene, q.Text, q.Answer, other.Text, other.Answer)
				}
			}
			o := &oracle{scene, -1}
			dialogue, other := en.dialogue(), zh.dialogue()
			for k, q := range dialogue {
				if want := o.answer(q.Text); q.Answer != want || translate(other[k].Answer, grid) != want {
					t.Fatalf("%s\n%v\n%d: %q: %q, want %q", scene, dialogue, k, q.Text, q.Answer, want)
				}
			}
			if len(dialogue) != Rounds {
				t.Fatalf("%d rounds", len(dialogue))
			}
		}
		if len(asked) != len(Kinds()) {
			t.Errorf("grid %d: only %v were asked", grid, asked)
		}
	}
}

// TestCounted: a count, and nothing else, says which cells it counts, as many as its answer.
func TestCounted(t *testing.T) {
	set := load(t, func(s *Source) { s.Grid = 3 })[data.Test]
	counts := 0
	for i := range 300 {
		for _, q := range append(set.Questions(i, 10, nil), set.Dialogue(i, nil)...) {
			if (q.Kind == AskCount) != (q.Counted != nil) {
				t.Fatalf("%+v", q)
			}
			if q.Kind != AskCount {
				continue
			}
			counts++
			if strconv.Itoa(len(q.Counted)) != q.Answer {
				t.Errorf("%s\n%q: %q, and counts %v", set.Scene(i), q.Text, q.Answer, q.Counted)
			}
		}
	}
	if counts < 300 {
		t.Errorf("only %d counts", counts)
	}
}

// translate turns a Chinese answer into the English one.
func translate(answer string, grid int) string {
	zh, en := chinese.answers(grid), english.answers(grid)
	if i := slices.Index(zh, answer); i >= 0 {
		return en[i]
	}
	return answer
}

// answers are those that the language has words for.
func (l *language) answers(grid int) []string {
	list := slices.Concat(l.colors[:], l.papers[:], l.styles[:], []string{l.yes, l.no})
	for i := range grid * grid {
		list = append(list, l.placeOf(i, grid))
	}
	return list
}

// TestAnswerList: every answer is on the list that a model ranks, which has none twice.
func TestAnswerList(t *testing.T) {
	for _, grid := range []int{2, 4} {
		list, err := Answers(grid, Languages())
		if err != nil {
			t.Fatal(err)
		}
		if sorted := slices.Sorted(slices.Values(list)); len(slices.Compact(sorted)) != len(list) {
			t.Errorf("answers twice: %v", list)
		}
		set := load(t, func(s *Source) { s.Grid = grid })[data.Validation]
		for i := range 300 {
			for _, q := range append(set.Questions(i, 10, nil), set.Dialogue(i, nil)...) {
				if !slices.Contains(list, q.Answer) {
					t.Fatalf("%q has the answer %q, which is not on the list", q.Text, q.Answer)
				}
			}
		}
	}
	if _, err := Answers(2, []string{"fr"}); err == nil || !strings.Contains(err.Error(), `"fr": there are en, zh`) {
		t.Errorf("error %v", err)
	}
}
