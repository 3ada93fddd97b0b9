package regions

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/check"
)

// TestGrounding: two tokens of a text over 2×2 regions of four patches each, two blocks of one head. The first token is read in the
// region at the top right, where 0.5 and 0.3 of the attention lie; of the second nothing is known.
func TestGrounding(t *testing.T) {
	c := Config{Grid: 2}
	first, second := make([]float32, 2*17), make([]float32, 2*17)
	for i, w := range map[int]float32{3: 0.2, 4: 0.1, 7: 0.1, 8: 0.1, 0: 0.3, 1: 0.2} { // patches 2, 3, 6 and 7 are that region
		first[i] = w
	}
	second[8], second[16], second[17] = 0.3, 0.7, 1
	look := make([]float32, 2*4)
	check.Must(t, c.Mark(look, 4, 0, [][]int{{1}, {0, 1, 2, 3}}))
	if err := c.Mark(look, 4, 1, [][]int{{1}, {1}}); err == nil {
		t.Error("more tokens than there is room for were taken")
	}
	if err := c.Mark(look, 4, 0, [][]int{{4}}); err == nil {
		t.Error("a region that there is not was taken")
	}
	if err := c.Mark(look, 4, 0, [][]int{{ClassToken}}); err == nil {
		t.Error("the class token was taken where there is no place for it")
	}
	if want := []float32{0, 1, 0, 0, 0, 0, 0, 0}; !slices.Equal(look, want) {
		t.Errorf("the regions of the two tokens are marked %v, want %v: all say nothing", look, want)
	}
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	out := MustExecOnceN(b, func(first, second, look *Node) []*Node {
		l, share := c.Grounding([]*Node{first, second}, look)
		return []*Node{l, share}
	},
		tensors.FromFlatDataAndDimensions(first, 1, 1, 2, 17), tensors.FromFlatDataAndDimensions(second, 1, 1, 2, 17),
		tensors.FromFlatDataAndDimensions(look, 1, 2, 4))
	for i, want := range []float64{-math.Log(0.4), 0.4} { // (0.5+0.3)/2
		if got := tensors.ToScalar[float32](out[i]); math.Abs(float64(got)-want) > 1e-5 {
			t.Errorf("loss and share: number %d is %.6f, want %.6f", i, got, want)
		}
	}
}

// TestGroundingOnBoth: a token that is read in two regions looks at both alike; to look at one of them alone costs. A count is read in
// three of the four regions and the class token, which are as many as there are regions, and not all of these.
func TestGroundingOnBoth(t *testing.T) {
	c := Config{Grid: 2}
	both, counted := make([]float32, 4), make([]float32, 5)
	check.Must(t, c.Mark(both, 4, 0, [][]int{{0, 3}}))
	check.Must(t, c.Mark(counted, 5, 0, [][]int{{ClassToken, 1, 2, 3}}))
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	exec := MustNewExec(b, func(w, look *Node) []*Node {
		l, share := c.Grounding([]*Node{w}, look)
		return []*Node{l, share}
	})
	for _, test := range []struct{ weights, look, want []float32 }{
		{[]float32{0, 0.5, 0, 0, 0.5}, both, []float32{0, 1}},
		{[]float32{0, 0.8, 0, 0, 0.2}, both, []float32{0.22314355, 1}}, // -(log 1.6 + log 0.4)/2
		{[]float32{0.2, 0.4, 0, 0, 0.4}, both, []float32{0.22314355, 0.8}},
		{[]float32{0.25, 0, 0.25, 0.25, 0.25}, counted, []float32{0, 1}},
		{[]float32{0.125, 0.5, 0.125, 0.125, 0.125}, counted, []float32{0.69314718, 0.5}}, // -log(4/8)
	} {
		look := tensors.FromFlatDataAndDimensions(test.look, 1, 1, len(test.look))
		out := exec.MustCall(tensors.FromFlatDataAndDimensions(test.weights, 1, 1, 1, 5), look)
		for i, want := range test.want {
			if got := tensors.ToScalar[float32](out[i]); math.Abs(float64(got-want)) > 1e-5 {
				t.Errorf("weights %v: number %d is %.6f, want %.6f", test.weights, i, got, want)
			}
		}
	}
}
