package regions

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
)

// TestCounter: a picture of 2×2 regions of width 2, and two questions about it. The first asks for the regions with a large first number,
// of which there are three; the second for those with a large second one, of which there is one, and another half. The weights are
// planted: queries and keys are what they come from, and h of the numbers j = 0 … 4 becomes (j+1)·h in both components of z.
func TestCounter(t *testing.T) {
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	c, store := Config{Grid: 2}, model.NewStore()
	exec, err := model.NewExec(b, store, func(s *model.Scope, x, tokens *Node) []*Node {
		z, a := c.Counter(s, x, c.CountKeys(s, tokens))
		return []*Node{z, a}
	})
	check.Must(t, err)
	x := [][][]float32{{{1, 0}}, {{0, 1}}} // two rows for one picture
	const large = 100 * math.Sqrt2         // a is 100, or -100, after the division by √2
	tokens := [][][]float32{{{7, 7}, {large, -large}, {large, large}, {-large, 0}, {large, -large}}}
	_, err = exec.Call(x, tokens) // makes the weights
	check.Must(t, err)
	for name, value := range map[string]any{
		"/counter/query/weights": [][]float32{{1, 0}, {0, 1}}, "/counter/key/weights": [][]float32{{1, 0}, {0, 1}},
		"/counter/number/weights": [][]float32{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}},
	} {
		v := store.GetVariable(name)
		if v == nil {
			t.Fatalf("there is no weight %s", name)
		}
		planted, err := tensors.FromAnyValue(value)
		check.Must(t, err)
		check.Must(t, v.SetValue(planted))
	}
	out, err := exec.Call(x, tokens)
	check.Must(t, err)
	got := out[0].Value().([][][]float32)
	for i, want := range [][]float32{{1 + 4, 4}, {(2 + 3) / 2.0, 1 + (2+3)/2.0}} { // 3 regions; 1.5 regions: half of 1 and half of 2
		for k := range want {
			if math.Abs(float64(got[i][0][k]-want[k])) > 1e-4 {
				t.Errorf("question %d: z is %v, want %v", i, got[i][0], want)
			}
		}
	}
	for r, want := range []float64{100, 100, -100, 100} { // the class token is none of them
		if a := float64(out[1].Value().([][][]float32)[0][0][r]); math.Abs(a-want) > 1e-3 {
			t.Errorf("region %d: a is %g, want %g", r, a, want)
		}
	}
}

// TestCountLoss: of three tokens one counts two regions, which a has the wrong way round for one; the second counts none, and a is right
// of all; the third is read in a region, and counts nothing.
func TestCountLoss(t *testing.T) {
	c := Config{Grid: 2}
	look := make([]float32, 3*5)
	check.Must(t, c.Mark(look, 5, 0, [][]int{{ClassToken, 0, 2}, {ClassToken}, {1}}))
	a := []float32{2, -1, -3, -1, -1, -1, -1, -1, 5, 5, 5, 5}
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	out := MustExecOnceN(b, func(a, look *Node) []*Node {
		l, right := c.CountLoss(a, look)
		return []*Node{l, right}
	}, tensors.FromFlatDataAndDimensions(a, 1, 3, 4), tensors.FromFlatDataAndDimensions(look, 1, 3, 5))
	softplus := func(x float64) float64 { return math.Log1p(math.Exp(x)) } // -log σ(-x)
	want := (softplus(-2) + softplus(-1) + softplus(3) + softplus(-1) + 4*softplus(-1)) / 8
	for i, want := range []float64{want, 0.5} {
		if got := float64(tensors.ToScalar[float32](out[i])); math.Abs(got-want) > 1e-5 {
			t.Errorf("loss and share: number %d is %.6f, want %.6f", i, got, want)
		}
	}
}
