package scenes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fact is one thing that can be said of a scene: the value of an attribute of a cell.
type Fact struct {
	Cell      int
	Attribute Attribute
	Value     int
}

// Facts lists all facts of a scene, four for each cell.
func (s Scene) Facts() []Fact {
	var facts []Fact
	for i, c := range s.Cells {
		for a, v := range c {
			facts = append(facts, Fact{i, Attribute(a), int(v)})
		}
	}
	return facts
}

// NumCaptions is the number of captions that a scene has in a language, besides the order in which they name the cells.
const NumCaptions = 3

// caption is the scene's caption of the given number, which names the cells in the given order.
func (l *language) caption(s Scene, number int, order []int) string {
	parts := make([]string, len(order))
	for k, i := range order {
		c := s.Cells[i]
		word := func(a Attribute) string { return l.value(a, int(c[a])) }
		parts[k] = fmt.Sprintf(l.cells[number]+"%.0[5]s%.0[6]s", // which not all captions have
			word(Digit), word(Color), word(Background), word(Style), l.placeOf(i, s.Grid), l.atPlace(i, s.Grid))
	}
	return strings.Join(parts, l.join)
}

// drawCaption draws a caption in the language, of one of the numbers.
func (l *language) drawCaption(s Scene, shuffle bool, numbers []int, r *rand.Rand) string {
	order := s.reading()
	if shuffle {
		order = r.Perm(len(order))
	}
	return l.caption(s, numbers[r.IntN(len(numbers))], order)
}

// reading is the order of reading: row by row.
func (s Scene) reading() []int {
	order := make([]int, len(s.Cells))
	for i := range order {
		order[i] = i
	}
	return order
}

// ParseCaption reads the facts that a caption states, in either language, each once and in the order of cells and attributes.
// It is made for what models write: what it cannot read it leaves out, and contradictions are all returned.
func ParseCaption(caption string, grid int) []Fact {
	found := map[Fact]bool{}
	for _, clause := range strings.FieldsFunc(strings.ToLower(caption), func(r rune) bool { return r == ';' || r == '；' }) {
		for _, l := range tongues {
			cell, rest := l.findPlace(clause, grid)
			if cell < 0 {
				continue
			}
			for _, f := range l.values(rest) {
				f.Cell = cell
				found[f] = true
			}
		}
	}
	facts := make([]Fact, 0, len(found))
	for f := range found {
		facts = append(facts, f)
	}
	slices.SortFunc(facts, func(a, b Fact) int {
		return slices.Compare([]int{a.Cell, int(a.Attribute), a.Value}, []int{b.Cell, int(b.Attribute), b.Value})
	})
	return facts
}

// Clause is a part of a caption that tells of one cell.
type Clause struct {
	Text string // with the separator behind it; the clauses of a caption, one behind the other, are the caption
	Cell int    // -1 where it names none
}

// Clauses takes a caption apart.
func Clauses(caption string, grid int) []Clause {
	var list []Clause
	for caption != "" {
		end := strings.IndexAny(caption, ";；")
		if end < 0 {
			end = len(caption)
		} else {
			_, size := utf8.DecodeRuneInString(caption[end:])
			end += size
		}
		clause := Clause{Text: caption[:end], Cell: -1}
		for _, l := range tongues {
			if clause.Cell < 0 {
				clause.Cell, _ = l.findPlace(strings.ToLower(clause.Text), grid)
			}
		}
		list, caption = append(list, clause), caption[end:]
	}
	return list
}

// findPlace looks for the name of a cell and returns the clause without it; -1 for none.
func (l *language) findPlace(clause string, grid int) (cell int, rest string) {
	for i := range grid * grid {
		if before, after, ok := strings.Cut(clause, l.placeOf(i, grid)); ok {
			return i, before + " " + after
		}
	}
	return -1, clause
}

// values lists the values named in a clause. Longer names go first, so that 橙红色 is not taken for 红色 as well.
func (l *language) values(clause string) []Fact {
	var facts []Fact
	type named struct {
		word string
		fact Fact
	}
	var names []named
	for _, a := range []Attribute{Color, Background, Style} {
		for v := range a.Values() {
			names = append(names, named{l.value(a, v), Fact{Attribute: a, Value: v}})
		}
	}
	slices.SortStableFunc(names, func(a, b named) int { return len(b.word) - len(a.word) })
	for _, n := range names {
		if before, after, ok := strings.Cut(clause, n.word); ok {
			facts, clause = append(facts, n.fact), before+" "+after
		}
	}
	for _, word := range strings.FieldsFunc(clause, func(r rune) bool { return !unicode.IsDigit(r) }) {
		if v, err := strconv.Atoi(word); err == nil && v < Digit.Values() {
			facts = append(facts, Fact{Attribute: Digit, Value: v})
		}
	}
	return facts
}

// Facts compares a caption with scene i: how many facts it states, how many of them are right, and how many there are.
func (s *Set) Facts(i int, caption string) (right, stated, present int) {
	scene := s.Scene(i)
	said := ParseCaption(caption, scene.Grid)
	for _, f := range said {
		if int(scene.Cells[f.Cell][f.Attribute]) == f.Value {
			right++
		}
	}
	return right, len(said), len(scene.Cells) * NumAttributes
}

// LongestCaptions returns captions of which one is as long as any of the set's by a measure of texts, such as their number of tokens. The
// measure of a caption must be the sum of those of its cells with what joins them.
func (s *Set) LongestCaptions(size func(string) (int, error)) ([]string, error) {
	var list []string
	cells := s.source.Grid * s.source.Grid
	for _, l := range s.tongues {
		for n := range NumCaptions {
			longest := Scene{Grid: s.source.Grid, Cells: make([]Cell, cells)}
			for i := range cells {
				most, scene := -1, Scene{Grid: s.source.Grid, Cells: make([]Cell, cells)}
				for c := range everyCell {
					scene.Cells[i] = c
					x, err := size(l.join + l.caption(scene, n, []int{i}))
					if err != nil {
						return nil, err
					}
					if x > most {
						most, longest.Cells[i] = x, c
					}
				}
			}
			for first := range cells { // nothing joins the first one to others
				order := longest.reading()
				order[0], order[first] = first, 0
				list = append(list, l.caption(longest, n, order))
				if !s.source.Shuffle {
					break
				}
			}
		}
	}
	return list, nil
}

// everyCell goes through all values of all attributes.
func everyCell(yield func(Cell) bool) {
	var c Cell
	for {
		if !yield(c) {
			return
		}
		a := 0
		for ; a < NumAttributes; a++ { // counts up, as a number whose digits are the values
			if c[a]++; int(c[a]) < Attribute(a).Values() {
				break
			}
			c[a] = 0
		}
		if a == NumAttributes {
			return
		}
	}
}
