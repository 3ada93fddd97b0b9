package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	all := cases(false)
	var names []string
	for _, c := range all {
		names = append(names, c.String())
	}
	if len(all) != 22 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != 22 {
		t.Errorf("%d cases, want 22 different ones: %q", len(all), names)
	}
	for _, name := range []string{"attention/16384/64/causal/forward+backward", "contrastive/32768/512/forward"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no %s", name)
		}
	}
	if got := choose(all, regexp.MustCompile("contrastive/8192/64")); len(got) != 2 || got[0].Pass != forward || got[1].Pass != backward {
		t.Errorf("chose %v", got)
	}
	if l, b := (benchCase{Op: attentionOp, Size: 16384, Heads: 4}), (benchCase{Op: contrastiveOp, Size: 32768}); l.Matrix() != 4<<30 ||
		b.Matrix() != 4<<30 {
		t.Errorf("matrices of %d and %d bytes, want 4 GiB each", l.Matrix(), b.Matrix())
	}
	if quick := cases(true); len(quick) != len(all) || quick[0].Size != 64 {
		t.Errorf("quick cases: %v", quick)
	}
}

// TestInputs: the same numbers for both passes, unit rows, and pairs with a cosine of 0.37.
func TestInputs(t *testing.T) {
	folder := t.TempDir()
	c := benchCase{Op: contrastiveOp, Pass: forward, Size: 512, Width: 64}
	read := func() (both [][]float32) {
		arrays, err := writeInputs(c, folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range arrays {
			values, err := readFloats(a.File)
			if err != nil || len(values) != a.Dims[0]*a.Dims[1] {
				t.Fatalf("%s has %d numbers for %v, error %v", a.Name, len(values), a.Dims, err)
			}
			both = append(both, values)
		}
		return both
	}
	first := read()
	c.Pass = backward
	if second := read(); fmt.Sprint(first) != fmt.Sprint(second) {
		t.Error("the passes have different inputs")
	}
	x, y, cosines := first[0], first[1], 0.0
	for row := 0; row < len(x); row += 64 {
		var xx, yy, xy float64
		for i := row; i < row+64; i++ {
			xx, yy, xy = xx+float64(x[i]*x[i]), yy+float64(y[i]*y[i]), xy+float64(x[i]*y[i])
		}
		if math.Abs(xx-1) > 1e-5 || math.Abs(yy-1) > 1e-5 {
			t.Fatalf("row %d has squared lengths %g and %g", row/64, xx, yy)
		}
		cosines += xy / 512
	}
	if math.Abs(cosines-0.37) > 0.03 {
		t.Errorf("the cosine of pairs is %g", cosines)
	}

	c = benchCase{Op: attentionOp, Pass: backward, Size: 8, Width: 4, Heads: 2}
	arrays, err := writeInputs(c, folder)
	if err != nil || len(arrays) != 4 || arrays[3].Name != "dz" || fmt.Sprint(arrays[0].Dims) != "[1 8 2 4]" {
		t.Errorf("attention has inputs %v, error %v", arrays, err)
	}
	if got := strings.Join(c.outputs(), " "); got != "z dq dk dv" {
		t.Errorf("attention has outputs %s", got)
	}
}
