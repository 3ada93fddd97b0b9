package data_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gomm/mmlib/data"
)

// dots are pictures of one bright pixel, at i.
type dots int

func (d dots) Len() int { return int(d) }

func (d dots) Original(i int) image.Image {
	img := image.NewGray(image.Rect(0, 0, 3, 3))
	img.Pix[i] = 255
	return img
}

func (d dots) Record(i int) any { return map[string]any{"at": i, "text": "<左>"} }

func TestExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dots")
	if err := data.Export(dir, dots(5), 3); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "examples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[2], `"<左>"`) {
		t.Fatalf("%d lines, %q", len(lines), lines)
	}
	for i, line := range lines {
		var example struct {
			Picture string
			At      int
		}
		if err := json.Unmarshal([]byte(line), &example); err != nil || example.At != i {
			t.Fatalf("%s: %v", line, err)
		}
		file, err := os.ReadFile(filepath.Join(dir, example.Picture))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(file))
		if err != nil || img.At(i, 0) != (color.Gray{255}) {
			t.Errorf("%s: %v, %v", example.Picture, img, err)
		}
	}
	for _, c := range []struct {
		dir  string
		n    int
		want string
	}{
		{dir, 3, "exists already"},
		{dir + "2", 6, "the split has 5"},
		{dir + "2", 0, "the split has 5"},
		{filepath.Join(dir, "examples.jsonl", "x"), 1, "not a directory"},
	} {
		if err := data.Export(c.dir, dots(5), c.n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %d: error %v, want %s", c.dir, c.n, err, c.want)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
		t.Errorf("%v lies beside the export, %v", left, err)
	}
}
