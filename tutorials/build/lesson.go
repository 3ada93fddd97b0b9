package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// lesson is a tutorial's source: Markdown with Go cells, in the format that Jupytext calls Markdown.
type lesson struct {
	language, name string // "en", "03-attention"
	header         string // the YAML between the two lines ---, which names the kernel
	cells          []cell
}

// cell is a part of a lesson: text, or code between ```go and ```.
type cell struct {
	code   bool
	source string // without a newline at the end
}

var answerLine = regexp.MustCompile(`^// answers? [0-9]+( (to|and) [0-9]+)?\n`)

// answer reports whether the cell is the answer to an exercise, which is executed but shown folded: its first line is
// "// answer 2", or for several together "// answers 1 to 3".
func (c cell) answer() bool { return c.code && answerLine.MatchString(c.source) }

// languages are the folders of tutorials/ and of notebooks/.
var languages = []string{"en", "zh"}

// readLessons reads all lessons of a language, in order.
func readLessons(root, language string) ([]lesson, error) {
	paths, err := filepath.Glob(filepath.Join(root, "tutorials", language, "*.md"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var all []lesson
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		l, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		l.language, l.name = language, strings.TrimSuffix(filepath.Base(path), ".md")
		all = append(all, l)
	}
	return all, nil
}

// parse cuts a lesson into its cells.
func parse(text string) (lesson, error) {
	rest, ok := strings.CutPrefix(text, "---\n")
	header, rest, closed := strings.Cut(rest, "\n---\n")
	if !ok || !closed {
		return lesson{}, errors.New("it does not begin with a header between two lines ---")
	}
	l := lesson{header: header}
	var lines []string
	code, begun := false, 0
	flush := func() {
		source := strings.Trim(strings.Join(lines, "\n"), "\n")
		if code || source != "" {
			l.cells = append(l.cells, cell{code, source})
		}
		lines = nil
	}
	other := "" // the fence of a block in the text that is no cell
	for i, line := range strings.Split(rest, "\n") {
		fence := strings.TrimSpace(line)
		switch {
		case !code && other == "" && fence == "```go":
			flush()
			code, begun = true, i+strings.Count(header, "\n")+4
		case code && line == "```":
			flush()
			code = false
		case !code && other == "" && strings.HasPrefix(fence, "```"):
			other = "```"
			lines = append(lines, line)
		case !code && other != "" && fence == other:
			other = ""
			lines = append(lines, line)
		default:
			lines = append(lines, line)
		}
	}
	if code {
		return lesson{}, fmt.Errorf("the cell that begins in line %d has no end", begun)
	}
	flush()
	return l, nil
}

// code are the code cells.
func (l lesson) code() []string {
	var list []string
	for _, c := range l.cells {
		if c.code {
			list = append(list, c.source)
		}
	}
	return list
}

// expectation is a number that a cell must print, in a comment of the cell:
//
//	// expect accuracy: 97.5 to 99
//
// In what the cell prints, the number follows the name in the same line.
type expectation struct {
	name      string
	low, high float64
}

var expectLine = regexp.MustCompile(`(?m)^\s*//\s*expect\b(.*)$`)
var expectForm = regexp.MustCompile(`^ (.+): (-?[0-9.]+(?:e-?[0-9]+)?) to (-?[0-9.]+(?:e-?[0-9]+)?)$`)

// expectations are those of a code cell.
func expectations(source string) ([]expectation, error) {
	var list []expectation
	for _, m := range expectLine.FindAllStringSubmatch(source, -1) {
		parts := expectForm.FindStringSubmatch(m[1])
		if parts == nil {
			return nil, fmt.Errorf("%q: write // expect NAME: LOW to HIGH", strings.TrimSpace(m[0]))
		}
		e := expectation{name: parts[1]}
		if _, err := fmt.Sscan(parts[2]+" "+parts[3], &e.low, &e.high); err != nil || e.low > e.high {
			return nil, fmt.Errorf("%q: the range is no range of numbers", strings.TrimSpace(m[0]))
		}
		list = append(list, e)
	}
	return list, nil
}
