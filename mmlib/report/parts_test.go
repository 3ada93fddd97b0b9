package report

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func TestOverlay(t *testing.T) {
	out, err := Overlay(digit(), [][]float64{{0, 1}, {0.5, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if out.Bounds() != image.Rect(0, 0, 224, 224) {
		t.Errorf("bounds %v; want eight times 28 × 28", out.Bounds())
	}
	red := func(x, y int) uint32 { r, _, _, _ := out.At(x, y).RGBA(); return r }
	if low, half, top := red(1, 1), red(1, 223), red(223, 1); low >= half || half >= top {
		t.Errorf("weights 0, 0.5 and 1 glow %d, %d and %d; want ascending", low, half, top)
	}
	if red(14*8, 10*8) <= red(20*8, 10*8) {
		t.Error("the picture cannot be seen under its weights")
	}
	moved := image.NewGray(image.Rect(5, 5, 33, 33)) // a part of a larger picture does not begin at 0
	if out, err = Overlay(moved, [][]float64{{1}}); err != nil || out.Bounds().Dx() != 224 {
		t.Errorf("%v, %v", out, err)
	}
}

// The interval's ends are the accuracies from which what was seen lies 1.96 standard deviations away.
func TestWilson(t *testing.T) {
	for _, c := range []struct{ right, total int }{{9784, 10000}, {5, 10}, {1, 10}, {0, 10}, {10, 10}} {
		low, high, err := Accuracy{"a", c.right, c.total}.Wilson()
		if err != nil || low < 0 || high > 1 || low >= high {
			t.Errorf("%d of %d: %g to %g, %v", c.right, c.total, low, high, err)
		}
		seen := float64(c.right) / float64(c.total)
		for _, end := range []float64{low, high} {
			if end < 1e-12 || end > 1-1e-12 {
				continue // nothing, or everything, was right: the outer end is what was seen
			}
			if z := math.Abs(seen-end) / math.Sqrt(end*(1-end)/float64(c.total)); math.Abs(z-1.96) > 1e-3 {
				t.Errorf("%d of %d: %g is %g standard deviations away; want 1.96", c.right, c.total, end, z)
			}
		}
	}
	for _, a := range []Accuracy{{"a", 0, 0}, {"a", 3, 2}, {"a", -1, 2}} {
		if _, err := Results([]Accuracy{a}); err == nil || !strings.Contains(err.Error(), `accuracy "a"`) {
			t.Errorf("%+v: got error %v", a, err)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		percent   bool
		want      string
	}{
		{0, 2500, false, "[0 500 1,000 1,500 2,000 2,500]"},
		{3, 5.6, false, "[3.0 3.5 4.0 4.5 5.0 5.5]"},
		{0, 0.001, false, "[0 2e-4 4e-4 6e-4 8e-4 1e-3]"},
		{0.91, 0.985, true, "[92 % 94 % 96 % 98 %]"},
		{0.9801, 0.9864, true, "[98.1 % 98.2 % 98.3 % 98.4 % 98.5 % 98.6 %]"},
		{-20000, 40000, false, "[-20,000 -10,000 0 10,000 20,000 30,000 40,000]"},
	} {
		var got []string
		for _, m := range (ticks{percent: c.percent}).Ticks(c.low, c.high) {
			got = append(got, m.Label)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("ticks from %g to %g: %v; want %s", c.low, c.high, got, c.want)
		}
	}
	for width := 1e-9; width < 1e9; width *= 1.37 {
		if n := len(ticks{}.Ticks(0, width)); n < 3 || n > 8 {
			t.Errorf("%d ticks from 0 to %g", n, width)
		}
	}
}

func TestThinKeepsSpikes(t *testing.T) {
	points := make(plotter.XYs, 100_000)
	for i := range points {
		points[i].X = float64(i)
	}
	points[77_777].Y = 9
	thinned, top := thin(points, maxPoints), 0.0
	for i, p := range thinned {
		top = max(top, p.Y)
		if i > 0 && p.X < thinned[i-1].X {
			t.Fatalf("point %d goes back", i)
		}
	}
	if len(thinned) > maxPoints || top != 9 {
		t.Errorf("%d points with maximum %g; want at most %d with maximum 9", len(thinned), top, maxPoints)
	}
}

func TestRunningMean(t *testing.T) {
	got := runningMean(plotter.XYs{{X: 0, Y: 1}, {X: 1, Y: 2}, {X: 2, Y: 6}, {X: 3, Y: 4}}, 3)
	want := plotter.XYs{{X: 0, Y: 1}, {X: 1, Y: 3}, {X: 2, Y: 4}, {X: 3, Y: 5}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v; want %v", got, want)
	}
}

func TestChineseIsMeasuredInSquares(t *testing.T) {
	style := letters(10, ink, draw.XLeft, draw.YBottom)
	if w := style.Width("数字七"); w != 30 {
		t.Errorf("three characters of 10 points are %v wide; want 30", w)
	}
	if w, want := style.Width("a七"), style.Width("a")+10; math.Abs(float64(w-want)) > 1e-9 {
		t.Errorf("mixed text is %v wide; want %v", w, want)
	}
}

func TestLabelsFitTheDrawing(t *testing.T) {
	long := strings.Repeat("caption ", 8)
	g := heatmap{rows: []string{"0"}, columns: []string{long, "b"}}
	width, height := g.size()
	lean := widest([]string{long}) * math.Sqrt2 / 2
	if at := g.middle(0, 0); at.X < lean || at.Y-g.side()/2 < lean || width < at.X+g.side() || height < at.Y {
		t.Errorf("a label that leans %v left and down from %v is cut off at %v × %v", lean, at, width, height)
	}
	if small := (heatmap{rows: make([]string, 64), columns: make([]string, 64)}); small.side()*64 > vg.Length(cellsSide) {
		t.Errorf("64 cells of %v are wider than %d", small.side(), cellsSide)
	}
}

// With nothing measured every section stands with its text; with something, its blocks can be drawn.
func TestSections(t *testing.T) {
	results, err := Results(nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := Page{Title: "nothing", Sections: []Section{
		results, Curves(Training{}), Similarity(), Attention(), Neighbours(nil), Confused(), Mistakes("", nil),
	}}
	html, err := empty.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(html, []byte("Not measured in this run.")); n != 6 ||
		!bytes.Contains(html, []byte("There are no mistakes to show.")) {
		t.Errorf("%d of 6 empty sections say so", n)
	}
	line := Series{Name: "s", X: []float64{1, 2}, Y: []float64{0.5, 0.9}}
	curves := Curves(Training{Loss: line, LearningRate: line, Accuracy: line, Floor: 0.3, FloorLabel: ContrastiveFloor(0.3)})
	found := Neighbours([]Query{
		{Text: "数字七", Hits: []Hit{{Picture: digit(), Text: "7", Score: 0.7}}},
		{Picture: digit(), Text: "7", Hits: []Hit{{Text: "seven", Score: 0.7}, {Text: "one", Score: 0.2}}},
		{Picture: digit(), Text: "1", Hits: []Hit{{Text: "one", Score: 0.6}}},
	})
	wrong := Mistakes("zero-shot", []Mistake{{digit(), "1", "7", 0.99}})
	if len(curves.Blocks) != 3 || len(found.Blocks) != 2 || len(wrong.Blocks) != 1 {
		t.Errorf("%d, %d and %d blocks; want 3, 2 and 1", len(curves.Blocks), len(found.Blocks), len(wrong.Blocks))
	}
	html, err = Page{Title: "all", Sections: []Section{curves, found, wrong}}.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"floor E[ln n_c] = 0.30", "lowest value this loss can reach", `lang="zh">数字七`,
		"seven<small>0.70</small>", "is 1, said 7", "99.0 %", "goes from 0.5 at step 1 to 0.9 at 2",
	} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
