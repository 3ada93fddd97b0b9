package notebook

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/png"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// Drawing is what draws itself as SVG: report.Chart, report.Matrix, report.Confusion, report.Gallery,
// report.Scatter, report.Diagram. One that has a method
// Caption() string gets that line above it; one that has a method AltText() string says so to those who cannot see it.
type Drawing interface{ SVG() ([]byte, error) }

// Text is what writes itself as Markdown: report.Table.
type Text interface{ Markdown() (string, error) }

// Show shows things below the cell, one under the other: drawings, tables, pictures (image.Image), and strings as Markdown. What
// cannot be shown ends the cell, with the reason.
//
// Pictures are SVG or PNG, which code hosting sites show too, on a white ground, so that they can be read on a dark one.
func Show(things ...any) {
	for _, thing := range things {
		Check(show(thing))
	}
}

func show(thing any) error {
	switch x := thing.(type) {
	case Drawing:
		svg, err := x.SVG()
		if err != nil {
			return err
		}
		if c, ok := x.(interface{ Caption() string }); ok && c.Caption() != "" {
			if err := send(map[protocol.MIMEType]any{protocol.MIMETextMarkdown: "**" + c.Caption() + "**"}); err != nil {
				return err
			}
		}
		return send(map[protocol.MIMEType]any{protocol.MIMEImageSVG: string(spoken(onWhite(svg), x))})
	case Text:
		markdown, err := x.Markdown()
		if err != nil {
			return err
		}
		return send(map[protocol.MIMEType]any{protocol.MIMETextMarkdown: markdown})
	case image.Image:
		var file bytes.Buffer
		if err := png.Encode(&file, x); err != nil {
			return fmt.Errorf("notebook: encoding a picture as PNG: %w", err)
		}
		return send(map[protocol.MIMEType]any{protocol.MIMEImagePNG: file.Bytes()})
	case string:
		return send(map[protocol.MIMEType]any{protocol.MIMETextMarkdown: x})
	}
	return fmt.Errorf("notebook: %T cannot be shown: show drawings and tables of package report, pictures, or Markdown", thing)
}

// onWhite gives a drawing a white ground.
func onWhite(svg []byte) []byte {
	return into(svg, "", `<rect x="-9999" y="-9999" width="99999" height="99999" fill="#ffffff"/>`)
}

// spoken gives a drawing its text for those who cannot see it: a title, which is what screen readers read.
func spoken(svg []byte, d Drawing) []byte {
	x, ok := d.(interface{ AltText() string })
	if !ok || x.AltText() == "" {
		return svg
	}
	return into(svg, ` role="img"`, "<title>"+html.EscapeString(x.AltText())+"</title>")
}

// into puts attributes into the root element of a drawing, and elements before what it holds.
func into(svg []byte, attributes, elements string) []byte {
	open := bytes.Index(svg, []byte("<svg"))
	if open < 0 {
		return svg
	}
	end := bytes.IndexByte(svg[open:], '>')
	if end < 0 {
		return svg
	}
	return slices.Concat(svg[:open+end], []byte(attributes+">"+elements), svg[open+end+1:])
}

// Slider shows one of several drawings at a time, chosen by hand: how a picture changes with a number, such as the
// temperature. All of them are in the notebook, so it works without the kernel; where scripts do not run, on code hosting
// sites, the picture in the middle stands still.
type Slider struct {
	Label  string   // what is chosen: "temperature τ"
	Values []string // at each place
	Frames []Drawing
}

// Show puts the slider below the cell. At most 24 places keep a notebook small.
func (s Slider) Show() {
	Check(s.show())
}

func (s Slider) show() error {
	const most = 24
	switch n := len(s.Frames); {
	case n == 0 || n != len(s.Values):
		return fmt.Errorf("notebook: the slider %q has %d values and %d frames; give it as many of each", s.Label, len(s.Values), n)
	case n > most:
		return fmt.Errorf("notebook: the slider %q has %d frames; at most %d keep the notebook small", s.Label, n, most)
	}
	middle := len(s.Frames) / 2
	var out strings.Builder
	fmt.Fprintf(&out, `<div class="gomm-slider"><label>%s <input type="range" min="0" max="%d" value="%d" oninput="`+
		`const box=this.closest('.gomm-slider');box.querySelectorAll('figure').forEach((f,i)=>{f.style.display=i==this.value?'block':'none'});`+
		`box.querySelector('output').textContent=box.querySelectorAll('figure')[this.value].dataset.value"></label> <output>%s</output>`,
		html.EscapeString(s.Label), len(s.Frames)-1, middle, html.EscapeString(s.Values[middle]))
	for i, frame := range s.Frames {
		svg, err := frame.SVG()
		if err != nil {
			return err
		}
		display := "none"
		if i == middle {
			display = "block"
		}
		fmt.Fprintf(&out, `<figure data-value="%s" style="margin:0;display:%s">%s</figure>`,
			html.EscapeString(s.Values[i]), display, withoutProlog(spoken(onWhite(svg), frame)))
	}
	out.WriteString("</div>")
	return send(map[protocol.MIMEType]any{protocol.MIMETextHTML: out.String()})
}

// withoutProlog leaves out what may stand before the root element, an XML declaration and comments, as HTML wants it.
func withoutProlog(svg []byte) []byte {
	return svg[max(0, bytes.Index(svg, []byte("<svg"))):]
}
