package picture

import (
	"archive/zip"
	"bytes"
	"image"
	"io"
	"path"
	"testing"
)

// TestEqualsPillow decodes files of every kind that is read and compares them with what Pillow makes of them, level by
// level (testdata/pillow.py).
func TestEqualsPillow(t *testing.T) {
	// The largest difference of a level, and of all levels of a file on average.
	type bound struct {
		most int
		mean float64
	}
	bounds := map[string]bound{".png": {0, 0}, ".gif": {0, 0}, ".bmp": {0, 0}, ".webp": {0, 0}, ".jpg": {2, 0.1}}
	goldens := unzip(t, "testdata/pillow.zip")
	files := unzip(t, "testdata/formats.zip")
	if len(files) < 100 || len(files) != len(goldens) {
		t.Fatalf("%d files and %d goldens", len(files), len(goldens))
	}
	worst := map[string]bound{}
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			img, err := Decode(bytes.NewReader(data), name)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Decode(bytes.NewReader(goldens[name+".png"]), name+".png")
			if err != nil {
				t.Fatal(err)
			}
			if img.Bounds() != want.Bounds() {
				t.Fatalf("%v; Pillow says %v", img.Bounds(), want.Bounds())
			}
			most, mean := difference(img, want)
			kind := path.Ext(name)
			if bound := bounds[kind]; most > bound.most || mean > bound.mean {
				t.Errorf("off by %d levels, %.3f on average; want at most %d and %.1f", most, mean, bound.most, bound.mean)
			}
			worst[kind] = bound{max(worst[kind].most, most), max(worst[kind].mean, mean)}
		})
	}
	for kind, w := range worst {
		t.Logf("%s: at most %d levels, %.3f on average in the worst file", kind, w.most, w.mean)
	}
}

// difference compares pictures of one size as Apply sees them.
func difference(a, b image.Image) (most int, mean float64) {
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	left, right := &reader{img: a, channels: 3}, &reader{img: b, channels: 3}
	sum := 0
	for y := range h {
		l, r := left.line(y, 0, w), right.line(y, 0, w)
		for i := range l {
			d := max(int(l[i])-int(r[i]), int(r[i])-int(l[i]))
			most, sum = max(most, d), sum+d
		}
	}
	return most, float64(sum) / float64(3*w*h)
}

func unzip(t testing.TB, path string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name], err = io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
