package attention_test

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla/lean"
)

// fuzzSize is what a graph is compiled for: sizes, drawn from short lists so that graphs serve many inputs.
type fuzzSize struct{ l, s, g, h, k, w, window int }

// FuzzAttend: for any shapes, any mask and logits of up to ±1e4, ties and rows without keys among them, plain and lean agree
// and no number is without end, gradients included. Each input goes through every mask that its shape allows.
func FuzzAttend(f *testing.F) {
	// seed, queries, keys, heads, width, window, extreme
	for seed := range uint64(3) {
		f.Add(seed, uint8(2), uint8(2), uint8(1), uint8(1), uint8(1), seed%2 == 0)
		f.Add(seed, uint8(0), uint8(3), uint8(2), uint8(0), uint8(0), seed%2 == 1)
	}
	graphs := map[fuzzSize][2]*Exec{} // plain and lean
	f.Fuzz(func(t *testing.T, seed uint64, queries, keys, heads, width, window uint8, extreme bool) {
		choose := func(list []int, i uint8) int { return list[int(i)%len(list)] }
		lengths := []int{1, 2, 5, 33}
		size := fuzzSize{l: choose(lengths, queries), s: choose(lengths, keys), g: choose([]int{1, 1, 2, 2}, heads), h: choose([]int{1, 3, 2, 4}, heads),
			k: choose([]int{1, 4}, width), w: choose([]int{1, 3}, width), window: choose([]int{1, 2, 20}, window)}
		on(t, lean.Always)
		if _, ok := graphs[size]; !ok {
			graphs[size] = [2]*Exec{MustNewExec(quick, everyMask(size, lean.Never)), MustNewExec(frugal, everyMask(size, lean.Always))}
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
				random(spread, number, b, size.l, size.h, size.k), random(spread, number, b, size.s, size.g, size.k),
				random(1, r.NormFloat64, b, size.s, size.g, size.w), random(1, r.NormFloat64, b, size.l, size.h, size.w),
				counts(r.IntN(size.s+2), 0, size.s), counts(r.IntN(size.l+1), size.l, -1),
			}
		}
		var out [2][]*tensors.Tensor
		for i, graph := range graphs[size] {
			var err error
			if out[i], err = graph.Call(inputs()...); err != nil {
				t.Fatal(err)
			}
		}
		for i, plain := range out[0] {
			p, l := tensors.MustCopyFlatData[float32](plain), tensors.MustCopyFlatData[float32](out[1][i])
			// How large a number can be: z and dv as the random values, dq and dk as those times keys and queries.
			scale := 10.0
			if name := results[i%4]; extreme && (name == "dq" || name == "dk") {
				scale *= 100
			}
			for n := range p {
				if d := math.Abs(float64(p[n]) - float64(l[n])); !(d <= 1e-4*scale) || math.IsInf(float64(p[n]), 0) {
					t.Fatalf("%s of mask %d, number %d: plain %v, lean %v", results[i%4], i/4, n, p[n], l[n])
				}
			}
		}
	})
}

// everyMask attends under each mask that the shape allows.
func everyMask(size fuzzSize, kernel lean.Choice) func(in []*Node) []*Node {
	return func(in []*Node) (out []*Node) {
		for _, c := range masks {
			if c.square && size.l != size.s {
				continue
			}
			mask := c.mask(in[4], in[5])
			if mask.Window > 0 {
				mask.Window = size.window
			}
			out = append(out, attend(in, mask, kernel)...)
		}
		return out
	}
}
