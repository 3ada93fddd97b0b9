package report

import (
	"math"
	"strings"
	"testing"
)

// residual is a layer with a way around it.
func residual() Diagram {
	return Diagram{
		Title: "残差 <x>",
		Boxes: []Box{
			{Name: "x", Row: 2, Shape: Data},
			{Name: "layer", Text: "F & G", Row: 1},
			{Name: "sum", Text: "+", Row: 0, Shape: Join},
		},
		Arrows: []Arrow{
			{From: "x", To: "layer"}, {From: "layer", To: "sum", Text: "F(x)"},
			{From: "x", To: "sum", Via: [][2]float64{{-1, 2}, {-1, 0}}},
		},
	}
}

func TestDiagram(t *testing.T) {
	d := residual()
	svg, err := d.SVG()
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	text := string(svg)
	for what, want := range map[string]int{
		"<rect": 1, "<circle": 1, `fill="none"`: 3, "Z\"": 3, "F &amp; G": 1, "残差 &lt;x&gt;": 1, "NaN": 0,
	} {
		if got := strings.Count(text, what); got != want {
			t.Errorf("%d × %s, want %d, in %s", got, what, want, text)
		}
	}
	// The corners lie 190 pixels to the left of the boxes; the arrow from the box to the circle stops at its edges.
	for _, way := range []string{"L14.0 173.0L14.0 57.0", "M204.0 98.0L204.0 70.0"} {
		if !strings.Contains(text, way) {
			t.Errorf("no way %q in %s", way, text)
		}
	}
	if got, want := d.AltText(), "残差 <x>: x → F & G; F & G → +; x → +"; got != want {
		t.Errorf("the text for those who cannot see it is %q, want %q", got, want)
	}
	if d.Alt = "a layer and a way around it"; d.AltText() != d.Alt {
		t.Errorf("the text is %q, not the one that was given", d.AltText())
	}
	if _, err := (Page{Title: "p", Sections: []Section{{Title: "s", Blocks: []Block{d}}}}).HTML(); err != nil {
		t.Error(err)
	}
}

func TestDiagramRefuses(t *testing.T) {
	for want, change := range map[string]func(*Diagram){
		"has no boxes":                      func(d *Diagram) { d.Boxes = nil },
		`two boxes of the name "x"`:         func(d *Diagram) { d.Boxes[1].Name = "x" },
		`no box is called "nowhere"`:        func(d *Diagram) { d.Arrows[0].To = "nowhere" },
		`the place of "x" is NaN`:           func(d *Diagram) { d.Boxes[0].Row = math.NaN() },
		`a corner of the arrow from "x" to`: func(d *Diagram) { d.Arrows[2].Via[0][0] = math.Inf(1) },
	} {
		d := residual()
		change(&d)
		if _, err := d.SVG(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `diagram "残差`) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestSameScale: the same value has the same colour in all matrices, though their own ranges differ.
func TestSameScale(t *testing.T) {
	rows := []string{"r"}
	narrow := Matrix{Title: "narrow", Rows: rows, Columns: []string{"a", "b"}, Values: [][]float64{{0.4, 0.5}}}
	wide := Matrix{Title: "wide", Rows: rows, Columns: []string{"a", "b", "c"}, Values: [][]float64{{-1, 0.5, 2}}}
	fill := func(m Matrix, column int) any { return m.heatmap().cells[column].fill }
	if fill(narrow, 1) == fill(wide, 1) {
		t.Fatal("0.5 has the same colour in both, on two scales; the test would see nothing")
	}
	list := SameScale(narrow, wide)
	if fill(list[0], 1) != fill(list[1], 1) {
		t.Errorf("0.5 is %v in one matrix and %v in the other", fill(list[0], 1), fill(list[1], 1))
	}
	if fill(list[1], 0) != fill(wide, 0) || fill(list[1], 2) != fill(wide, 2) {
		t.Error("the matrix that spans the scale has changed its colours")
	}
	if narrow.High != 0 {
		t.Error("the matrix that was handed in is changed")
	}
	if got := SameScale(); len(got) != 0 {
		t.Errorf("of nothing comes %v", got)
	}
}

func TestAltText(t *testing.T) {
	for want, d := range map[string]interface{ AltText() string }{
		"digits: seven 0.9; an eight": Gallery{Title: "digits", Pictures: []Picture{{Caption: "seven", Note: "0.9"}, {Alt: "an eight"}, {}}},
		"digits":                      Gallery{Title: "digits", Pictures: []Picture{{}}},
		"seven":                       Gallery{Pictures: []Picture{{Caption: "seven"}}},
		"cosines":                     Matrix{Title: "cosines"},
		"all are alike":               Matrix{Title: "cosines", Alt: "all are alike"},
		"map":                         Scatter{Title: "map"},
		"rises":                       Chart{Title: "loss", Alt: "rises"},
		"few errors":                  Confusion{Title: "zs", Alt: "few errors"},
	} {
		if got := d.AltText(); got != want {
			t.Errorf("%T says %q, want %q", d, got, want)
		}
	}
}
