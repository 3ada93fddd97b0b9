package notebook

import (
	"errors"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"gomm/mmlib/report"
)

// TestMain keeps what tests and examples save in a folder that goes with them.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "notebook-test-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Setenv("TMPDIR", dir); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// listen puts itself in the place of the notebook, and of the program's end.
func listen(t *testing.T) (shown *[]map[protocol.MIMEType]any, ended *int) {
	t.Helper()
	shown, ended = new([]map[protocol.MIMEType]any), new(int)
	oldSend, oldExit := send, exit
	send = func(data map[protocol.MIMEType]any) error { *shown = append(*shown, data); return nil }
	exit = func(status int) { *ended = status; panic("the cell has ended") }
	t.Cleanup(func() { send, exit = oldSend, oldExit })
	t.Setenv(protocol.GONB_TMP_DIR_ENV, t.TempDir())
	return shown, ended
}

// ends reports whether f ends the cell.
func ends(f func()) (ended bool) {
	defer func() { ended = recover() != nil }()
	f()
	return false
}

func TestKeep(t *testing.T) {
	listen(t)
	type pair struct {
		Name   string
		Values []float32
	}
	Save("pair", pair{"a", []float32{1, 2}})
	Save("pair", pair{"b", []float32{3}})
	if got := Load[pair]("pair"); got.Name != "b" || len(got.Values) != 1 || got.Values[0] != 3 {
		t.Errorf("picked up %+v, want what was saved last", got)
	}
	var number int
	for what, err := range map[string]error{
		`nothing is kept under "none": run the cell that saves it first`: load("none", &number),
		`"pair" does not fit the type *int`:                              load("pair", &number),
		`"a/b" cannot be the name of a kept value`:                       save("a/b", 1),
		`"f", a func(), cannot be kept`:                                  save("f", func() {}),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want one with %q", err, what)
		}
	}
}

func TestMust(t *testing.T) {
	_, status := listen(t)
	if got := Must(7, nil); got != 7 {
		t.Errorf("Must gives %d, want 7", got)
	}
	if a, b := Must2(1, "x", nil); a != 1 || b != "x" {
		t.Errorf("Must2 gives %d and %q, want 1 and x", a, b)
	}
	if !ends(func() { Must(0, errors.New("broken")) }) || *status != 1 {
		t.Errorf("an error does not end the cell with status 1 but with %d", *status)
	}
}

// TestMissingRun: what an earlier cell of the notebook should have made is asked of that cell; other files are not.
func TestMissingRun(t *testing.T) {
	for path, asked := range map[string]bool{filepath.Join(Dir(), "clip"): true, filepath.Join(t.TempDir(), "clip"): false} {
		_, err := os.ReadFile(path)
		if got := strings.Contains(explain(err).Error(), "Run All Above"); got != asked || !errors.Is(explain(err), fs.ErrNotExist) {
			t.Errorf("%v", explain(err))
		}
	}
}

func TestShow(t *testing.T) {
	shown, _ := listen(t)
	Show("**text**", image.NewGray(image.Rect(0, 0, 2, 2)),
		report.Table{Columns: []string{"a"}, Rows: [][]string{{"1"}}},
		report.Matrix{Title: "title", Rows: []string{"七"}, Columns: []string{"x"}, Values: [][]float64{{1}}})
	want := []protocol.MIMEType{protocol.MIMETextMarkdown, protocol.MIMEImagePNG, protocol.MIMETextMarkdown, protocol.MIMETextMarkdown,
		protocol.MIMEImageSVG}
	if len(*shown) != len(want) {
		t.Fatalf("%d things are shown, want %d", len(*shown), len(want))
	}
	for i, data := range *shown {
		if _, ok := data[want[i]]; !ok || len(data) != 1 {
			t.Errorf("thing %d is %v, want %s", i, data, want[i])
		}
	}
	if title := (*shown)[3][protocol.MIMETextMarkdown]; title != "**title**" {
		t.Errorf("the title above the matrix is %v", title)
	}
	svg := (*shown)[4][protocol.MIMEImageSVG].(string)
	if !strings.Contains(svg, `fill="#ffffff"`) || !strings.Contains(svg, "七") {
		t.Errorf("the drawing has no white ground or no Chinese text: %.200s", svg)
	}
	if !strings.Contains(svg, ` role="img"><title>title</title><rect`) {
		t.Errorf("the drawing says nothing to those who cannot see it: %.400s", svg)
	}
	if err := show(3); err == nil || !strings.Contains(err.Error(), "int cannot be shown") {
		t.Errorf("a number: error %v", err)
	}
	if err := show(report.Table{}); err == nil {
		t.Error("an empty table is shown")
	}
}

func TestSlider(t *testing.T) {
	shown, _ := listen(t)
	frame := report.Matrix{Alt: "a < b", Rows: []string{"r"}, Columns: []string{"c"}, Values: [][]float64{{1}}}
	Slider{Label: "<τ>", Values: []string{"1", "2", "3"}, Frames: []Drawing{frame, frame, frame}}.Show()
	html := (*shown)[0][protocol.MIMETextHTML].(string)
	if strings.Count(html, "<title>a &lt; b</title>") != 3 {
		t.Errorf("the frames say nothing to those who cannot see them: %.400s", html)
	}
	if strings.Count(html, "<figure") != 3 || strings.Count(html, "display:block") != 1 || !strings.Contains(html, "&lt;τ&gt;") ||
		strings.Contains(html, "<?xml") {
		t.Errorf("the slider is %.400s", html)
	}
	if err := (Slider{Label: "x", Values: []string{"1"}}).show(); err == nil || !strings.Contains(err.Error(), "1 values and 0 frames") {
		t.Errorf("error %v", err)
	}
}

// TestNotANotebook: outside of a notebook showing is an error that says so, and keeping works.
func TestNotANotebook(t *testing.T) {
	t.Setenv(protocol.GONB_PIPE_ENV, "")
	t.Setenv(protocol.GONB_TMP_DIR_ENV, "")
	t.Setenv("TMPDIR", t.TempDir())
	if err := show("x"); err == nil || !strings.Contains(err.Error(), "not a cell of a notebook") {
		t.Errorf("error %v", err)
	}
	Save("x", 5)
	if Load[int]("x") != 5 {
		t.Error("what was saved is gone")
	}
}
