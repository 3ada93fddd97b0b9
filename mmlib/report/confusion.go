package report

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot/vg"
)

// Confusion counts how often an example of one class was taken for another. Right answers, on the diagonal, are blue. Errors
// are orange, by the logarithm of their number: beside 1,000 right answers a linear colour would hide 5 wrong ones. The last
// column is each class's recall, the last row its precision.
type Confusion struct {
	Title   string
	Classes []string
	Counts  [][]int // [true class][predicted class]
	Words   Words
	Alt     string // what the picture says, for those who cannot see it; a summary of the counts when empty
}

// Words are those beside a [Confusion], for other languages; English where empty.
type Words struct{ Shows, Says, Recall, Precision string }

func (c Confusion) name() string { return fmt.Sprintf("confusion matrix %q", c.Title) }

func (c Confusion) validate() error {
	if err := checkGrid(c.name(), c.Counts, len(c.Classes), len(c.Classes)); err != nil {
		return err
	}
	for i, row := range c.Counts {
		for j, n := range row {
			if n < 0 {
				return fmt.Errorf("report: %s: class %q taken for %q %d times; a count cannot be negative",
					c.name(), c.Classes[i], c.Classes[j], n)
			}
		}
	}
	if _, total := c.correct(); total == 0 {
		return fmt.Errorf("report: %s counts no examples; leave it out", c.name())
	}
	return nil
}

// Caption is what stands above the drawing, which does not hold it.
func (c Confusion) Caption() string { return c.Title }

// SVG returns the matrix as a picture of its own, without background.
func (c Confusion) SVG() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c.heatmap().svg(c.name())
}

func (c Confusion) size() (width, height vg.Length) { return c.heatmap().size() }

// correct counts the examples on the diagonal, and all.
func (c Confusion) correct() (right, total int) {
	for i, row := range c.Counts {
		right += row[i]
		total += sum(row)
	}
	return right, total
}

// worst returns the most frequent error; count is 0 when there is none.
func (c Confusion) worst() (truth, predicted, count int) {
	for i, row := range c.Counts {
		for j, n := range row {
			if i != j && n > count {
				truth, predicted, count = i, j, n
			}
		}
	}
	return truth, predicted, count
}

// summary says in one sentence what the picture shows.
func (c Confusion) summary() string {
	right, total := c.correct()
	s := fmt.Sprintf("%s of %s examples are right", count(right), count(total))
	if truth, predicted, n := c.worst(); n > 0 {
		s += fmt.Sprintf("; the most frequent error is %s taken for %s, %s times", c.Classes[truth], c.Classes[predicted], count(n))
	}
	return s + "."
}

func (c Confusion) heatmap() heatmap {
	n := len(c.Classes)
	g := heatmap{
		rows:    append(c.Classes[:n:n], either(c.Words.Precision, "precision")),
		columns: append(c.Classes[:n:n], either(c.Words.Recall, "recall")),
		rowsAre: either(c.Words.Shows, "the picture shows"), columnsAre: either(c.Words.Says, "the model says"),
	}
	_, _, worst := c.worst()
	for i, row := range c.Counts {
		for j, k := range row {
			g.cells = append(g.cells, cell{
				row: i, column: j, fill: c.colour(i, j, worst), ink: ink, text: countOrDot(k), bold: i == j,
			})
		}
		column := 0
		for _, other := range c.Counts {
			column += other[i]
		}
		g.cells = append(g.cells,
			cell{row: i, column: n, ink: muted, text: share(row[i], sum(row))},
			cell{row: n, column: i, ink: muted, text: share(row[i], column)})
	}
	return g
}

// colour is blue on the diagonal, orange for errors by the logarithm of their number, and nothing for none.
func (c Confusion) colour(truth, predicted, worst int) color.NRGBA {
	n := c.Counts[truth][predicted]
	switch {
	case truth == predicted:
		return fade(blue, 0.22)
	case n == 0:
		return color.NRGBA{}
	}
	return fade(vermilion, 0.15+0.6*math.Log1p(float64(n))/math.Log1p(float64(worst)))
}

func countOrDot(n int) string {
	if n == 0 {
		return "·"
	}
	return strconv.Itoa(n)
}

// share writes part of whole as a percentage that fits a cell.
func share(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// count writes a number with commas between the thousands.
func count(n int) string { return thousands(strconv.Itoa(n)) }

func sum(counts []int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}
