package report

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The colours of lines and letters. style.css knows them by value and gives each its counterpart for dark screens, so
// change them in both. None is pure black, for gonum leaves black out of the SVG and a style sheet could not find it.
var (
	ink   = color.NRGBA{0x1c, 0x1e, 0x21, 0xff}
	muted = color.NRGBA{0x5c, 0x63, 0x6d, 0xff}
	grid  = color.NRGBA{0xdf, 0xe2, 0xe6, 0xff}

	blue      = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	vermilion = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}

	// palette is that of Okabe and Ito, which the colour-blind can tell apart. Vermilion is kept for reference lines and
	// errors.
	palette = []color.NRGBA{
		blue, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff},
	}
)

// fade returns c with the given opacity.
func fade(c color.NRGBA, opacity float64) color.NRGBA {
	c.A = uint8(math.Round(255 * opacity))
	return c
}

// drawSVG returns what paint draws as an SVG file of the given size in points. This is the border to gonum, which
// panics where we return errors.
func drawSVG(name string, width, height vg.Length, paint func(draw.Canvas) error) (svg []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			svg, err = nil, fmt.Errorf("report: drawing %s failed: %v", name, r)
		}
	}()
	canvas := vgsvg.NewWith(vgsvg.UseWH(width, height))
	if err := paint(draw.New(canvas)); err != nil {
		return nil, fmt.Errorf("report: drawing %s: %w", name, err)
	}
	var file bytes.Buffer
	if _, err := canvas.WriteTo(&file); err != nil {
		return nil, fmt.Errorf("report: writing %s: %w", name, err)
	}
	return bytes.ReplaceAll(file.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:"+fonts+";")), nil
}

// fonts are those with Liberation's widths, and what stands in for them where there are none.
const fonts = "Liberation Sans,Arial,Helvetica,sans-serif"

// newPlot returns an empty plot in the report's style: no frame, no ticks, quiet labels.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.LineStyle.Width = 0
		axis.Tick.LineStyle.Width = 0
		axis.Padding = 4
		axis.Tick.Label = letters(11, muted, axis.Tick.Label.XAlign, axis.Tick.Label.YAlign)
		axis.Label.TextStyle = letters(11, muted, axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign)
	}
	return p
}

// letters returns a style for text of the given size in points.
func letters(size vg.Length, c color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		XAlign:  x,
		YAlign:  y,
		Handler: typesetter{plot.DefaultTextHandler},
	}
}

// bold returns the style with heavier letters.
func bold(s text.Style) text.Style {
	s.Font.Weight = xfont.WeightBold
	return s
}

// typesetter places a line of text that may hold Chinese. The letters themselves are drawn by whatever shows the SVG,
// which has the fonts; gonum has only Liberation and would measure a Chinese character by its missing glyph.
type typesetter struct{ text.Handler }

// isWide reports whether a character takes a full square: CJK and what Unicode places after it.
func isWide(r rune) bool { return r >= 0x2e80 }

// Lines gives one line whatever the text, for a label has room for one.
func (typesetter) Lines(s string) []string { return []string{strings.Join(strings.Fields(s), " ")} }

// Box measures a line: a wide character is as wide as the font is high.
func (t typesetter) Box(s string, f font.Font) (width, height, depth vg.Length) {
	wide := 0
	narrow := strings.Map(func(r rune) rune {
		if isWide(r) {
			wide++
			return -1
		}
		return r
	}, s)
	width, height, depth = t.Handler.Box(narrow, f)
	return width + vg.Length(wide)*f.Size, height, depth
}

// Draw writes a line where gonum's own handler would, by the widths of Box.
func (t typesetter) Draw(c vg.Canvas, s string, style text.Style, at vg.Point) {
	line := t.Lines(s)[0]
	if line == "" {
		return
	}
	width, ascent, descent := t.Box(line, style.Font)
	c.SetColor(style.Color)
	c.Push()
	c.Translate(at)
	c.Rotate(style.Rotation)
	c.FillString(t.Cache().Lookup(style.Font, style.Font.Size), vg.Point{
		X: width * vg.Length(style.XAlign),
		Y: (ascent+descent)*vg.Length(style.YAlign) - ascent + style.Font.Size,
	}, line)
	c.Pop()
}

// drawable refuses a number that cannot be drawn, by the name of where it stands.
func drawable(where string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("report: %s is %v, which cannot be drawn; leave such values out", where, v)
	}
	if math.Abs(v) > 1e15 {
		return fmt.Errorf("report: %s is %g; values beyond ±1e15 cannot be drawn", where, v)
	}
	return nil
}
