package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"math"
)

// Scatter is points in a plane, each drawn as a short text: embeddings after a projection to two dimensions, for example.
type Scatter struct {
	Title          string
	XLabel, YLabel string
	Points         []Mark
	Alt            string // what the picture says, for those who cannot see it; the title when empty
}

// Mark is a point.
type Mark struct {
	X, Y   float64
	Label  string // a character or a few words
	Class  int    // points of a class have one colour; there are ten
	Strong bool   // larger, bold, and above the others
}

// classColors are Tol's "muted" scheme and a grey, which the colour-blind can tell apart.
var classColors = []string{"#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddaa33", "#cc6677", "#882255", "#aa4499", "#5c636d"}

const scatterWidth, scatterHeight, scatterMargin = 640, 460, 36

func (s Scatter) name() string { return fmt.Sprintf("scatter %q", s.Title) }

// SVG returns the points as a picture of its own, without background.
func (s Scatter) SVG() ([]byte, error) {
	if len(s.Points) == 0 {
		return nil, fmt.Errorf("report: %s has no points; leave it out", s.name())
	}
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for i, p := range s.Points {
		if p.Class < 0 {
			return nil, fmt.Errorf("report: %s: point %d has class %d; classes count from 0", s.name(), i, p.Class)
		}
		for axis, v := range [2]float64{p.X, p.Y} {
			if err := drawable(fmt.Sprintf("%s: point %d", s.name(), i), v); err != nil {
				return nil, err
			}
			low[axis], high[axis] = min(low[axis], v), max(high[axis], v)
		}
	}
	place := func(v float64, axis, length int) int {
		if high[axis] == low[axis] {
			return length / 2
		}
		return scatterMargin + int(float64(length-2*scatterMargin)*(v-low[axis])/(high[axis]-low[axis]))
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="%[3]s">`,
		scatterWidth, scatterHeight, fonts)
	writeText(&out, 2, 15, 14, `font-weight="bold" fill="#1c1e21"`, s.Title)
	writeText(&out, scatterWidth/2, scatterHeight-4, 11, `text-anchor="middle" fill="#5c636d"`, s.XLabel)
	writeText(&out, 12, scatterHeight/2, 11, fmt.Sprintf(`text-anchor="middle" fill="#5c636d" transform="rotate(-90 12 %d)"`,
		scatterHeight/2), s.YLabel)
	for _, strong := range []bool{false, true} {
		for _, p := range s.Points {
			if p.Strong != strong {
				continue
			}
			size, style := 11, `text-anchor="middle" fill-opacity="0.75"`
			if strong {
				// A white edge keeps it readable over the others.
				size, style = 15, `text-anchor="middle" font-weight="bold" stroke="#ffffff" stroke-width="3" paint-order="stroke"`
			}
			color := classColors[p.Class%len(classColors)]
			writeText(&out, place(p.X, 0, scatterWidth), scatterHeight-place(p.Y, 1, scatterHeight), size,
				fmt.Sprintf(`%s fill="%s"`, style, color), p.Label)
		}
	}
	out.WriteString("</svg>")
	return out.Bytes(), nil
}

func (s Scatter) html() (template.HTML, error) {
	svg, err := s.SVG()
	if err != nil {
		return "", err
	}
	return plainFigure(svg, s.AltText(), scatterWidth, scatterHeight)
}

// plainFigure embeds a drawing of ours, which holds its own title, in the page.
func plainFigure(svg []byte, alt string, width, height int) (template.HTML, error) {
	_, rest, _ := bytes.Cut(svg, []byte("<svg"))
	_, body, closed := bytes.Cut(rest, []byte(">"))
	if !closed {
		return "", errors.New("report: the drawing is no SVG")
	}
	return fill("figure", map[string]any{
		"Title": "", "Alt": alt, "Small": false, "Body": template.HTML(body),
		"Width": fmt.Sprint(width), "Height": fmt.Sprint(height),
	})
}
