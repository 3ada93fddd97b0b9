package attention_test

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla/lean"
)

// fuzzCase is what a graph is compiled for: sizes, drawn from short lists so that graphs serve many inputs, and a mask.
type fuzzCase struct{ l, s, g, h, k, w, mask, window int }

func (c fuzzCase) graph(kernel lean.Choice) func(in []*Node) []*Node {
	return func(in []*Node) []*Node {
		mask := masks[c.mask].mask(in[4], in[5])
		if mask.Window > 0 {
			mask.Window = c.window
		}
		return attend(in, mask, kernel)
	}
}

// FuzzAttend: for any shapes, any mask and logits of up to ±1e4, ties and rows without keys among them, plain and lean agree
// and no number is without end, gradients included. Where no backend runs the lean kernel, it is the plain one alone.
//
// XLA takes a second or two to compile each case, so fuzz with one worker: go test -fuzz FuzzAttend -parallel 1.
func FuzzAttend(f *testing.F) {
	for seed := range uint64(2) { // queries, keys, heads, width, mask, window, extreme
		for _, extreme := range []bool{false, true} {
			f.Add(seed, uint8(2), uint8(2), uint8(1), uint8(1), uint8(9), uint8(1), extreme)  // causal window padding
			f.Add(seed, uint8(2), uint8(2), uint8(3), uint8(1), uint8(10), uint8(0), extreme) // prefix padding
			f.Add(seed, uint8(0), uint8(3), uint8(2), uint8(0), uint8(6), uint8(0), extreme)  // padding
		}
	}
	graphs := map[fuzzCase][]*Exec{} // plain and lean
	f.Fuzz(func(t *testing.T, seed uint64, queries, keys, heads, width, mask, window uint8, extreme bool) {
		choose := func(i uint8, list ...int) int { return list[int(i)%len(list)] }
		c := fuzzCase{
			l: choose(queries, 1, 2, 5, 33), s: choose(keys, 1, 2, 5, 33), g: choose(heads, 1, 1, 2, 2), h: choose(heads, 1, 3, 2, 4),
			k: choose(width, 1, 4), w: choose(width, 1, 3), mask: int(mask) % len(masks), window: choose(window, 1, 2, 20),
		}
		if masks[c.mask].square {
			c.s = c.l
		}
		if graphs[c] == nil {
			graphs[c] = []*Exec{MustNewExec(quick, c.graph(lean.Never))}
			if frugal != nil {
				graphs[c] = append(graphs[c], MustNewExec(frugal, c.graph(lean.Always)))
			}
		}
		const b = 3
		random := func(spread float64, number func() float64, dims ...int) *tensors.Tensor {
			values := make([]float32, dims[0]*dims[1]*dims[2]*dims[3])
			for i := range values {
				values[i] = float32(spread * number())
			}
			return tensors.FromFlatDataAndDimensions(values, dims...)
		}
		inputs := func() []any {
			r := rand.New(rand.NewPCG(seed, 1))
			number, spread := r.NormFloat64, 1.0
			if extreme { // q·k/√K is a multiple of 1e4/√K, exactly, and up to ±1e4·√K: ties, and differences that leave one key alone
				number, spread = func() float64 { return float64(r.IntN(3) - 1) }, 100
			}
			return []any{
				random(spread, number, b, c.l, c.h, c.k), random(spread, number, b, c.s, c.g, c.k),
				random(1, r.NormFloat64, b, c.s, c.g, c.w), random(1, r.NormFloat64, b, c.l, c.h, c.w),
				counts(r.IntN(c.s+2), 0, c.s), counts(r.IntN(c.l+1), c.l, -1),
			}
		}
		var out [][]*tensors.Tensor
		for _, graph := range graphs[c] {
			numbers, err := graph.Call(inputs()...)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, numbers)
		}
		for i, plain := range out[0] {
			p, l := tensors.MustCopyFlatData[float32](plain), tensors.MustCopyFlatData[float32](out[len(out)-1][i])
			// How large a number can be: z and dv as the random values, dq and dk as those times keys and queries.
			scale := 10.0
			if name := results[i]; extreme && (name == "dq" || name == "dk") {
				scale *= 100
			}
			for n := range p {
				if d := math.Abs(float64(p[n]) - float64(l[n])); !(d <= 1e-4*scale) || math.IsInf(float64(p[n]), 0) {
					t.Fatalf("%+v: %s, number %d: plain %v, lean %v", c, results[i], n, p[n], l[n])
				}
			}
		}
	})
}
