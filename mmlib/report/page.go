package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
)

// Page is a whole report: a title, a lead of a sentence or two, and sections in the order in which they are read.
type Page struct {
	Title    string
	Lead     string
	Sections []Section
}

// Section is a heading, a text that says what one sees and what is normal, and the pictures and tables themselves.
// The functions of this package (Curves, Confused, …) return sections with a text; change it where yours is better.
type Section struct {
	Title  string
	Text   string // paragraphs are separated by an empty line
	Blocks []Block
	Empty  string // shown in place of blocks when there are none; "Not measured in this run." when empty
}

// Block is what a section shows: a Chart, Matrix, Confusion, Gallery, Scatter, Diagram or Table.
type Block interface {
	name() string
	html() (template.HTML, error)
}

// HTML returns the page as one file that needs no other: pictures, style and all. The same page gives the same bytes.
func (p Page) HTML() ([]byte, error) {
	switch {
	case p.Title == "":
		return nil, errors.New("report: the page has no title")
	case len(p.Sections) == 0:
		return nil, fmt.Errorf("report: page %q has no sections; give it at least one", p.Title)
	}
	type section struct {
		ID, Title, Empty string
		Paragraphs       []string
		Blocks           []template.HTML
	}
	sections := make([]section, len(p.Sections))
	for i, s := range p.Sections {
		if s.Title == "" {
			return nil, fmt.Errorf("report: page %q: section %d has no title", p.Title, i)
		}
		sections[i] = section{
			ID: fmt.Sprintf("section-%d", i+1), Title: s.Title, Paragraphs: paragraphs(s.Text),
			Empty: either(s.Empty, "Not measured in this run."),
		}
		for _, b := range s.Blocks {
			html, err := b.html()
			if err != nil {
				return nil, fmt.Errorf("section %q: %w", s.Title, err)
			}
			sections[i].Blocks = append(sections[i].Blocks, html)
		}
	}
	html, err := fill("page", map[string]any{
		"Title": p.Title, "Lead": paragraphs(p.Lead), "Sections": sections, "Style": template.CSS(style),
	})
	return []byte(html), err
}

// WriteFile writes the page to path, all of it or nothing: whoever opens path sees the old page or the new one.
func (p Page) WriteFile(path string) (err error) {
	html, err := p.HTML()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("report: writing %s: %w", path, err)
		}
	}()
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*.html")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the renaming there is nothing left of that name
	_, err = f.Write(html)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

//go:embed page.gohtml
var pageTemplate string

//go:embed style.css
var style string

var templates = template.Must(template.New("").Funcs(template.FuncMap{"lang": lang}).Parse(pageTemplate))

// fill executes one of the templates of page.gohtml, which escape all that they are given.
func fill(name string, data any) (template.HTML, error) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		return "", fmt.Errorf("report: %w", err)
	}
	return template.HTML(out.String()), nil
}

// lang names the language of a text where it is not the page's, so that a browser picks Chinese letter forms and a screen
// reader a Chinese voice.
func lang(s string) string {
	if strings.ContainsFunc(s, isWide) {
		return "zh"
	}
	return "en"
}

func paragraphs(s string) []string {
	var out []string
	for p := range strings.SplitSeq(s, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// drawing is a block that gonum draws.
type drawing interface {
	name() string
	size() (width, height vg.Length)
	SVG() ([]byte, error)
}

func (c Chart) html() (template.HTML, error) {
	if err := c.validate(); err != nil {
		return "", err
	}
	return figure(c, "", c.AltText(), c.Small)
}

func (m Matrix) html() (template.HTML, error) { return figure(m, m.Title, m.AltText(), false) }

func (c Confusion) html() (template.HTML, error) {
	if err := c.validate(); err != nil {
		return "", err
	}
	return figure(c, c.Title, c.AltText(), false)
}

// figure embeds a drawing in the page. Its size gives way to the page's; its own is the largest it grows to.
func figure(d drawing, title, alt string, small bool) (template.HTML, error) {
	svg, err := d.SVG()
	if err != nil {
		return "", err
	}
	_, rest, found := bytes.Cut(svg, []byte("<svg"))
	_, body, closed := bytes.Cut(rest, []byte(">"))
	if !found || !closed {
		return "", fmt.Errorf("report: %s: the drawing is no SVG", d.name())
	}
	width, height := d.size()
	return fill("figure", map[string]any{
		"Title": title, "Alt": alt, "Small": small, "Body": template.HTML(body),
		"Width": fmt.Sprintf("%.1f", width), "Height": fmt.Sprintf("%.1f", height),
	})
}
