package main

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
)

// largest is how many bytes a notebook may have, outputs included.
const largest = 300_000

// problems lists what is wrong with an executed notebook: cells that failed, complained, or printed a number outside of the
// range that the lesson states; pictures that code hosting sites do not show; its size.
func problems(nb notebook) []string {
	var list []string
	for i, c := range nb.Cells {
		if c.CellType != "code" {
			continue
		}
		complain := func(format string, args ...any) {
			list = append(list, fmt.Sprintf("cell %d: %s\n%s", i+1, fmt.Sprintf(format, args...), indent(string(c.Source))))
		}
		if c.ExecutionCount == nil {
			complain("it was not executed")
			continue
		}
		if message := failure(c.Outputs); message != "" {
			complain("%s", message)
			continue // its numbers are missing for this reason
		}
		expected, err := expectations(string(c.Source))
		if err != nil {
			complain("%v", err)
		}
		for _, e := range expected {
			if message := e.check(printed(c.Outputs)); message != "" {
				complain("%s", message)
			}
		}
	}
	if data, err := nb.bytes(); err != nil {
		list = append(list, err.Error())
	} else if len(data) > largest {
		list = append(list, fmt.Sprintf("it is %d bytes; at most %d keep it readable on code hosting sites", len(data), largest))
	}
	return list
}

var tag = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)

// failure says why a cell failed, or "". GoNB reports a failed cell as an error, as text on stderr, or as HTML; a cell of a
// lesson has nothing to write to stderr.
func failure(outputs []output) string {
	for _, o := range outputs {
		switch {
		case o.OutputType == "error":
			return fmt.Sprintf("it failed: %s: %s\n%s", o.EName, o.EValue, stderr(outputs))
		case o.OutputType == "stream" && o.Name == "stderr":
			return "it wrote to stderr: " + strings.TrimSpace(string(o.Text))
		case strings.Contains(string(o.Data["text/html"]), "gonb-err-location"):
			report := html.UnescapeString(tag.ReplaceAllString(string(o.Data["text/html"]), ""))
			return "it was not compiled: " + strings.Join(strings.Fields(report), " ")
		}
	}
	return ""
}

func stderr(outputs []output) string {
	var all strings.Builder
	for _, o := range outputs {
		if o.Name == "stderr" {
			all.WriteString(string(o.Text))
		}
	}
	return strings.TrimSpace(all.String())
}

// printed is what a cell wrote for people to read.
func printed(outputs []output) string {
	var all strings.Builder
	for _, o := range outputs {
		if o.OutputType == "stream" {
			all.WriteString(string(o.Text) + "\n")
		}
		all.WriteString(string(o.Data["text/markdown"]) + "\n")
	}
	return all.String()
}

// check says what is wrong with the number that follows the name, wherever it is printed, or "".
func (e expectation) check(text string) string {
	after := regexp.MustCompile(`(?:^|[^\pL\pN])` + regexp.QuoteMeta(e.name) + `[^-0-9\n]*(-?[0-9][0-9,]*\.?[0-9]*(?:e[-+]?[0-9]+)?)`)
	found := after.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		return fmt.Sprintf("it prints no number after %q", e.name)
	}
	for _, m := range found {
		x, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
		if err != nil || x < e.low || x > e.high {
			return fmt.Sprintf("%s is %s, outside of %g to %g", e.name, m[1], e.low, e.high)
		}
	}
	return ""
}

func indent(source string) string {
	return "    | " + strings.ReplaceAll(source, "\n", "\n    | ")
}
