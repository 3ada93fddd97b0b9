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
	e, err := evaluate(t.Context(), b, clip, validationSplit, "", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	digit := e.pictures.Gray(3)
	negative := image.NewGray(digit.Bounds())
	for i, level := range digit.Pix {
		negative.Pix[i] = 255 - level
	}
	want := e.embeddings.Row(3)
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
		if status := runCommand(context.Background(), append(slices.Clone(args), more...), strings.NewReader("the digit one\nthe digit two\n"), &out, &errs); status != exitOK {
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
	data, err := os.ReadFile(npyFile)
	if err != nil {
		t.Fatal(err)
	}
	if header := "\x93NUMPY\x01\x00"; !bytes.HasPrefix(data, []byte(header)) || !bytes.Contains(data, []byte("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 8), }")) {
		t.Errorf("the .npy file begins with %q", data[:min(80, len(data))])
	}
	array, err := numpy.FromNpyFile(npyFile)
	if err != nil {
		t.Fatal(err)
	}
	values, err := tensors.CopyFlatData[float32](array)
	if err != nil {
		t.Fatal(err)
	}
	if len(data)-4*len(values) != 80 { // the header, and not a byte more
		t.Errorf("%d bytes for %d values", len(data), len(values))
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
		{[]string{"--run", probe, "--text", "x"}, exitFailed, []string{"probe holds a classifier", "gomm pretrain clip"}},
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

func TestBatchSize(t *testing.T) {
	for n, want := range map[int]int{1: 1, 7: 7, 256: 256, 257: 129, 512: 256, 1000: 250} {
		if got := batchSize(n); got != want {
			t.Errorf("batchSize(%d) = %d, want %d", n, got, want)
		}
	}
}
