package report

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
)

// Matrix is a heat map with its numbers written into the cells, for example the similarity of pictures and captions. Dark
// is low and bright is high, whatever the values are; [SameScale] gives several matrices the same colours.
type Matrix struct {
	Title      string
	RowsAre    string // what a row is: "mean picture of the class"
	ColumnsAre string // what a column is: "caption"
	Rows       []string
	Columns    []string
	Values     [][]float64 // [row][column]
	Low, High  float64     // the darkest and the brightest value; those of Values when both are 0
	Format     string      // of a value; "%.2f" when empty
	Diagonal   bool        // frame the cells of the diagonal, where the matching pairs stand
	Alt        string      // what the picture says, for those who cannot see it; the title when empty
}

func (m Matrix) name() string { return fmt.Sprintf("matrix %q", m.Title) }

func (m Matrix) validate() error {
	if err := checkGrid(m.name(), m.Values, len(m.Rows), len(m.Columns)); err != nil {
		return err
	}
	for i, row := range m.Values {
		for j, v := range row {
			if err := drawable(fmt.Sprintf("%s: the value of row %q, column %q,", m.name(), m.Rows[i], m.Columns[j]), v); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkGrid refuses values that are not rows × columns or too many to draw.
func checkGrid[T any](name string, values [][]T, rows, columns int) error {
	const most = 64
	switch {
	case len(values) == 0 || rows == 0 || columns == 0:
		return fmt.Errorf("report: %s is empty: %d rows of values, %d row labels, %d column labels; leave it out",
			name, len(values), rows, columns)
	case len(values) != rows:
		return fmt.Errorf("report: %s has %d rows of values but %d row labels", name, len(values), rows)
	case rows > most || columns > most:
		return fmt.Errorf("report: %s is %d × %d, too large to read; show at most %d × %d of it", name, rows, columns, most, most)
	}
	for i, row := range values {
		if len(row) != columns {
			return fmt.Errorf("report: %s: row %d has %d values but there are %d column labels", name, i, len(row), columns)
		}
	}
	return nil
}

// Caption is what stands above the drawing, which does not hold it.
func (m Matrix) Caption() string { return m.Title }

// SVG returns the heat map as a picture of its own, without background.
func (m Matrix) SVG() ([]byte, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m.heatmap().svg(m.name())
}

func (m Matrix) size() (width, height vg.Length) { return m.heatmap().size() }

func (m Matrix) heatmap() heatmap {
	g := heatmap{rows: m.Rows, columns: m.Columns, rowsAre: m.RowsAre, columnsAre: m.ColumnsAre}
	low, high := m.Low, m.High
	if low == 0 && high == 0 {
		low, high = m.Values[0][0], m.Values[0][0]
		for _, row := range m.Values {
			low, high = min(low, slices.Min(row)), max(high, slices.Max(row))
		}
	}
	format := m.Format
	if format == "" {
		format = "%.2f"
	}
	for i, row := range m.Values {
		for j, v := range row {
			fill := viridisAt(0.5)
			if high > low {
				fill = viridisAt(min(max((v-low)/(high-low), 0), 1))
			}
			g.cells = append(g.cells, cell{
				row: i, column: j, fill: fill, ink: inkOn(fill), text: withoutMinusZero(fmt.Sprintf(format, v)), framed: m.Diagonal && i == j,
			})
		}
	}
	return g
}

// withoutMinusZero writes -0.00 as 0.00: a number rounded to nothing has no sign.
func withoutMinusZero(number string) string {
	if strings.HasPrefix(number, "-") && strings.Trim(number, "-0.") == "" {
		return number[1:]
	}
	return number
}
