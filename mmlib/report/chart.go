package report

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Chart is one or several curves over a common axis, for example the loss over the steps of a training.
type Chart struct {
	Title  string // what is drawn and in which unit: "Loss, nats per pair"
	XLabel string // "step"
	Series []Series
	Levels []Level // reference lines, dashed and labelled

	Percent   bool    // the values are fractions: the axis shows 0.97 as 97 %
	Small     bool    // half as wide, two side by side
	Low, High float64 // the ends of the vertical axis, so that several charts may be compared; those of the values when both are 0
	Alt       string  // what the chart says, for those who cannot see it; the title when empty
}

// Series is one curve.
type Series struct {
	Name string
	X, Y []float64 // of equal length; X ascends

	// Smooth draws the running mean of so many neighbouring points as the curve, and the points themselves as its pale
	// shadow. 0 and 1 draw the points alone.
	Smooth int
}

// Level is a horizontal reference line: the floor of a loss, the accuracy of chance.
type Level struct {
	Label string
	Y     float64
	Above bool // the label stands above the left end, not under the right one: for a ceiling, which curves near from below
}

const (
	chartWidth, chartHeight = 720, 300
	smallWidth, smallHeight = 360, 200

	titleHeight  = 26  // the strip above the curves for title and legend
	legendHeight = 16  // more, where the legend does not fit beside the title
	maxPoints    = 800 // a curve keeps about so many points, as many as the screen has pixels for
	fewPoints    = 40  // curves of up to so many points show each as a dot
)

func (c Chart) name() string { return fmt.Sprintf("chart %q", c.Title) }

// validate names the first thing that cannot be drawn.
func (c Chart) validate() error {
	if len(c.Series) == 0 {
		return fmt.Errorf("report: %s has no series; give it at least one", c.name())
	}
	if c.Low != c.High && !(c.Low < c.High) {
		return fmt.Errorf("report: %s has an axis from %g to %g; Low must be below High", c.name(), c.Low, c.High)
	}
	for _, s := range c.Series {
		where := fmt.Sprintf("%s: series %q", c.name(), s.Name)
		if err := s.validate(where); err != nil {
			return err
		}
		if least, most := slices.Min(s.Y), slices.Max(s.Y); c.Low < c.High && (least < c.Low || most > c.High) {
			return fmt.Errorf("report: %s goes from %g to %g, outside of the axis from %g to %g; set Low and High to hold it",
				where, least, most, c.Low, c.High)
		}
	}
	for _, l := range c.Levels {
		if err := drawable(fmt.Sprintf("%s: level %q", c.name(), l.Label), l.Y); err != nil {
			return err
		}
	}
	return nil
}

func (s Series) validate(where string) error {
	switch {
	case len(s.X) != len(s.Y):
		return fmt.Errorf("report: %s has %d X but %d Y; give one Y for each X", where, len(s.X), len(s.Y))
	case len(s.X) == 0:
		return fmt.Errorf("report: %s has no points; leave the series out", where)
	case s.Smooth < 0:
		return fmt.Errorf("report: %s: Smooth is %d; give the number of points to average, or 0", where, s.Smooth)
	}
	for i := range s.X {
		if err := drawable(fmt.Sprintf("%s: X[%d]", where, i), s.X[i]); err != nil {
			return err
		}
		if err := drawable(fmt.Sprintf("%s: Y[%d]", where, i), s.Y[i]); err != nil {
			return err
		}
		if i > 0 && s.X[i] < s.X[i-1] {
			return fmt.Errorf("report: %s: X[%d] is %g, below X[%d], %g; sort the points by X",
				where, i, s.X[i], i-1, s.X[i-1])
		}
	}
	return nil
}

