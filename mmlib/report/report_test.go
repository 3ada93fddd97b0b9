package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const hostile = `</figcaption><script>alert("1")</script>'"&<img src=x onerror=y>`

func digit() *image.Gray {
	img := image.NewGray(image.Rect(0, 0, 28, 28))
	for y := 4; y < 24; y++ {
		img.SetGray(14, y, color.Gray{Y: 255})
	}
	return img
}

// everything is a page with one block of each kind; every text in it is the given one.
func everything(s string) Page {
	labels := []string{s, s + "2"}
	return Page{Title: s, Lead: s, Sections: []Section{
		{Title: s, Text: s, Blocks: []Block{
			Chart{Title: s, XLabel: s, Series: []Series{{Name: s, X: []float64{1, 2}, Y: []float64{3, 4}},
				{Name: s, X: []float64{1}, Y: []float64{2}}},
				Levels: []Level{{Label: s, Y: 1}, {Label: s, Y: 2, Above: true}}},
			Matrix{Title: s, RowsAre: s, ColumnsAre: s, Rows: labels, Columns: labels, Values: [][]float64{{1, 2}, {3, 4}}},
			Confusion{Title: s, Classes: labels, Counts: [][]int{{90, 2}, {0, 100}}},
			Gallery{Title: s, Pictures: []Picture{{Image: digit(), Caption: s, Note: s}}},
			Gallery{Title: s, Pictures: []Picture{{Image: digit(), Weights: [][]float64{{1, 0}, {0, 2}}, Alt: s}}},
			Table{Title: s, Columns: labels, Rows: [][]string{{s, s}}, Pictures: []Picture{{Image: digit(), Caption: s}}},
		}},
		{Title: s, Empty: s},
	}}
}

func TestPageEscapesAndNeedsNothingElse(t *testing.T) {
	html, err := everything(hostile).HTML()
	if err != nil {
		t.Fatal(err)
	}
	page := string(html)
	for _, bad := range []string{"<script", "<img src=x", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, attribute := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if a := attribute[1]; !strings.HasPrefix(a, "data:image/png;base64,") && !strings.HasPrefix(a, "#section-") {
			t.Errorf("the page refers to %.60q", a)
		}
	}
	for _, rule := range []string{"url(", "@import"} {
		if strings.Contains(page, rule) {
			t.Errorf("the style sheet has %q", rule)
		}
	}
	for _, img := range regexp.MustCompile(`<img [^>]*>`).FindAllString(page, -1) {
		if !regexp.MustCompile(`alt="[^"]+"`).MatchString(img) {
			t.Errorf("a picture has no alternative text: %.80s", img)
		}
	}
	if n := strings.Count(page, `role="img" aria-label="`); n != 3 {
		t.Errorf("%d drawings have an alternative text; want 3", n)
	}
}

func TestSameDataSameBytes(t *testing.T) {
	first, err := everything("数字七").HTML()
	if err != nil {
		t.Fatal(err)
	}
	second, err := everything("数字七").HTML()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the same page gave different bytes")
	}
	if !bytes.Contains(first, []byte(`<figcaption lang="zh">数字七`)) || bytes.Contains(first, []byte("\ufffd")) {
		t.Error("Chinese text is damaged or not marked as Chinese")
	}
}

// A drawing is well-formed XML, keeps Chinese as text and has no coordinate that is not a number.
func TestDrawingsAreGoodSVG(t *testing.T) {
	labels := []string{"一张数字七的照片", hostile}
	for _, d := range []drawing{
		Chart{Title: "七", Series: []Series{{Name: "one point", X: []float64{5}, Y: []float64{5}}}},
		Chart{Title: "七 flat", Percent: true, Small: true, Series: []Series{{X: []float64{1, 2, 3}, Y: []float64{1, 1, 1}, Smooth: 2}}},
		Chart{Title: "七 huge", Series: []Series{{X: []float64{-1e15, 1e15}, Y: []float64{1e15, -1e15}}}, Levels: []Level{{Label: "zero", Y: 0}}},
		Chart{Title: "七 tiny", Series: []Series{{X: []float64{0, 5e-324}, Y: []float64{1e15 - 1, 1e15}}}},
		Matrix{Title: "one cell", Rows: labels[:1], Columns: labels[:1], Values: [][]float64{{7}}, Diagonal: true},
		Matrix{Title: "wide", Rows: labels[:1], Columns: labels, Values: [][]float64{{-1e15, 1e15}}},
		Confusion{Title: "no errors", Classes: labels, Counts: [][]int{{3, 0}, {0, 0}}},
	} {
		svg, err := d.SVG()
		if err != nil {
			t.Error(err)
			continue
		}
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s has a coordinate that is no number", d.name())
		}
		if strings.Contains(d.name(), "七") != bytes.Contains(svg, []byte("七")) && !bytes.Contains(svg, []byte("数字七")) {
			t.Errorf("%s lost its Chinese text", d.name())
		}
		for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", d.name(), err)
			}
		}
	}
}

