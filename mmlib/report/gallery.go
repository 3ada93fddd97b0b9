package report

import (
	"fmt"
	"html/template"
	"image"
	"regexp"
	"strings"
)

// Gallery is a row, or several, of small pictures with captions.
type Gallery struct {
	Title    string
	Pictures []Picture
}

// Picture is one picture of a gallery. Small ones, such as MNIST's, are enlarged with their pixels left square.
type Picture struct {
	Image   image.Image
	Weights [][]float64 // attention over a grid of patches, laid over the picture as Overlay does; nil for none
	Caption string
	Note    string // a second, quieter line: a score, a probability
	Alt     string // what the picture shows, for those who cannot see it; the caption when empty
}

func (g Gallery) name() string { return fmt.Sprintf("gallery %q", g.Title) }

// shown is a picture as the template wants it.
type shown struct {
	Source             template.URL
	Caption, Note, Alt string
	Large              bool
}

func (g Gallery) html() (template.HTML, error) {
	if len(g.Pictures) == 0 {
		return "", fmt.Errorf("report: %s has no pictures; leave it out", g.name())
	}
	pictures := make([]shown, len(g.Pictures))
	for i, p := range g.Pictures {
		where := fmt.Sprintf("%s: picture %d", g.name(), i)
		img := p.Image
		if p.Weights != nil {
			var err error
			if img, err = Overlay(p.Image, p.Weights); err != nil {
				return "", fmt.Errorf("%s: %w", where, err)
			}
		}
		source, err := dataURI(where, img)
		if err != nil {
			return "", err
		}
		pictures[i] = shown{source, p.Caption, p.Note, either(p.Alt, p.Caption, fmt.Sprintf("picture %d", i+1)), p.Weights != nil}
	}
	return fill("gallery", map[string]any{"Title": g.Title, "Pictures": pictures})
}

// Table is rows of text under headings. A column of numbers is set flush right.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]string // what follows a line break in a cell stands smaller beneath

	// Pictures, one a row, stand in a column of their own before the others; nil for none. Columns does not name it.
	Pictures []Picture
}

func (t Table) name() string { return fmt.Sprintf("table %q", t.Title) }

func (t Table) validate() error {
	switch {
	case len(t.Rows) == 0:
		return fmt.Errorf("report: %s has no rows; leave it out", t.name())
	case len(t.Columns) == 0:
		return fmt.Errorf("report: %s has no columns", t.name())
	case len(t.Pictures) != 0 && len(t.Pictures) != len(t.Rows):
		return fmt.Errorf("report: %s has %d pictures but %d rows; give one a row or none", t.name(), len(t.Pictures), len(t.Rows))
	}
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return fmt.Errorf("report: %s: row %d has %d cells but there are %d columns", t.name(), i, len(row), len(t.Columns))
		}
	}
	return nil
}

// cellText is a table's cell or heading as the template wants it.
type cellText struct {
	Text, Note string
	Numeric    bool
}

func (t Table) html() (template.HTML, error) {
	if err := t.validate(); err != nil {
		return "", err
	}
	type line struct {
		Picture *shown
		Cells   []cellText
	}
	numeric := t.numericColumns()
	lines := make([]line, len(t.Rows))
	for i, row := range t.Rows {
		if len(t.Pictures) > 0 {
			p := t.Pictures[i]
			source, err := dataURI(fmt.Sprintf("%s: picture %d", t.name(), i), p.Image)
			if err != nil {
				return "", err
			}
			lines[i].Picture = &shown{Source: source, Caption: p.Caption, Note: p.Note, Alt: either(p.Alt, p.Caption)}
		}
		lines[i].Cells = cells(row, numeric)
	}
	return fill("table", map[string]any{
		"Title": t.Title, "Columns": cells(t.Columns, numeric), "Lines": lines, "Pictured": len(t.Pictures) > 0,
	})
}

func cells(row []string, numeric []bool) []cellText {
	out := make([]cellText, len(row))
	for i, s := range row {
		first, rest, _ := strings.Cut(s, "\n")
		out[i] = cellText{first, rest, numeric[i]}
	}
	return out
}

var number = regexp.MustCompile(`^[-+−]?[0-9][0-9.,]*( ?%)?$`)

// numericColumns finds the columns that hold numbers only.
func (t Table) numericColumns() []bool {
	numeric := make([]bool, len(t.Columns))
	for j := range numeric {
		numeric[j] = true
		for _, row := range t.Rows {
			numeric[j] = numeric[j] && number.MatchString(row[j])
		}
	}
	return numeric
}

// either returns the first text that is not empty.
func either(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