// summary says in words where each curve goes.
func (c Chart) summary() string {
	show := func(v float64) string {
		if c.Percent {
			return fmt.Sprintf("%.4g %%", 100*v)
		}
		return fmt.Sprintf("%.4g", v)
	}
	text := c.Title
	for i, s := range c.Series {
		last := len(s.X) - 1
		text += fmt.Sprintf("%s %s goes from %s at %s %g to %s at %g", []string{":", ";"}[min(i, 1)],
			either(s.Name, "the curve"), show(s.Y[0]), either(c.XLabel, "x"), s.X[0], show(s.Y[last]), s.X[last])
	}
	for _, l := range c.Levels {
		text += fmt.Sprintf("; dashed line: %s", l.Label)
	}
	return text + "."
}

// SVG returns the chart as a picture of its own, without background.
func (c Chart) SVG() ([]byte, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	width, height := c.size()
	return drawSVG(c.name(), width, height, func(canvas draw.Canvas) error {
		p, err := c.plot()
		if err != nil {
			return err
		}
		strip := c.drawTitle(canvas)
		p.Draw(draw.Crop(canvas, 2, -6, 2, -strip))
		return nil
	})
}

func (c Chart) size() (width, height vg.Length) {
	if c.Small {
		return smallWidth, smallHeight
	}
	return chartWidth, chartHeight
}

func (c Chart) plot() (*plot.Plot, error) {
	p := newPlot()
	p.X.Label.Text, p.X.Label.Padding = c.XLabel, 2
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{few: c.Small}, ticks{percent: c.Percent}
	lines := plotter.NewGrid()
	lines.Vertical.Width = 0
	lines.Horizontal = draw.LineStyle{Color: grid, Width: 0.75}
	p.Add(lines)
	for _, l := range c.Levels {
		p.Add(l)
	}
	for i, s := range c.Series {
		if err := s.addTo(p, palette[i%len(palette)]); err != nil {
			return nil, fmt.Errorf("series %q: %w", s.Name, err)
		}
	}
	if p.X.Min > 0 && p.X.Min < 0.02*p.X.Max {
		p.X.Min = 0 // steps count from 1, but an axis reads better from 0
	}
	margin := (p.Y.Max - p.Y.Min) * 0.04
	if margin == 0 {
		margin = math.Abs(p.Y.Max) / 2 // a constant is drawn in the middle
	}
	p.Y.Max += margin
	p.Y.Min -= margin
	if slices.ContainsFunc(c.Levels, func(l Level) bool { return !l.Above }) {
		p.Y.Min -= 3 * margin // room for the label under the lowest level
	}
	if slices.ContainsFunc(c.Levels, func(l Level) bool { return l.Above }) {
		p.Y.Max += 3 * margin
	}
	if c.Low < c.High {
		p.Y.Min, p.Y.Max = c.Low, c.High
	}
	return p, nil
}

// addTo draws the curve: line, dots where they are few, and the pale points behind a smoothed one.
func (s Series) addTo(p *plot.Plot, c color.NRGBA) error {
	points := make(plotter.XYs, len(s.X))
	for i := range points {
		points[i] = plotter.XY{X: s.X[i], Y: s.Y[i]}
	}
	if s.Smooth > 1 && len(points) > 1 {
		shadow, err := plotter.NewLine(thin(points, maxPoints))
		if err != nil {
			return err
		}
		shadow.LineStyle = draw.LineStyle{Color: fade(c, 0.3), Width: 0.75}
		p.Add(shadow)
		points = runningMean(points, s.Smooth)
	}
	line, dots, err := plotter.NewLinePoints(thin(points, maxPoints))
	if err != nil {
		return err
	}
	line.LineStyle = draw.LineStyle{Color: c, Width: 1.75}
	dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: 2.5, Shape: draw.CircleGlyph{}}
	p.Add(line)
	if len(points) <= fewPoints {
		p.Add(dots)
	}
	return nil
}

