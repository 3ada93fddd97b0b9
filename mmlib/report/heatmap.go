package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// heatmap is a table of coloured square cells with labels on the left and below: what Matrix and Confusion have in common.
type heatmap struct {
	rows, columns       []string
	rowsAre, columnsAre string
	cells               []cell
}

type cell struct {
	row, column int // row 0 is on top
	fill, ink   color.NRGBA
	text        string
	bold        bool
	framed      bool
}

// Sizes in points.
const (
	cellSide  = 44 // of a cell; less where there are many
	cellsSide = 520
	labelSize = 11
	labelGap  = 8  // between labels and cells
	axisTitle = 18 // the strip of an axis's title
	rim       = 3
)

// side is the length of a cell's side.
func (g heatmap) side() vg.Length {
	return min(cellSide, cellsSide/vg.Length(max(len(g.rows), len(g.columns))))
}

// slanted reports whether the labels under the columns are too wide to stand level.
func (g heatmap) slanted() bool { return widest(g.columns) > g.side()-4 }

// left is the width of what stands on the left of the cells: row labels, title, and slanted labels that lean out.
func (g heatmap) left() vg.Length {
	width := widest(g.rows) + labelGap + rim
	if g.rowsAre != "" {
		width += axisTitle
	}
	if g.slanted() {
		for i, label := range g.columns {
			lean := widest([]string{label})*math.Sqrt2/2 + labelSize - (vg.Length(i)+0.5)*g.side()
			width = max(width, lean+rim)
		}
	}
	return width
}

// below is the height of what stands under the cells.
func (g heatmap) below() vg.Length {
	height := vg.Length(labelGap + labelSize + rim)
	if g.slanted() {
		height = widest(g.columns)*math.Sqrt2/2 + labelGap + labelSize
	}
	if g.columnsAre != "" {
		height += axisTitle
	}
	return height
}

// size is that of the whole drawing.
func (g heatmap) size() (width, height vg.Length) {
	return g.left() + g.side()*vg.Length(len(g.columns)) + rim, g.below() + g.side()*vg.Length(len(g.rows)) + rim
}

// widest is the width of the widest label, and an eighth more: whoever shows the SVG may have wider letters than Liberation's.
func widest(labels []string) vg.Length {
	style, width := letters(labelSize, ink, draw.XLeft, draw.YBottom), vg.Length(0)
	for _, l := range labels {
		width = max(width, style.Width(l))
	}
	return width * 9 / 8
}

func (g heatmap) svg(name string) ([]byte, error) {
	width, height := g.size()
	return drawSVG(name, width, height, func(canvas draw.Canvas) error {
		for _, c := range g.cells {
			c.draw(canvas, g.middle(c.row, c.column), g.side())
		}
		g.drawLabels(canvas)
		g.drawTitles(canvas)
		return nil
	})
}

// middle is the centre of a cell, measured from the lower left corner of the drawing.
func (g heatmap) middle(row, column int) vg.Point {
	return vg.Point{
		X: g.left() + (vg.Length(column)+0.5)*g.side(),
		Y: g.below() + (vg.Length(len(g.rows)-1-row)+0.5)*g.side(),
	}
}

// draw fills the cell, a hair's breadth smaller than its place, and writes its text when there is room.
func (c cell) draw(canvas draw.Canvas, middle vg.Point, side vg.Length) {
	half := vg.Point{X: side/2 - 0.5, Y: side/2 - 0.5}
	box := vg.Rectangle{Min: middle.Sub(half), Max: middle.Add(half)}
	if c.fill.A > 0 {
		canvas.SetColor(c.fill)
		canvas.Fill(box.Path())
	}
	if c.framed {
		canvas.SetLineStyle(draw.LineStyle{Color: ink, Width: 2})
		canvas.Stroke(box.Path())
	}
	style := letters(min(labelSize, side/3), c.ink, draw.XCenter, draw.YCenter)
	if c.bold {
		style = bold(style)
	}
	if style.Width(c.text) < 2*half.X {
		middle.Y += style.Font.Size / 10 // gonum centres the whole line, and digits have nothing below it
		canvas.FillText(style, middle, c.text)
	}
}

func (g heatmap) drawLabels(canvas draw.Canvas) {
	style := letters(labelSize, ink, draw.XRight, draw.YCenter)
	for i, label := range g.rows {
		at := g.middle(i, 0)
		canvas.FillText(style, at.Add(vg.Point{X: -g.side()/2 - labelGap, Y: labelSize / 10.0}), label)
	}
	style.XAlign, style.YAlign = draw.XCenter, draw.YTop
	gap := vg.Length(labelGap / 2)
	if g.slanted() {
		style.XAlign, style.YAlign, style.Rotation = draw.XRight, draw.YCenter, math.Pi/4
		gap = labelGap
	}
	for j, label := range g.columns {
		canvas.FillText(style, vg.Point{X: g.middle(0, j).X, Y: g.below() - gap}, label)
	}
}

// drawTitles says what rows and columns are, centred along them.
func (g heatmap) drawTitles(canvas draw.Canvas) {
	first, last := g.middle(0, 0), g.middle(len(g.rows)-1, len(g.columns)-1)
	style := letters(labelSize, muted, draw.XCenter, draw.YBottom)
	canvas.FillText(style, vg.Point{X: (first.X + last.X) / 2, Y: rim}, g.columnsAre)
	style.YAlign, style.Rotation = draw.YTop, math.Pi/2
	canvas.FillText(style, vg.Point{X: rim, Y: (first.Y + last.Y) / 2}, g.rowsAre)
}
