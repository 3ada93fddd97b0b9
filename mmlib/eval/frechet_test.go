package eval

import (
	"math"
	"math/rand/v2"
	"testing"

	"gomm/mmlib/internal/check"
)

// TestFrechet: of points along two axes the distance is that of the means and of the standard deviations, also when both are turned
// alike; equal sets have none.
func TestFrechet(t *testing.T) {
	// means (0, 0) and (3, 4); variances (1, 4) and (9, 1); no covariance
	a := Matrix{Rows: 4, Width: 2, Data: []float32{1, 2, -1, 2, 1, -2, -1, -2}}
	b := Matrix{Rows: 4, Width: 2, Data: []float32{6, 5, 0, 5, 6, 3, 0, 3}}
	want := 25 + math.Pow(1-3, 2) + math.Pow(2-1, 2)
	turn := func(m Matrix) Matrix {
		out := Matrix{Rows: m.Rows, Width: 2}
		for i := range m.Rows {
			x, y := m.Row(i)[0], m.Row(i)[1]
			out.Data = append(out.Data, 0.6*x-0.8*y, 0.8*x+0.6*y)
		}
		return out
	}
	for _, pair := range [][2]Matrix{{a, b}, {b, a}, {turn(a), turn(b)}} {
		got, err := Frechet(pair[0], pair[1])
		check.Must(t, err)
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("distance %g, want %g", got, want)
		}
	}
	if got, err := Frechet(a, a); err != nil || got > 1e-9 {
		t.Errorf("the distance of a set to itself is %g, %v", got, err)
	}
	wide := Matrix{Rows: 300, Width: 40, Data: make([]float32, 300*40)}
	for i := range wide.Data {
		wide.Data[i] = float32(rand.New(rand.NewPCG(uint64(i), 1)).NormFloat64())
	}
	if got, err := Frechet(wide, wide); err != nil || got > 1e-6 {
		t.Errorf("the distance of 300 points to themselves is %g, %v", got, err)
	}
}

func TestFrechetRefuses(t *testing.T) {
	good := Matrix{Rows: 2, Width: 1, Data: []float32{1, 2}}
	for want, bad := range map[string]Matrix{
		"1 and of 2 numbers":       {Rows: 2, Width: 2, Data: make([]float32, 4)},
		"2 points and 1":           {Rows: 1, Width: 1, Data: []float32{1}},
		"number 0 of point 1 is N": {Rows: 2, Width: 1, Data: []float32{1, float32(math.NaN())}},
	} {
		_, err := Frechet(good, bad)
		check.Error(t, err, want)
	}
}