func TestBadInputIsRefusedByName(t *testing.T) {
	nan, inf, ok := math.NaN(), math.Inf(1), []float64{1, 2}
	series := func(x, y []float64) Chart { return Chart{Title: "loss", Series: []Series{{Name: "train", X: x, Y: y}}} }
	matrix := func(v ...[]float64) Matrix {
		return Matrix{Title: "en", Rows: []string{"0", "1"}, Columns: []string{"zero", "one"}, Values: v}
	}
	picture := func(p Picture) Gallery { return Gallery{Title: "digits", Pictures: []Picture{p}} }
	for _, c := range []struct {
		block Block
		want  string
	}{
		{Chart{Title: "loss"}, `chart "loss" has no series`},
		{series(nil, nil), `chart "loss": series "train" has no points`},
		{series(ok, ok[:1]), `series "train" has 2 X but 1 Y`},
		{series(ok, []float64{1, nan}), `series "train": Y[1] is NaN`},
		{series([]float64{inf, 1}, ok), `series "train": X[0] is +Inf`},
		{series(ok, []float64{1, 1e300}), `Y[1] is 1e+300; values beyond`},
		{series([]float64{2, 1}, ok), `X[1] is 1, below X[0], 2; sort`},
		{Chart{Title: "loss", Series: []Series{{Name: "train", X: ok, Y: ok, Smooth: -1}}}, `Smooth is -1`},
		{Chart{Title: "loss", Series: []Series{{Name: "train", X: ok, Y: ok}}, Levels: []Level{{Label: "floor", Y: nan}}},
			`level "floor" is NaN`},
		{Matrix{Title: "en"}, `matrix "en" is empty`},
		{matrix(ok), `has 1 rows of values but 2 row labels`},
		{matrix(ok, ok[:1]), `row 1 has 1 values but there are 2 column labels`},
		{matrix(ok, []float64{inf, 1}), `row "1", column "zero", is +Inf`},
		{Matrix{Title: "en", Rows: make([]string, 65), Columns: []string{"a"}, Values: make([][]float64, 65)}, `65 × 1, too large`},
		{Confusion{Title: "zs"}, `confusion matrix "zs" is empty`},
		{Confusion{Title: "zs", Classes: []string{"a"}, Counts: [][]int{{0}}}, `counts no examples`},
		{Confusion{Title: "zs", Classes: []string{"a"}, Counts: [][]int{{-1}}}, `class "a" taken for "a" -1 times`},
		{Gallery{Title: "digits"}, `gallery "digits" has no pictures`},
		{picture(Picture{}), `gallery "digits": picture 0 is empty`},
		{picture(Picture{Image: digit(), Weights: [][]float64{{1}, {}}}), `row 1 has 0 values but row 0 has 1`},
		{picture(Picture{Image: digit(), Weights: [][]float64{{0}}}), `all attention weights are 0`},
		{picture(Picture{Image: digit(), Weights: [][]float64{{-1}}}), `attention weight [0][0] is -1`},
		{picture(Picture{Image: digit(), Weights: [][]float64{{1, nan}}}), `attention weight [0][1] is NaN`},
		{picture(Picture{Weights: [][]float64{{1}}}), `the picture under the attention weights is empty`},
		{Table{Title: "run"}, `table "run" has no rows`},
		{Table{Title: "run", Rows: [][]string{{}}}, `table "run" has no columns`},
		{Table{Title: "run", Columns: []string{"a"}, Rows: [][]string{{}}}, `row 0 has 0 cells but there are 1 columns`},
		{Table{Title: "run", Columns: []string{"a"}, Rows: [][]string{{"x"}}, Pictures: make([]Picture, 2)}, `2 pictures but 1 rows`},
	} {
		_, err := Page{Title: "p", Sections: []Section{{Title: "part", Blocks: []Block{c.block}}}}.HTML()
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `section "part"`) {
			t.Errorf("got %v; want an error with %q", err, c.want)
		}
	}
	for want, page := range map[string]Page{
		"no title": {}, "no sections": {Title: "p"}, "section 0 has no title": {Title: "p", Sections: make([]Section, 1)},
	} {
		if _, err := page.HTML(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want an error with %q", err, want)
		}
	}
}

func TestWriteFileIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	if err := everything("first").WriteFile(path); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := (Page{Title: "broken"}).WriteFile(path); err == nil {
		t.Error("a page without sections was written")
	}
	if err := everything("x").WriteFile(filepath.Join(dir, "missing", "report.html")); err == nil ||
		!strings.Contains(err.Error(), filepath.Join("missing", "report.html")) {
		t.Errorf("got %v; want an error that names the path", err)
	}
	again, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("a failed writing changed the file (%v)", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v; want 0644", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files are left over beside the report (%v)", len(entries)-1, err)
	}
}
