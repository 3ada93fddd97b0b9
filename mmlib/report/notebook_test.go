package report

import (
	"encoding/xml"
	"errors"
	"image"
	"io"
	"math"
	"strings"
	"testing"
)

// wellFormed reads a drawing as XML to its end.
func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v in %.300s", err, svg)
		}
	}
}

func TestGallerySVG(t *testing.T) {
	g := Gallery{Title: "A & B", Pictures: []Picture{
		{Image: digit(), Caption: "手写的七 <7>", Note: "0.9"},
		{Image: digit(), Weights: [][]float64{{1, 0}, {0, 1}}},
	}}
	svg, err := g.SVG()
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	text := string(svg)
	if strings.Count(text, "<image") != 2 || !strings.Contains(text, "手写的七 &lt;7&gt;") || !strings.Contains(text, "A &amp; B") {
		t.Errorf("%.600s", text)
	}
	many := Gallery{}
	for range 30 {
		many.Pictures = append(many.Pictures, Picture{Image: digit()})
	}
	if svg, err = many.SVG(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(svg), `y="372"`) { // the fourth row: 3 · (112 + 12) + nothing above
		t.Errorf("30 pictures do not stand in rows: %.300s", svg)
	}
	for _, bad := range []Gallery{{Title: "x"}, {Title: "x", Pictures: []Picture{{}}},
		{Title: "x", Pictures: []Picture{{Image: image.NewGray(image.Rect(0, 0, 0, 0))}}}} {
		if _, err := bad.SVG(); err == nil || !strings.Contains(err.Error(), `gallery "x"`) {
			t.Errorf("error %v", err)
		}
	}
}

func TestScatter(t *testing.T) {
	s := Scatter{Title: "map", XLabel: "x", YLabel: "y", Points: []Mark{{0, 0, "0", 0, false}, {1, 2, "<7>", 7, true},
		{1, 2, "七", 17, false}}}
	svg, err := s.SVG()
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	text := string(svg)
	if strings.Index(text, "&lt;7&gt;") < strings.Index(text, "七") {
		t.Error("the strong point is not above the others")
	}
	if _, err := (Page{Title: "p", Sections: []Section{{Title: "s", Blocks: []Block{s}}}}).HTML(); err != nil {
		t.Error(err)
	}
	if _, err := (Scatter{Title: "one", Points: []Mark{{X: 3, Y: 3}}}).SVG(); err != nil {
		t.Errorf("a single point: %v", err)
	}
	for _, bad := range []Scatter{{Title: "x"}, {Title: "x", Points: []Mark{{X: math.NaN()}}}, {Title: "x", Points: []Mark{{Class: -1}}}} {
		if _, err := bad.SVG(); err == nil || !strings.Contains(err.Error(), `scatter "x"`) {
			t.Errorf("error %v", err)
		}
	}
}

func TestTableMarkdown(t *testing.T) {
	got, err := Table{Title: "T", Columns: []string{"name", "%"}, Rows: [][]string{{"a|b", "1.5"}, {"c\nsmall", "20"}}}.Markdown()
	want := "**T**\n\n| name | % |\n|---|---:|\n| a\\|b | 1.5 |\n| c<br>small | 20 |\n"
	if err != nil || got != want {
		t.Errorf("got %q, error %v, want %q", got, err, want)
	}
	if _, err := (Table{Title: "T"}).Markdown(); err == nil {
		t.Error("an empty table is written")
	}
}
