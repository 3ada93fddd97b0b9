package scenes

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// language is how a language speaks of scenes. Phrases are fmt's, with the same arguments in every language.
type language struct {
	name    string
	colors  [5]string
	papers  [5]string // backgrounds
	styles  [2]string
	yes, no string
	digit   string    // what a digit is called whose value is not said
	corners [4]string // of 2×2 cells
	place   string    // of a cell of a larger grid: row, column
	at      [2]string // what a place becomes in a sentence, of 2×2 cells and of more
	to      [numDirections]string
	be      [NumAttributes]string // "how many digits are …"
	join    string                // between the parts of a caption
	cells   [3]string             // ways to put a cell into a caption: digit, color, background, style, place, at the place

	attribute   [NumAttributes]string // of a place
	count       string                // of digits that are …
	exists      string                // of a description
	larger      string                // place, place
	same        [NumAttributes]string // place, place; none for the digit
	where       string                // of a description
	sum         string                // place, place
	numbers     [10]string            // the digits in words
	lies        string                // digit, direction, digit: how two digits lie
	refer       [NumAttributes]string // description, direction
	it          [NumAttributes]string // the attribute of what was spoken of
	whereIsIt   string
	itsNeighbor [NumAttributes]string // direction
	others      [NumAttributes]string // how many others have the same
}

var english = language{
	name:    "en",
	colors:  [5]string{"red", "blue", "green", "purple", "brown"},
	papers:  [5]string{"cyan", "yellow", "white", "silver", "salmon"},
	styles:  [2]string{"flat", "stroke"},
	yes:     "yes",
	no:      "no",
	digit:   "digit",
	corners: [4]string{"top left", "top right", "bottom left", "bottom right"},
	place:   "row %d column %d",
	at:      [2]string{"at the %s", "at %s"},
	to:      [numDirections]string{"left of", "right of", "above", "below"},
	be:      [NumAttributes]string{"%s", "%s", "on %s", "%s"},
	join:    "; ",
	cells: [3]string{
		"a %[4]s %[2]s %[1]s on %[3]s %[6]s",
		"%[6]s, a %[2]s %[1]s on %[3]s, %[4]s",
		"%[5]s: %[1]s, %[2]s on %[3]s, %[4]s",
	},
	attribute: [NumAttributes]string{
		"what digit is %s?", "what color is the digit %s?", "what is the background %s?", "is the digit %s flat or stroke?",
	},
	count:  "how many digits are %s?",
	exists: "is there %s?",
	larger: "is the digit %s larger than the digit %s?",
	same: [NumAttributes]string{
		"", "are the digits %s and %s of the same color?", "are the digits %s and %s on the same background?",
		"are the digits %s and %s of the same style?",
	},
	where:   "where is the %s?",
	sum:     "what is the sum of the digits %s and %s?",
	numbers: [10]string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
	lies:    "%[1]s %[2]s %[3]s",
	refer: [NumAttributes]string{
		"what digit is %[2]s the %[1]s?", "what color is the digit %[2]s the %[1]s?", "what is the background %[2]s the %[1]s?",
		"is the digit %[2]s the %[1]s flat or stroke?",
	},
	it:        [NumAttributes]string{"what digit is it?", "what color is it?", "what is its background?", "is it flat or stroke?"},
	whereIsIt: "where is it?",
	itsNeighbor: [NumAttributes]string{
		"what digit is %s it?", "what color is the digit %s it?", "what is the background %s it?", "is the digit %s it flat or stroke?",
	},
	others: [NumAttributes]string{
		"how many other digits are the same?", "how many other digits are of the same color?",
		"how many other digits are on the same background?", "how many other digits are of the same style?",
	},
}

var chinese = language{
	name:    "zh",
	colors:  [5]string{"红色", "蓝色", "绿色", "紫色", "棕色"},
	papers:  [5]string{"青色", "黄色", "白色", "银色", "橙红色"},
	styles:  [2]string{"实心", "描边"},
	yes:     "是",
	no:      "否",
	digit:   "数字",
	corners: [4]string{"左上", "右上", "左下", "右下"},
	place:   "第%d行第%d列",
	at:      [2]string{"%s", "%s"},
	to:      [numDirections]string{"左边", "右边", "上边", "下边"},
	be:      [NumAttributes]string{"%s", "%s的", "在%s背景上", "%s的"},
	join:    "；",
	cells: [3]string{
		"%[5]s是%[3]s背景上%[2]s的%[4]s%[1]s",
		"%[3]s背景上%[2]s的%[4]s%[1]s在%[5]s",
		"%[5]s：%[1]s，%[2]s，%[3]s背景，%[4]s",
	},
	attribute: [NumAttributes]string{"%s是什么数字？", "%s的数字是什么颜色？", "%s的背景是什么颜色？", "%s的数字是实心还是描边？"},
	count:     "有几个数字是%s？",
	exists:    "有%s吗？",
	larger:    "%s的数字比%s的大吗？",
	same:      [NumAttributes]string{"", "%s和%s的数字颜色相同吗？", "%s和%s的背景相同吗？", "%s和%s的数字样式相同吗？"},
	where:     "%s在哪里？",
	sum:       "%s和%s的数字之和是多少？",
	numbers:   [10]string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"},
	lies:      "%[1]s在%[3]s%[2]s",
	refer: [NumAttributes]string{
		"%s的%s是什么数字？", "%s的%s的数字是什么颜色？", "%s的%s的背景是什么颜色？", "%s的%s的数字是实心还是描边？",
	},
	it:          [NumAttributes]string{"它是什么数字？", "它是什么颜色？", "它的背景是什么颜色？", "它是实心还是描边？"},
	whereIsIt:   "它在哪里？",
	itsNeighbor: [NumAttributes]string{"它%s是什么数字？", "它%s的数字是什么颜色？", "它%s的背景是什么颜色？", "它%s的数字是实心还是描边？"},
	others: [NumAttributes]string{
		"还有几个数字相同？", "还有几个数字颜色相同？", "还有几个数字背景相同？", "还有几个数字样式相同？",
	},
}

