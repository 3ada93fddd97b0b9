package report

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Diagram is boxes and arrows: how the parts of a model hang together.
type Diagram struct {
	Title  string
	Boxes  []Box
	Arrows []Arrow
	Alt    string // what the diagram says, for those who cannot see it; the title and what leads where when empty
}

// Box is a part. Its place is counted in columns to the right and rows downwards, and need not be whole.
type Box struct {
	Name        string // that arrows know it by
	Text        string // what stands in it; the name when empty
	Column, Row float64
	Shape       Shape
}

// Shape is how a box is drawn.
type Shape int

// The shapes.
const (
	Layer Shape = iota // a coloured box: something with weights
	Step               // a white box: something without
	Data               // text alone: what goes in or comes out
	Join               // a small circle, for a sum
)

// Arrow leads from one box to another, straight or around corners.
type Arrow struct {
	From, To string
	Via      [][2]float64 // corners: column and row
	Text     string       // beside the middle of the arrow
}

// The sizes of a diagram, in pixels.
const (
	columnStep, rowStep  = 190, 58
	boxWidth, boxHeight  = 164, 34
	joinRadius           = 13
	diagramRim, headRoom = 14, 30
)

func (d Diagram) name() string { return fmt.Sprintf("diagram %q", d.Title) }

func (b Box) text() string { return either(b.Text, b.Name) }

// half is half the width and height of a box.
func (b Box) half() (x, y float64) {
	switch b.Shape {
	case Join:
		return joinRadius, joinRadius
	case Data:
		return float64(textWidth(b.text(), captionSize))/2 + 4, captionSize
	}
	return boxWidth / 2, boxHeight / 2
}

// AltText is what the diagram says, for those who cannot see it.
func (d Diagram) AltText() string {
	if d.Alt != "" {
		return d.Alt
	}
	texts := map[string]string{}
	for _, b := range d.Boxes {
		texts[b.Name] = b.text()
	}
	var ways []string
	for _, a := range d.Arrows {
		ways = append(ways, texts[a.From]+" → "+texts[a.To])
	}
	return strings.TrimPrefix(d.Title+": ", ": ") + strings.Join(ways, "; ")
}

// canvas is where a diagram lies: columns and rows become pixels.
type canvas struct {
	boxes         map[string]Box
	left, top     float64
	width, height int
}

func (c canvas) place(column, row float64) (x, y float64) {
	return column*columnStep - c.left, row*rowStep - c.top
}

// canvas measures the diagram and refuses what cannot be drawn.
func (d Diagram) canvas() (canvas, error) {
	c := canvas{boxes: map[string]Box{}}
	if len(d.Boxes) == 0 {
		return c, fmt.Errorf("report: %s has no boxes; leave it out", d.name())
	}
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	cover := func(column, row, x, y float64) {
		low[0], high[0] = min(low[0], column*columnStep-x), max(high[0], column*columnStep+x)
		low[1], high[1] = min(low[1], row*rowStep-y), max(high[1], row*rowStep+y)
	}
	for _, b := range d.Boxes {
		if _, twice := c.boxes[b.Name]; twice {
			return c, fmt.Errorf("report: %s has two boxes of the name %q", d.name(), b.Name)
		}
		for _, v := range []float64{b.Column, b.Row} {
			if err := drawable(fmt.Sprintf("%s: the place of %q", d.name(), b.Name), v); err != nil {
				return c, err
			}
		}
		c.boxes[b.Name] = b
		x, y := b.half()
		cover(b.Column, b.Row, x, y)
	}
	for _, a := range d.Arrows {
		for _, end := range []string{a.From, a.To} {
			if _, there := c.boxes[end]; !there {
				return c, fmt.Errorf("report: %s: an arrow from %q to %q, but no box is called %q", d.name(), a.From, a.To, end)
			}
		}
		for _, corner := range a.Via {
			for _, v := range corner {
				if err := drawable(fmt.Sprintf("%s: a corner of the arrow from %q to %q", d.name(), a.From, a.To), v); err != nil {
					return c, err
				}
			}
			cover(corner[0], corner[1], float64(textWidth(a.Text, noteSize)), 0) // a text stands to the right of the line
		}
	}
	c.left, c.top = low[0]-diagramRim, low[1]-diagramRim
	if d.Title != "" {
		c.top -= headRoom
		high[0] = max(high[0], c.left+float64(textWidth(d.Title, captionSize+1)))
	}
	c.width, c.height = int(high[0]-c.left)+diagramRim, int(high[1]-c.top)+diagramRim
	return c, nil
}

