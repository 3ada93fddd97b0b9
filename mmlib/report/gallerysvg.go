package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
)

// The sizes of a gallery drawn as one picture, in pixels.
const (
	thumbnail   = 112 // width of a picture; MNIST's 28, four times
	galleryGap  = 12
	galleryRoom = 860 // a row is as long as fits
	captionSize = 13
	noteSize    = 11
	lineHeight  = 17
)

// SVG returns the gallery as a picture of its own, without background: what a notebook shows. The page has it as HTML, whose rows
// break where the screen ends.
func (g Gallery) SVG() ([]byte, error) {
	if len(g.Pictures) == 0 {
		return nil, fmt.Errorf("report: %s has no pictures; leave it out", g.name())
	}
	cellWidth, height, lines := thumbnail, 0, 0
	images := make([]image.Image, len(g.Pictures))
	for i, p := range g.Pictures {
		images[i] = p.Image
		if p.Weights != nil {
			var err error
			if images[i], err = Overlay(p.Image, p.Weights); err != nil {
				return nil, fmt.Errorf("%s: picture %d: %w", g.name(), i, err)
			}
		}
		if images[i] == nil || images[i].Bounds().Empty() {
			return nil, fmt.Errorf("report: %s: picture %d is empty", g.name(), i)
		}
		b := images[i].Bounds()
		height = max(height, thumbnail*b.Dy()/b.Dx())
		cellWidth = max(cellWidth, textWidth(p.Caption, captionSize), textWidth(p.Note, noteSize))
		lines = max(lines, min(1, len(p.Caption))+min(1, len(p.Note)))
	}
	columns := min(len(g.Pictures), max(1, (galleryRoom+galleryGap)/(cellWidth+galleryGap)))
	rows := (len(g.Pictures) + columns - 1) / columns
	cellHeight, top := height+lines*lineHeight, 0
	if g.Title != "" {
		top = lineHeight + galleryGap
	}
	width := max(columns*(cellWidth+galleryGap)-galleryGap, textWidth(g.Title, captionSize+1))

	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" `+
		`width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="%[3]s">`,
		width, top+rows*(cellHeight+galleryGap)-galleryGap, fonts)
	if g.Title != "" {
		writeText(&out, 0, captionSize+1, captionSize+1, `font-weight="bold" fill="#1c1e21"`, g.Title)
	}
	for i, p := range g.Pictures {
		x, y := i%columns*(cellWidth+galleryGap), top+i/columns*(cellHeight+galleryGap)
		source, err := dataURI(fmt.Sprintf("%s: picture %d", g.name(), i), images[i])
		if err != nil {
			return nil, err
		}
		b := images[i].Bounds()
		fmt.Fprintf(&out, `<image x="%d" y="%d" width="%d" height="%d" style="image-rendering:pixelated" xlink:href="%s"/>`,
			x, y, thumbnail, thumbnail*b.Dy()/b.Dx(), source)
		line := y + height
		if p.Caption != "" {
			line += lineHeight
			writeText(&out, x, line-3, captionSize, `fill="#1c1e21"`, p.Caption)
		}
		if p.Note != "" {
			writeText(&out, x, line+lineHeight-4, noteSize, `fill="#5c636d"`, p.Note)
		}
	}
	out.WriteString("</svg>")
	return out.Bytes(), nil
}

// writeText writes a line with its baseline at y.
func writeText(out *bytes.Buffer, x, y, size int, attributes, text string) {
	fmt.Fprintf(out, `<text x="%d" y="%d" font-size="%d" %s>`, x, y, size, attributes)
	_ = xml.EscapeText(out, []byte(text)) // a bytes.Buffer takes everything
	out.WriteString("</text>")
}

// textWidth is about how wide a line is, in pixels: a Chinese character takes a square, others a little over half of one.
func textWidth(text string, size int) int {
	width := 0.0
	for _, r := range text {
		if isWide(r) {
			width += float64(size)
		} else {
			width += 0.56 * float64(size)
		}
	}
	return int(width + 0.5)
}
