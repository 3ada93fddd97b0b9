package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/numpy"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/experiment"
)

type embeddedLine struct {
	Input, Kind string
	Embedding   []float32
}

func parseLines(t *testing.T, text string) []embeddedLine {
	t.Helper()
	var lines []embeddedLine
	for line := range strings.Lines(text) {
		var l embeddedLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		lines = append(lines, l)
	}
	return lines
}

func writePicture(t *testing.T, path string, img image.Image) string {
	t.Helper()
	var data bytes.Buffer
	if err := png.Encode(&data, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEmbedPicture embeds a test picture from a PNG file, and its negative with --invert: both land where the evaluation
// has put the picture.
func TestEmbedPicture(t *testing.T) {
	dir := tinyRuns(t)
	b, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	clip := filepath.Join(dir, "clip")
	e, err := evaluate(t.Context(), b, clip, experiment.On{Split: data.Validation})
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := mnist.Load(mnist.MNIST, mnist.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, held := all.Split(e.Examples)
	digit := held.Gray(3)
	negative := image.NewGray(digit.Bounds())
	for i, level := range digit.Pix {
		negative.Pix[i] = 255 - level
	}
	want := e.Result.(*experiment.ZeroShot).Images.Row(3)
	for _, args := range [][]string{
		{writePicture(t, filepath.Join(dir, "digit.png"), digit)},
		{writePicture(t, filepath.Join(dir, "paper.png"), negative), "--invert"},
	} {
		status, stdout, stderr := call(append([]string{"embed", "--run", clip}, args...)...)
		if status != exitOK {
			t.Fatalf("gomm embed %v: status %d: %s", args, status, stderr)
		}
		lines := parseLines(t, stdout)
		if len(lines) != 1 || lines[0].Input != args[0] || lines[0].Kind != "image" || len(lines[0].Embedding) != len(want) {
			t.Fatalf("gomm embed %v writes %s", args, stdout)
		}
		for k, x := range lines[0].Embedding {
			if math.Abs(float64(x-want[k])) > 1e-5 {
				t.Errorf("gomm embed %v: value %d is %v, the evaluation has %v", args, k, x, want[k])
			}
		}
	}
}

// TestEmbedFormats embeds the same inputs as lines and as an array: same numbers, bit by bit, in the same order.
func TestEmbedFormats(t *testing.T) {
	dir := tinyRuns(t)
	clip := filepath.Join(dir, "clip")
	large := image.NewRGBA(image.Rect(0, 0, 90, 60))
	large.Set(45, 30, color.White)
	file := writePicture(t, filepath.Join(dir, "large.png"), large)
	args := []string{"embed", "--run", clip, "--stdin", file, "--text", "a handwritten seven", "--text", "手写的七"}
	callWith := func(more ...string) string {
		var out, errs bytes.Buffer
		if status := runCommand(context.Background(), append(slices.Clone(args), more...), strings.NewReader("the digit one\nthe digit two\n"),
			&out, &errs); status != exitOK {
			t.Fatalf("status %d: %s", status, errs.String())
		}
		return out.String()
	}
	lines := parseLines(t, callWith())
	var inputs []string
	for _, l := range lines {
		inputs = append(inputs, l.Kind+" "+l.Input)
	}
	want := []string{"image " + file, "text a handwritten seven", "text 手写的七", "text the digit one", "text the digit two"}
	if !slices.Equal(inputs, want) {
		t.Fatalf("inputs %q, want %q", inputs, want)
	}
	npyFile := filepath.Join(dir, "points.npy")
	if out := callWith("--format", "npy", "--out", npyFile); out != "" {
		t.Errorf("with --out, standard output gets %q", out)
	}
	written, err := os.ReadFile(npyFile)
	if err != nil {
		t.Fatal(err)
	}
	if header := "\x93NUMPY\x01\x00"; !bytes.HasPrefix(written, []byte(header)) ||
		!bytes.Contains(written, []byte("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 8), }")) {
		t.Errorf("the .npy file begins with %q", written[:min(80, len(written))])
	}
	array, err := numpy.FromNpyFile(npyFile)
	if err != nil {
		t.Fatal(err)
	}
	values, err := tensors.CopyFlatData[float32](array)
	if err != nil {
		t.Fatal(err)
	}
	if len(written)-4*len(values) != 80 { // the header, and not a byte more
		t.Errorf("%d bytes for %d values", len(written), len(values))
	}
	for i, l := range lines {
		if row := values[i*8 : i*8+8]; !slices.Equal(row, l.Embedding) {
			t.Errorf("%s is %v in .npy and %v in JSON", l.Input, row, l.Embedding)
		}
		var square float64
		for _, x := range l.Embedding {
			square += float64(x) * float64(x)
		}
		if math.Abs(square-1) > 1e-5 {
			t.Errorf("%s: squared length %v, want 1", l.Input, square)
		}
	}
}

// TestEmbedRefuses gives bad inputs among good ones: all are named, and nothing is written.
func TestEmbedRefuses(t *testing.T) {
	dir := tinyRuns(t)
	clip, probe := filepath.Join(dir, "clip"), filepath.Join(dir, "probe")
	good := writePicture(t, filepath.Join(dir, "good.png"), image.NewGray(image.Rect(0, 0, 28, 28)))
	bad := filepath.Join(dir, "bad.png")
	if err := os.WriteFile(bad, []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.jsonl")
	for _, test := range []struct {
		args   []string
		status int
		stderr []string
	}{
		{[]string{"--text", "x"}, exitUsage, []string{"--run is missing"}},
		{[]string{"--run", clip}, exitUsage, []string{"nothing to embed"}},
		{[]string{"--run", clip, "--format", "npz", good}, exitUsage, []string{`--format is "npz": it must be jsonl or npy`}},
		{[]string{"--run", clip, "--text", " "}, exitUsage, []string{"--text number 1 is empty"}},
		{[]string{"--run", clip, "--stdin"}, exitFailed, []string{"standard input is empty"}},
		{[]string{"--run", probe, "--text", "x"}, exitFailed, []string{"a classifier does not embed texts", "such as clip"}},
		{[]string{"--run", clip, good, bad, filepath.Join(dir, "none.png")}, exitFailed, []string{"bad.png is no picture", "none.png"}},
		{[]string{"--run", clip, good, "--text", "a blue seven", "--text", "seventy"}, exitFailed, []string{`"blue"`, `"seventy"`}},
		{[]string{"--run", clip, "--text", "seven", "--out", filepath.Join(dir, "no", "where")}, exitFailed, []string{"writing", "where"}},
		{[]string{"--run", clip, "--out", out, good, bad}, exitFailed, []string{"bad.png"}},
	} {
		status, stdout, stderr := call(append([]string{"embed"}, test.args...)...)
		if status != test.status || stdout != "" {
			t.Errorf("gomm embed %v: status %d, want %d; stdout %q", test.args, status, test.status, stdout)
		}
		for _, want := range test.stderr {
			if !strings.Contains(stderr, want) {
				t.Errorf("gomm embed %v says %q, which lacks %q", test.args, stderr, want)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*out*")); left != nil {
		t.Errorf("a call that failed has left %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".gomm-*")); left != nil {
		t.Errorf("a call that failed has left %v", left)
	}
}

// TestEmbedLines reads texts as other programs write them.
func TestEmbedLines(t *testing.T) {
	clip := filepath.Join(tinyRuns(t), "clip")
	for _, test := range []struct {
		name, stdin string
		status      int
		lines       []string // the inputs, or parts of what is said on stderr
	}{
		{"byte order mark", "\xef\xbb\xbfthe digit one\n数字七", exitOK, []string{"the digit one", "数字七"}},
		{"Windows", "the digit one\r\nthe digit two\r\n", exitOK, []string{"the digit one", "the digit two"}},
		{"no end of line", "the digit one", exitOK, []string{"the digit one"}},
		{"UTF-16", "\xff\xfet\x00h\x00e\x00\n\x00", exitFailed, []string{"UTF-16", "iconv"}},
		{"Latin-1", "the digit one\nd\xe9j\xe0\n", exitFailed, []string{"line 2 is not UTF-8"}},
		{"only a mark", "\xef\xbb\xbf", exitFailed, []string{"standard input is empty"}},
		{"empty line", "one\n\ntwo\n", exitFailed, []string{"line 2 is empty"}},
		{"long", "the digit one\n" + strings.Repeat("seven ", 20_000) + "\n", exitFailed, []string{"tokens", "at most", "shorten"}},
		{"without end", strings.Repeat("x", 3<<20), exitFailed, []string{"line 1", "longer than 1048576 bytes"}},
	} {
		var out, errs bytes.Buffer
		status := runCommand(t.Context(), []string{"embed", "--run", clip, "--stdin"}, strings.NewReader(test.stdin), &out, &errs)
		if status != test.status || errs.Len() > 1000 {
			t.Errorf("%s: status %d, want %d; %d bytes on stderr: %.300s", test.name, status, test.status, errs.Len(), errs.String())
			continue
		}
		for i, want := range test.lines {
			if status != exitOK && !strings.Contains(errs.String(), want) {
				t.Errorf("%s: stderr %q lacks %q", test.name, errs.String(), want)
			}
			if lines := parseLines(t, out.String()); status == exitOK && (len(lines) != len(test.lines) || lines[i].Input != want) {
				t.Errorf("%s: got %d lines, want %q", test.name, len(lines), test.lines)
			}
		}
	}
}