// tongues are the languages that there are.
var tongues = []*language{&english, &chinese}

// Languages lists the languages: "en", "zh".
func Languages() []string { return []string{english.name, chinese.name} }

func lookup(name string) (*language, error) {
	for _, l := range tongues {
		if l.name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("the language is %q: there are %s", name, strings.Join(Languages(), ", "))
}

// value names a value of an attribute.
func (l *language) value(a Attribute, v int) string {
	switch a {
	case Color:
		return l.colors[v]
	case Background:
		return l.papers[v]
	case Style:
		return l.styles[v]
	}
	return strconv.Itoa(v)
}

// placeOf names the place of a cell: "top left", "row 2 column 3".
func (l *language) placeOf(cell, grid int) string {
	if grid == 2 {
		return l.corners[cell]
	}
	return fmt.Sprintf(l.place, cell/grid+1, cell%grid+1)
}

// atPlace is the place as a sentence has it: "at the top left".
func (l *language) atPlace(cell, grid int) string {
	if grid == 2 {
		return fmt.Sprintf(l.at[0], l.placeOf(cell, grid))
	}
	return fmt.Sprintf(l.at[1], l.placeOf(cell, grid))
}

func (l *language) answer(yes bool) string {
	if yes {
		return l.yes
	}
	return l.no
}

// description names a digit by some of its attributes.
type description struct {
	of  [NumAttributes]bool
	are Cell
}

// fits reports whether a cell is described.
func (d description) fits(c Cell) bool {
	for a, of := range d.of {
		if of && c[a] != d.are[a] {
			return false
		}
	}
	return true
}

// some is a noun with its article: "an 8", "a red 8"; Chinese has none.
func (l *language) some(noun string) string {
	switch {
	case l != &english:
		return noun
	case strings.HasPrefix(noun, "8"):
		return "an " + noun
	}
	return "a " + noun
}

// noun puts a description into words: "stroke red 7 on cyan".
func (l *language) noun(d description) string {
	word := func(a Attribute) string { return l.value(a, int(d.are[a])) }
	head := l.digit
	if d.of[Digit] {
		head = word(Digit)
	}
	if l == &chinese {
		var s string
		if d.of[Background] {
			s += word(Background) + "背景上的"
		}
		if d.of[Color] {
			s += word(Color) + "的"
		}
		if d.of[Style] {
			s += word(Style) + "的"
		}
		return s + head
	}
	var parts []string
	for _, a := range []Attribute{Style, Color} {
		if d.of[a] {
			parts = append(parts, word(a))
		}
	}
	s := strings.Join(append(parts, head), " ")
	if d.of[Background] {
		s += " on " + word(Background)
	}
	return s
}

// Vocabulary returns texts that together have every word of the captions, questions and answers in the set's languages, for grids
// of any size.
func (s *Set) Vocabulary() []string {
	var texts []string
	for _, l := range s.tongues {
		texts = append(texts, l.yes, l.no, l.digit, l.join, "a", "an")
		for a := range Attribute(NumAttributes) {
			for v := range a.Values() {
				texts = append(texts, l.value(a, v), fmt.Sprintf(l.be[a], l.value(a, v)))
			}
			for _, form := range []string{l.attribute[a], l.same[a], l.refer[a], l.it[a], l.itsNeighbor[a], l.others[a]} {
				texts = append(texts, verbs.ReplaceAllString(form, " "))
			}
		}
		for _, form := range append(l.cells[:], l.place, l.at[0], l.at[1], l.count, l.exists, l.larger, l.where, l.sum, l.whereIsIt, l.lies) {
			texts = append(texts, verbs.ReplaceAllString(form, " "))
		}
		texts = slices.Concat(texts, l.to[:], l.corners[:])
		if s.source.Relations > 0 {
			texts = append(texts, l.numbers[:]...)
		}
		texts = append(texts, l.noun(description{of: [NumAttributes]bool{true, true, true, true}}))
	}
	for n := range 2*9 + 1 {
		texts = append(texts, strconv.Itoa(n)) // sums, counts, rows
	}
	return texts
}

// verbs are those of fmt in a phrase.
var verbs = regexp.MustCompile(`%(\[\d\])?[sd]`)
