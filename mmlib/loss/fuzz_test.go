package loss_test

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/nntest"
)

// FuzzContrastive: whatever the batch, with logits up to ±1e4, rows of zeros and rows that are equal, the values and
// gradients of plain and lean are finite, and the same but for rounding.
func FuzzContrastive(f *testing.F) {
	names := slices.SortedFunc(maps.Keys(contrastive), func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // "pairs" is last
	programs := make([]*Exec, len(names))
	for i, name := range names {
		programs[i] = MustNewExec(backend, func(in []*Node) (out []*Node) {
			for _, choice := range kernels {
				l := contrastive[name](in[0], in[1], in[2], in[3], choice)
				out = append(append(out, l), Gradient(l, in[:3]...)...)
			}
			return out
		})
	}
	for i := range names[:3] { // pairs without groups are left to the search for more
		f.Add(uint64(1), uint8(i), uint8(0), uint8(2), 1e4, 0.0)
		f.Add(uint64(2), uint8(i), uint8(0), uint8(2), 1e4, 0.6) // many rows equal, many of zeros
		f.Add(uint64(3), uint8(i), uint8(0), uint8(2), 1.0, 1.0) // nothing but zeros and equal rows
		f.Add(uint64(4), uint8(i), uint8(0), uint8(2), 1e-3, 0.1)
	}
	f.Fuzz(func(t *testing.T, seed uint64, which, moreRows, width uint8, scale, degenerate float64) {
		n, d := 2+int(moreRows)%4, 1+int(width)%3 // few shapes: each is compiled
		scale = math.Abs(scale)
		if !(scale <= 1e4) {
			t.Skip("the temperature is above 0.0001 here")
		}
		r := rand.New(rand.NewPCG(seed, 7))
		x, y, groups := rows(r, n, d, degenerate), rows(r, n, d, degenerate), make([]int32, n)
		for i := range groups {
			groups[i] = r.Int32N(3)
		}
		tensor := func(values []float32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(values, n, d) }
		results, err := programs[int(which)%len(names)].Call(tensor(x), tensor(y), float32(scale), groups)
		if err != nil {
			t.Fatal(err)
		}

		// A logit is wrong by a few units in the last place of the largest, and a probability by as much in relation to itself.
		// The gradient at a row is made of 2 of these times a row times the scale, and, by the cosine, divided by its length.
		wrong := 1e-5 + 8*scale*math.Pow(2, -23)
		tolerances := []float64{wrong, 2 * wrong * scale / shortest(x, d), 2 * wrong * scale / shortest(y, d), 2 * wrong}
		for k, part := range []string{"value", "gradient at x", "gradient at y", "gradient at the scale"} {
			plain, lean := nntest.Flat(t, results[k]), nntest.Flat(t, results[len(results)-4+k]) // the same where there is no lean
			if math.IsInf(apart(plain, plain), 1) || math.IsInf(apart(lean, lean), 1) {
				t.Errorf("the %s is not finite: plain %v, lean %v", part, plain, lean)
			}
			if d := apart(plain, lean); !(d <= tolerances[k]+1e-5*largest(plain)) {
				t.Errorf("the %s is %v plain and %v lean: they differ by %g, more than %g", part, plain, lean, d, tolerances[k])
			}
		}
	})
}

// rows are n random vectors no longer than 1. The given share of them, about, are zeros or equal to one before.
func rows(r *rand.Rand, n, d int, degenerate float64) []float32 {
	x := make([]float32, n*d)
	for i := range n {
		switch row := x[i*d : (i+1)*d]; {
		case r.Float64() >= degenerate:
			for k := range row {
				row[k] = float32((2*r.Float64() - 1) / math.Sqrt(float64(d)))
			}
		case r.IntN(2) == 0:
			copy(row, x[r.IntN(i+1)*d:])
		}
	}
	return x
}

// shortest is the length of the shortest row that is not of zeros; 1 when there is none.
func shortest(x []float32, d int) float64 {
	length := 1.0
	for row := range slices.Chunk(x, d) {
		square := 0.0
		for _, v := range row {
			square += float64(v) * float64(v)
		}
		if square > 0 {
			length = min(length, math.Sqrt(square))
		}
	}
	return length
}
