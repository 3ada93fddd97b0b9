// Package scenes makes pictures with something to talk about: handwritten digits of MNIST in a grid, each of a color, on a
// background, in a style, and beside the picture captions, questions with answers, and dialogues, in English and Chinese.
//
// It follows MNIST Dialog (Seo et al. 2017, Visual Reference Resolution using Attention Memory for Visual Dialog,
// arXiv:1709.07992, §4.1): 4×4 cells of 28×28 pixels; 2×2 cells are for short training. A cell has four attributes:
//
//	digit        0 to 9, a picture of MNIST
//	color        red, blue, green, purple, brown
//	background   cyan, yellow, white, silver, salmon
//	style        flat: the digit filled; stroke: its outline
//
// Everything is a function of a seed and the number of the scene, and is made when it is asked for: nothing is stored.
//
//	set.Scene(i)              the cells of scene i
//	set.Picture(dst, i, r)    its pixels, as numbers for a model
//	set.Caption(i, r)         a sentence that names all that is to be seen; [ParseCaption] reads it back
//	set.Questions(i, n, r)    n questions with their answers, of the kinds of [Kinds]
//	set.Dialogue(i, r)        ten questions, of which later ones refer to what earlier ones spoke of
//
// Scenes for training are drawn with MNIST's training digits, those for validation with digits held out of it, those for test
// with MNIST's test digits. [Source] has the settings, among them pairs of digit and color that training never shows.
// questions.Blind answers them without the picture; what it reaches is what a model must beat. Taught by 20,000 scenes it gives this
// share of right answers, in English (TestBlind has them by kind):
//
//	             2×2      4×4
//	questions    34.8 %   28.4 %
//	dialogues    36.2 %   24.6 %
//
// [FilmSource] makes films of
// moving digits.
package scenes

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Attribute is one of the four things that a cell has.
type Attribute int

// The attributes.
const (
	Digit Attribute = iota
	Color
	Background
	Style
)

// colors reports whether the attribute is a color, which cannot be told in gray.
func colors(a Attribute) bool { return a == Color || a == Background }

// NumAttributes is the number of attributes.
const NumAttributes = 4

// Values is the number of values that the attribute has.
func (a Attribute) Values() int { return [NumAttributes]int{10, 5, 5, 2}[a] }

// String names the attribute.
func (a Attribute) String() string {
	return [NumAttributes]string{"digit", "color", "background", "style"}[a]
}

// Value names a value of the attribute in English: "7", "red".
func (a Attribute) Value(v int) string { return english.value(a, v) }

// Cell is one square of a scene: a value of each attribute.
type Cell [NumAttributes]uint8

// Scene is a grid of cells.
type Scene struct {
	Grid  int    // cells along one side
	Cells []Cell // Grid·Grid, row by row from the top left

	digits []int32 // the picture of each cell's digit among those of the split
}

// String describes the scene in a line: "0 red/cyan/flat, …".
func (s Scene) String() string {
	cells := make([]string, len(s.Cells))
	for i, c := range s.Cells {
		name := func(a Attribute) string { return a.Value(int(c[a])) }
		cells[i] = fmt.Sprintf("%s %s/%s/%s", name(Digit), name(Color), name(Background), name(Style))
	}
	return strings.Join(cells, ", ")
}

// neighbor is the cell in a direction from cell i, or -1 behind the edge.
func (s Scene) neighbor(i int, d direction) int {
	row, column := i/s.Grid+steps[d][0], i%s.Grid+steps[d][1]
	if row < 0 || row >= s.Grid || column < 0 || column >= s.Grid {
		return -1
	}
	return row*s.Grid + column
}

// direction is where a neighbor lies.
type direction int

const (
	left direction = iota
	right
	above
	below
	numDirections
)

// steps are the rows and columns to go.
var steps = [numDirections][2]int{left: {0, -1}, right: {0, 1}, above: {-1, 0}, below: {1, 0}}

// heldOut reports whether the pair of a digit and a color is among the pairs held out of training: for each digit as many
// colors as pairs/10, others for the next digit, so that every color is held out equally often.
func heldOut(digit, color, pairs int) bool {
	n := Color.Values()
	return (color-digit%n+n)%n < pairs/Digit.Values()
}

// heldOutPlace reports the same of a color and the cell where it is, of so many pairs in a grid of so many cells.
func heldOutPlace(color, cell, pairs, cells int) bool {
	n := Color.Values()
	return (color-cell%n+n)%n < pairs/cells
}

// draw draws the scene's cells. labels are the digits of the split; with unseen, all pairs of digit and color, or of color and place,
// are held out ones, otherwise none is.
func draw(r *rand.Rand, source *Source, labels []byte, unseen bool) Scene {
	n := source.Grid * source.Grid
	never := func(digit, color, cell int) bool {
		if source.HeldOutPlaces > 0 {
			return heldOutPlace(color, cell, source.HeldOutPlaces, n)
		}
		return heldOut(digit, color, source.HeldOutPairs)
	}
	s := Scene{Grid: source.Grid, Cells: make([]Cell, n), digits: make([]int32, n)}
	for i := range s.Cells {
		at := r.IntN(len(labels))
		digit := int(labels[at])
		color := r.IntN(Color.Values())
		for never(digit, color, i) != unseen {
			color = r.IntN(Color.Values())
		}
		s.digits[i] = int32(at)
		s.Cells[i] = Cell{uint8(digit), uint8(color), uint8(r.IntN(Background.Values())), uint8(r.IntN(Style.Values()))}
	}
	return s
}
