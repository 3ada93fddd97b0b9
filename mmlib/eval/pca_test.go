package eval

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPCAFindsTheAxes: points spread along known directions, by known amounts.
func TestPCAFindsTheAxes(t *testing.T) {
	const n = 4000
	axes := [][]float64{{0.6, 0.8, 0}, {-0.8, 0.6, 0}, {0, 0, 1}}
	spread := []float64{1, 3, 0.5}
	r := rand.New(rand.NewPCG(1, 2))
	m := Matrix{Rows: n, Width: 3, Data: make([]float32, 3*n)}
	for i := range n {
		for a, axis := range axes {
			along := spread[a] * r.NormFloat64()
			for j := range axis {
				m.Row(i)[j] += float32(along * axis[j])
			}
		}
		m.Row(i)[2] += 10
	}
	p, err := NewPCA(m, 3)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range [][]float64{{0.8, -0.6, 0}, {0.6, 0.8, 0}, {0, 0, 1}} {
		variance := []float64{9, 1, 0.25}[k]
		if math.Abs(p.Variance[k]-variance) > 0.06*variance {
			t.Errorf("variance %d is %.3f, want about %g", k, p.Variance[k], variance)
		}
		for j := range want {
			if math.Abs(p.Directions[k][j]-want[j]) > 0.03 {
				t.Errorf("direction %d is %.3f, want about %v", k, p.Directions[k], want)
				break
			}
		}
	}
	if sum := p.Variance[0] + p.Variance[1] + p.Variance[2]; math.Abs(p.Total-sum) > 1e-9 {
		t.Errorf("the variances sum to %g, and the total is %g", sum, p.Total)
	}
	if math.Abs(p.Mean[2]-10) > 0.05 {
		t.Errorf("the mean is %.2f, want about 10 in the last place", p.Mean)
	}
}

// TestPCAKeepsDistances: all components together only turn the points; a few are at right angles and drop the rest.
func TestPCAKeepsDistances(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := Matrix{Rows: 50, Width: 32, Data: make([]float32, 50*32)}
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64() * float64(1+i%5))
	}
	p, err := NewPCA(m, 32)
	if err != nil {
		t.Fatal(err)
	}
	for a, x := range p.Directions {
		for b, y := range p.Directions {
			dot, want := 0.0, 0.0
			for j := range x {
				dot += x[j] * y[j]
			}
			if a == b {
				want = 1
			}
			if math.Abs(dot-want) > 1e-9 {
				t.Fatalf("directions %d and %d have the product %g, want %g", a, b, dot, want)
			}
		}
	}
	turned, err := p.Project(m)
	if err != nil {
		t.Fatal(err)
	}
	distance := func(m Matrix) (d float64) {
		for j, x := range m.Row(0) {
			d += math.Pow(float64(x-m.Row(1)[j]), 2)
		}
		return math.Sqrt(d)
	}
	if before, after := distance(m), distance(turned); math.Abs(before-after) > 1e-4 {
		t.Errorf("two points were %g apart and are %g apart after the turn", before, after)
	}
	for k, v := range p.Variance {
		got := 0.0
		for i := range turned.Rows {
			got += math.Pow(float64(turned.Row(i)[k]), 2) / float64(turned.Rows)
		}
		if math.Abs(got-v) > 1e-3*p.Total {
			t.Errorf("the points vary by %g along direction %d, which claims %g", got, k, v)
		}
	}
}

func TestPCARefuses(t *testing.T) {
	two := Matrix{Rows: 2, Width: 2, Data: []float32{0, 0, 1, 1}}
	for want, f := range map[string]func() error{
		"of 1 points":    func() error { _, err := NewPCA(Matrix{Rows: 1, Width: 1, Data: []float32{1}}, 1); return err },
		"ask for 1 to 2": func() error { _, err := NewPCA(two, 3); return err },
		"number 1 of point 1 is NaN": func() error {
			_, err := NewPCA(Matrix{Rows: 2, Width: 2, Data: []float32{0, 0, 1, float32(math.NaN())}}, 1)
			return err
		},
		"points of 1 numbers on components of 2": func() error {
			p, err := NewPCA(two, 1)
			if err != nil {
				return err
			}
			_, err = p.Project(Matrix{Rows: 1, Width: 1, Data: []float32{1}})
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	// Points that are all the same have no direction, and no variance.
	p, err := NewPCA(Matrix{Rows: 3, Width: 2, Data: []float32{1, 2, 1, 2, 1, 2}}, 2)
	if err != nil || p.Total != 0 || p.Variance[0] != 0 {
		t.Errorf("%+v, error %v; want no variance", p, err)
	}
}
