package scenes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"gomm/mmlib/data/questions"
)

// The kinds of questions.
const (
	AskAttribute  = "attribute"  // what color is the digit at the top left?
	AskCount      = "count"      // how many digits are red?
	AskExistence  = "existence"  // is there a red 7?
	AskComparison = "comparison" // are the digits at … and … of the same color?
	AskPosition   = "position"   // where is the red 7?
	AskReference  = "reference"  // what color is the digit left of the red 7? in a dialogue: what color is it?
	AskSum        = "sum"        // what is the sum of the digits at … and …?
)

// Kinds lists the kinds of questions.
func Kinds() []string {
	return []string{AskAttribute, AskCount, AskExistence, AskComparison, AskPosition, AskReference, AskSum}
}

// asker makes questions about a scene in a language.
type asker struct {
	Scene
	l    *language
	r    *rand.Rand
	gray bool // the scene is drawn in gray: nothing is said of colors

	pairs int // of digit and color that are held out, and not asked for
}

// ask draws a question, of each of the kinds as often as it is listed. Some kinds fit few scenes: where a description names no single
// digit, another kind is drawn, and after many tries in vain any.
func (a asker) ask(kinds []string) questions.Question {
	ways := map[string]func() (questions.Question, bool){
		AskAttribute: a.attribute, AskCount: a.count, AskExistence: a.existence, AskComparison: a.comparison, AskPosition: a.position,
		AskReference: a.reference, AskSum: a.sum,
	}
	const many = 100
	for tries := 0; ; tries++ {
		if tries == many || len(kinds) == 0 {
			kinds = Kinds()
		}
		if q, ok := ways[kinds[a.r.IntN(len(kinds))]](); ok {
			q.Language = a.l.name
			return q
		}
	}
}

func (a asker) at(cell int) string               { return a.l.atPlace(cell, a.Grid) }
func (a asker) value(of Attribute, i int) string { return a.l.value(of, int(a.Cells[i][of])) }
func (a asker) anyCell() int                     { return a.r.IntN(len(a.Cells)) }

// anyAttribute draws one that can be seen.
func (a asker) anyAttribute() Attribute {
	if a.gray {
		return [...]Attribute{Digit, Style}[a.r.IntN(2)]
	}
	return Attribute(a.r.IntN(NumAttributes))
}

// twoCells draws two different cells.
func (a asker) twoCells() (int, int) {
	i := a.anyCell()
	j := (i + 1 + a.r.IntN(len(a.Cells)-1)) % len(a.Cells)
	return i, j
}

func (a asker) attribute() (questions.Question, bool) {
	i, of := a.anyCell(), a.anyAttribute()
	return questions.Question{
		Kind: AskAttribute, About: of.String(), Text: fmt.Sprintf(a.l.attribute[of], a.at(i)), Answer: a.value(of, i), Cells: []int{i},
	}, true
}

func (a asker) count() (questions.Question, bool) {
	of, v := a.anyValue()
	return a.howMany(of, v), true
}

// anyValue draws a value; in two of three cases one that the scene has, so that not most counts are 0.
func (a asker) anyValue() (of Attribute, v int) {
	of = a.anyAttribute()
	if a.r.IntN(3) > 0 {
		return of, int(a.Cells[a.anyCell()][of])
	}
	return of, a.r.IntN(of.Values())
}

func (a asker) howMany(of Attribute, v int) questions.Question {
	what := fmt.Sprintf(a.l.be[of], a.l.value(of, v))
	return a.counting(of, fmt.Sprintf(a.l.count, what), a.having(of, v))
}

// counting is the question how many cells are those given.
func (a asker) counting(of Attribute, text string, cells []int) questions.Question {
	return questions.Question{
		Kind: AskCount, About: of.String(), Text: text, Answer: strconv.Itoa(len(cells)), Cells: a.reading(), Counted: append([]int{}, cells...),
	}
}

// having lists the cells with a value.
func (a asker) having(of Attribute, v int) []int {
	var d description
	d.of[of], d.are[of] = true, uint8(v)
	return a.described(d)
}

func (a asker) existence() (questions.Question, bool) {
	return a.exists(a.anyDescription()), true
}

func (a asker) exists(d description) questions.Question {
	found := a.described(d)
	q := questions.Question{
		Kind: AskExistence, Text: fmt.Sprintf(a.l.exists, a.l.some(a.l.noun(d))), Answer: a.l.answer(len(found) > 0), Cells: found,
	}
	if len(found) == 0 {
		q.Cells = a.reading()
	}
	return q
}

