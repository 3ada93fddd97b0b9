package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDifference(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, test := range map[string]struct {
		got, want []float32
		d         float64
		failed    string
	}{
		"same":      {[]float32{1, 0}, []float32{1, 0}, 0, ""},
		"relative":  {[]float32{1, 204}, []float32{0, 200}, 4.0 / 200, ""},
		"all zeros": {[]float32{0, 0}, []float32{0, 0}, 0, ""},
		"NaN":       {[]float32{1, nan}, []float32{1, 2}, 0, "number 1 is NaN, and 2"},
		"infinite":  {[]float32{inf}, []float32{inf}, 0, "number 0 is +Inf"},
		"shorter":   {[]float32{1}, []float32{1, 2}, 0, "1 numbers to compare with 2"},
		"none":      {nil, nil, 0, "0 numbers"},
	} {
		d, err := difference(test.got, test.want)
		if math.Abs(d-test.d) > 1e-12 || (err != nil) != (test.failed != "") || err != nil && !strings.Contains(err.Error(), test.failed) {
			t.Errorf("%s: %g, error %v; want %g, %q", name, d, err, test.d, test.failed)
		}
	}
	if d, err := difference([]float32{1}, []float32{0}); err != nil || d < tolerance {
		t.Errorf("1 in place of 0 differs by %g, error %v", d, err)
	}
}

// TestReference: plain is what the others are compared with, and PyTorch where there is no plain.
func TestReference(t *testing.T) {
	entrantWith := func(impl string, loss float32) *entrant {
		e := &entrant{job: job{benchCase: benchCase{Op: contrastiveOp, Pass: forward}, Impl: impl, Folder: filepath.Join(t.TempDir(), impl)},
			row: &row{}}
		if err := os.Mkdir(e.job.Folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeFloats(filepath.Join(e.job.Folder, "loss.f32"), []float32{loss}); err != nil {
			t.Fatal(err)
		}
		return e
	}
	p, l, torch := entrantWith(plain, 4), entrantWith(leanly, 4.0002), entrantWith(pytorch, 5)
	err := compare([]*entrant{p, l, torch})
	if err == nil || !strings.Contains(err.Error(), "pytorch: loss differs from plain by 0.25") || strings.Contains(err.Error(), "lean") {
		t.Errorf("error %v, want PyTorch's difference alone", err)
	}
	if p.row.Against != "" || l.row.Against != plain || l.row.Error != "" || !strings.Contains(torch.row.Error, "0.25") {
		t.Errorf("rows %+v, %+v, %+v", p.row, l.row, torch.row)
	}
	if err := compare([]*entrant{l, torch}); err == nil || l.row.Against != pytorch ||
		!strings.Contains(l.row.Error, "differs from pytorch by 0.2 ") {
		t.Errorf("error %v, row %+v; want lean compared with PyTorch", err, l.row)
	}
	l = entrantWith(leanly, 4)
	if err := compare([]*entrant{l}); err != nil || l.row.Difference != nil || l.row.Error != "" {
		t.Errorf("error %v, row %+v; there is nothing to compare with", err, l.row)
	}
}
