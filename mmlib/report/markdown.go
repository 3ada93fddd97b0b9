package report

import "strings"

// Markdown returns the table in Markdown, as code hosting sites and notebooks show it. Its pictures are left out.
func (t Table) Markdown() (string, error) {
	if err := t.validate(); err != nil {
		return "", err
	}
	var out strings.Builder
	if t.Title != "" {
		out.WriteString("**" + markdownCell(t.Title) + "**\n\n")
	}
	line := func(cells []string) {
		for _, cell := range cells {
			out.WriteString("| " + markdownCell(cell) + " ")
		}
		out.WriteString("|\n")
	}
	line(t.Columns)
	for _, numeric := range t.numericColumns() {
		if numeric {
			out.WriteString("|---:")
		} else {
			out.WriteString("|---")
		}
	}
	out.WriteString("|\n")
	for _, row := range t.Rows {
		line(row)
	}
	return out.String(), nil
}

// markdownCell keeps a text from ending its cell.
func markdownCell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>").Replace(s)
}