// anyDescription describes something that is there as often as something that is not.
func (a asker) anyDescription() description {
	d := a.drawDescription(a.Cells[a.anyCell()])
	if there := a.r.IntN(2) == 0; there {
		return d
	}
	for range 20 {
		for of := range d.are {
			d.are[of] = uint8(a.r.IntN(Attribute(of).Values()))
		}
		if pair := d.of[Digit] && d.of[Color] && heldOut(int(d.are[Digit]), int(d.are[Color]), a.pairs); !pair && len(a.described(d)) == 0 {
			break
		}
	}
	return d
}

// drawDescription describes a cell by one or two of its attributes.
func (a asker) drawDescription(c Cell) description {
	d := description{are: c}
	d.of[a.anyAttribute()] = true
	d.of[a.anyAttribute()] = true
	return d
}

// described lists the cells that fit.
func (a asker) described(d description) []int {
	var found []int
	for i, c := range a.Cells {
		if d.fits(c) {
			found = append(found, i)
		}
	}
	return found
}

// unique describes a cell so that no other fits, by attributes in a random order until one suffices.
func (a asker) unique(cell int) (description, bool) {
	d := description{are: a.Cells[cell]}
	for _, of := range a.r.Perm(NumAttributes) {
		if a.gray && colors(Attribute(of)) {
			continue
		}
		d.of[of] = true
		if len(a.described(d)) == 1 {
			return d, true
		}
	}
	return d, false
}

// comparison looks for a pair of cells with the answer that a coin has chosen.
func (a asker) comparison() (questions.Question, bool) {
	of, want := a.anyAttribute(), a.r.IntN(2) == 0
	compare := func(i, j int) bool {
		if of == Digit {
			return a.Cells[i][of] > a.Cells[j][of]
		}
		return a.Cells[i][of] == a.Cells[j][of]
	}
	i, j := a.twoCells()
	for range 20 {
		if compare(i, j) == want {
			break
		}
		i, j = a.twoCells()
	}
	text := a.l.same[of]
	if of == Digit {
		text = a.l.larger
	}
	return questions.Question{
		Kind: AskComparison, About: of.String(), Text: fmt.Sprintf(text, a.at(i), a.at(j)), Answer: a.l.answer(compare(i, j)),
		Cells: []int{i, j},
	}, true
}

func (a asker) position() (questions.Question, bool) {
	i := a.anyCell()
	d, ok := a.unique(i)
	return a.whereIs(d, i), ok
}

func (a asker) whereIs(d description, cell int) questions.Question {
	return questions.Question{
		Kind: AskPosition, Text: fmt.Sprintf(a.l.where, a.l.noun(d)), Answer: a.l.placeOf(cell, a.Grid), Cells: []int{cell},
	}
}

func (a asker) reference() (questions.Question, bool) {
	i := a.anyCell()
	to := direction(a.r.IntN(int(numDirections)))
	j := a.neighbor(i, to)
	d, ok := a.unique(i)
	if j < 0 || !ok {
		return questions.Question{}, false
	}
	of := a.anyAttribute()
	return questions.Question{
		Kind: AskReference, About: of.String(), Text: fmt.Sprintf(a.l.refer[of], a.l.noun(d), a.l.to[to]), Answer: a.value(of, j),
		Cells: []int{j},
	}, true
}

func (a asker) sum() (questions.Question, bool) {
	i, j := a.twoCells()
	return questions.Question{
		Kind: AskSum, About: Digit.String(), Text: fmt.Sprintf(a.l.sum, a.at(i), a.at(j)),
		Answer: strconv.Itoa(int(a.Cells[i][Digit]) + int(a.Cells[j][Digit])), Cells: []int{i, j},
	}, true
}

// Answers lists every answer that a question about a grid can have in the languages, without duplicates, in a fixed order: the
// list that a model ranks.
func Answers(grid int, languages []string) ([]string, error) {
	var list []string
	add := func(s string) {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for n := range 2*9 + 1 {
		add(strconv.Itoa(n)) // sums, digits, counts
	}
	for _, name := range languages {
		l, err := lookup(name)
		if err != nil {
			return nil, fmt.Errorf("scenes: %w", err)
		}
		for a := range Attribute(NumAttributes) {
			for v := range a.Values() {
				add(l.value(a, v))
			}
		}
		add(l.yes)
		add(l.no)
		for cell := range grid * grid {
			add(l.placeOf(cell, grid))
		}
	}
	return list, nil
}
