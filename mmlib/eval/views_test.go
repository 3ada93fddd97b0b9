package eval

import (
	"math/rand/v2"
	"testing"

	"gomm/mmlib/internal/check"
)

// TestRecognised compares with a plain count: every view looks for its nearest neighbour among the views of its batch.
func TestRecognised(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	a, b := matrix(3, make([]float32, 30)...), matrix(3, make([]float32, 30)...)
	for i := range a.Data {
		a.Data[i] = float32(r.NormFloat64())
		b.Data[i] = a.Data[i] + float32(r.NormFloat64())
	}
	for _, batch := range []int{1, 2, 4, 10, 99} {
		got, err := Recognised(a, b, batch)
		check.Must(t, err)
		want := 0
		for i := range 10 {
			for _, view := range []struct{ of, other Matrix }{{a, b}, {b, a}} {
				own, best := dot(view.of.Row(i), view.other.Row(i)), true
				for j := i / batch * batch; j < min(10, i/batch*batch+batch); j++ {
					if j != i && (dot(view.of.Row(i), view.of.Row(j)) > own || dot(view.of.Row(i), view.other.Row(j)) > own) {
						best = false
					}
				}
				if best {
					want++
				}
			}
		}
		if got != want {
			t.Errorf("in batches of %d, %d views are recognised, want %d", batch, got, want)
		}
	}
	_, err := Recognised(a, matrix(3, b.Data[:6]...), 2)
	check.Error(t, err, "10×3 and 2×3")
	_, err = Recognised(a, b, 0)
	check.Error(t, err, "batches of 0")
}

// TestByNearest: each row gets the class of the nearest other one, never its own; of equal ones the first.
func TestByNearest(t *testing.T) {
	m := matrix(2, 1, 0, 0.8, 0.6, 0, 1, 0.8, 0.6)
	got, err := ByNearest(m, labels{0, 1, 2, 3})
	check.Must(t, err)
	for i, want := range []int{1, 3, 1, 1} {
		if got[i].Example != i || got[i].True != i || got[i].Predicted != want {
			t.Errorf("row %d: %+v, want the class of row %d", i, got[i], want)
		}
	}
	if p := got[0].Probability; p < 0.7999 || p > 0.8001 {
		t.Errorf("the cosine is %v, want 0.8", p)
	}
	_, err = ByNearest(m, labels{0, 1})
	check.Error(t, err, "4 rows for 2 examples")
	_, err = ByNearest(matrix(2, 1, 0), labels{0})
	check.Error(t, err, "at least 2")
}