// SVG returns the diagram as a picture of its own, without background.
func (d Diagram) SVG() ([]byte, error) {
	c, err := d.canvas()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="%[3]s">`,
		c.width, c.height, fonts)
	if d.Title != "" {
		writeText(&out, 2, captionSize+3, captionSize+1, `font-weight="bold" fill="#1c1e21"`, d.Title)
	}
	for _, a := range d.Arrows {
		c.arrow(&out, a)
	}
	for _, b := range d.Boxes {
		c.box(&out, b)
	}
	out.WriteString("</svg>")
	return out.Bytes(), nil
}

func (c canvas) box(out *bytes.Buffer, b Box) {
	x, y := c.place(b.Column, b.Row)
	halfX, halfY := b.half()
	fill := "#ffffff"
	if b.Shape == Layer {
		fill = "#cfe5f3"
	}
	switch b.Shape {
	case Join:
		fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="%d" fill="%s" stroke="#1c1e21"/>`, x, y, joinRadius, fill)
	case Layer, Step:
		fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="5" fill="%s" stroke="#1c1e21"/>`,
			x-halfX, y-halfY, 2*halfX, 2*halfY, fill)
	}
	writeText(out, int(x), int(y)+5, captionSize, `text-anchor="middle" fill="#1c1e21"`, b.text())
}

// arrow draws a line from the edge of one box around its corners to the edge of the other, with a head.
func (c canvas) arrow(out *bytes.Buffer, a Arrow) {
	from, to := c.boxes[a.From], c.boxes[a.To]
	points := [][2]float64{{}}
	for _, corner := range a.Via {
		x, y := c.place(corner[0], corner[1])
		points = append(points, [2]float64{x, y})
	}
	points = append(points, [2]float64{})
	last := len(points) - 1
	points[0][0], points[0][1] = c.place(from.Column, from.Row)
	points[last][0], points[last][1] = c.place(to.Column, to.Row)
	start, end := edge(from, points[0], points[1]), edge(to, points[last], points[last-1])
	points[0], points[last] = start, end

	var path strings.Builder
	for i, p := range points {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], p[0], p[1])
	}
	fmt.Fprintf(out, `<path d="%s" fill="none" stroke="#5c636d" stroke-width="1.5"/>`, path.String())
	dx, dy := end[0]-points[last-1][0], end[1]-points[last-1][1]
	if length := math.Hypot(dx, dy); length > 0 {
		dx, dy = dx/length, dy/length
		fmt.Fprintf(out, `<path d="M%.1f %.1fL%.1f %.1fL%.1f %.1fZ" fill="#5c636d"/>`, end[0], end[1],
			end[0]-9*dx-4*dy, end[1]-9*dy+4*dx, end[0]-9*dx+4*dy, end[1]-9*dy-4*dx)
	}
	if a.Text != "" {
		at := len(points) / 2
		x, y := (points[at-1][0]+points[at][0])/2, (points[at-1][1]+points[at][1])/2
		writeText(out, int(x)+7, int(y)+4, noteSize, `fill="#5c636d"`, a.Text)
	}
}

// edge is where the line from a box's middle to another point leaves the box.
func edge(b Box, middle, to [2]float64) [2]float64 {
	dx, dy := to[0]-middle[0], to[1]-middle[1]
	x, y := b.half()
	share := 1.0
	if b.Shape == Join {
		share = joinRadius / math.Hypot(dx, dy)
	} else {
		share = min(x/math.Abs(dx), y/math.Abs(dy)) // of a zero: infinite, so the other one counts
	}
	share = min(share, 1)
	return [2]float64{middle[0] + share*dx, middle[1] + share*dy}
}

func (d Diagram) html() (template.HTML, error) {
	c, err := d.canvas()
	if err != nil {
		return "", err
	}
	svg, err := d.SVG()
	if err != nil {
		return "", err
	}
	return plainFigure(svg, d.AltText(), c.width, c.height)
}