// runningMean returns the mean of each point and its neighbours, about window of them. The window is centred, for a mean
// of past points alone would lag behind where the curve is steep; so it starts narrow. At the end it lacks its right half.
func runningMean(points plotter.XYs, window int) plotter.XYs {
	sums := make([]float64, len(points)+1)
	for i, p := range points {
		sums[i+1] = sums[i] + p.Y
	}
	out := make(plotter.XYs, len(points))
	for i, p := range points {
		reach := min(window/2, i)
		from, to := i-reach, min(i+reach+1, len(points))
		out[i] = plotter.XY{X: p.X, Y: (sums[to] - sums[from]) / float64(to-from)}
	}
	return out
}

// thin keeps the lowest and the highest point of each stretch, so that a long curve looks the same with fewer points and no
// spike is lost.
func thin(points plotter.XYs, limit int) plotter.XYs {
	if len(points) <= limit {
		return points
	}
	stretches := limit / 2
	out := make(plotter.XYs, 0, limit)
	for i := range stretches {
		from, to := i*len(points)/stretches, (i+1)*len(points)/stretches
		low, high := from, from
		for j := from; j < to; j++ {
			if points[j].Y < points[low].Y {
				low = j
			}
			if points[j].Y > points[high].Y {
				high = j
			}
		}
		out = append(out, points[min(low, high)])
		if low != high {
			out = append(out, points[max(low, high)])
		}
	}
	return out
}

// drawTitle writes the title on the left of the strip above the curves, and the legend on its right when there is more than
// one curve: beside the title if there is room for both, and otherwise below it. It gives the height of the strip.
func (c Chart) drawTitle(canvas draw.Canvas) vg.Length {
	const key, gap = 14, 14 // the line of a curve's color, and the space before the next
	baseline, height := canvas.Max.Y-14, vg.Length(titleHeight)
	title, style := bold(letters(13, ink, draw.XLeft, draw.YBottom)), letters(11, ink, draw.XRight, draw.YBottom)
	canvas.FillText(title, vg.Point{X: canvas.Min.X + 2, Y: baseline}, c.Title)
	if len(c.Series) < 2 {
		return height
	}
	x := canvas.Max.X - 6
	left := x
	for _, s := range c.Series {
		left -= style.Width(s.Name) + 6 + key + gap
	}
	if canvas.Min.X+2+title.Width(c.Title) > left {
		baseline, height = baseline-legendHeight, height+legendHeight
	}
	for i := len(c.Series) - 1; i >= 0; i-- {
		canvas.FillText(style, vg.Point{X: x, Y: baseline}, c.Series[i].Name)
		x -= style.Width(c.Series[i].Name) + 6
		line := draw.LineStyle{Color: palette[i%len(palette)], Width: 2.5}
		canvas.StrokeLine2(line, x-key, baseline+5, x, baseline+5)
		x -= key + gap
	}
	return height
}

// Plot draws the level (plot.Plotter): a dashed line and the label.
func (l Level) Plot(c draw.Canvas, p *plot.Plot) {
	_, toY := p.Transforms(&c)
	y := toY(l.Y)
	dashed := draw.LineStyle{Color: vermilion, Width: 1.25, Dashes: []vg.Length{5, 4}}
	c.StrokeLine2(dashed, c.Min.X, y, c.Max.X, y)
	if l.Above {
		c.FillText(letters(11, vermilion, draw.XLeft, draw.YBottom), vg.Point{X: c.Min.X + 2, Y: y + 2}, l.Label)
		return
	}
	style := letters(11, vermilion, draw.XRight, draw.YTop)
	room := style.Width(l.Label) / 8 // whoever shows the SVG may have wider letters than Liberation's
	c.FillText(style, vg.Point{X: c.Max.X - room, Y: y - 1}, l.Label)
}

// DataRange makes room for the level (plot.DataRanger) and leaves the X axis to the curves.
func (l Level) DataRange() (xmin, xmax, ymin, ymax float64) {
	return math.Inf(1), math.Inf(-1), l.Y, l.Y
}
