package regions

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/check"
)

// paired are regions of two attributes, of 2 and 3 classes: class 0 of the first is with classes 0 and 1 of the second alike, class 1 with
// class 2 alone.
type paired [][2]int32

func (p paired) Len() int                   { return len(p) }
func (p paired) Classes(dst []int32, i int) { copy(dst, p[i][:]) }

// TestPriors: the ratios are those of the counts, by hand; an unknown class tells nothing.
func TestPriors(t *testing.T) {
	var set paired
	for i := range int32(1000) {
		set = append(set, [2]int32{0, i % 2}, [2]int32{1, 2}, [2]int32{Unknown, 2})
	}
	c := Config{Grid: 1, Classes: []int{2, 3}}
	if c.Priors(set) != nil {
		t.Error("priors of regions that are not to be adjusted")
	}
	c.Adjust = true
	known := c.Priors(set)
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	classes := [][]int32{{0, 0}, {1, 0}, {Unknown, 0}}
	out := MustExecOnce(b, func(logits, classes *Node) *Node { return known.adjust(logits, 1, classes) },
		tensors.FromValue([][]float32{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}}), tensors.FromValue(classes))
	got := out.Value().([][]float32)
	// Of the second attribute 500 are 0, 500 are 1 and 2,000 are 2; with class 0 of the first half are 0 and half are 1.
	never := func(share, of float64) float64 { return math.Log(rare/of) - math.Log(share) }
	for i, want := range [][]float64{
		{1 + math.Log(0.5/(1.0/6)), 2 + math.Log(0.5/(1.0/6)), 3 + never(4.0/6, 1000)},
		{1 + never(1.0/6, 1000), 2 + never(1.0/6, 1000), 3 + math.Log(1/(4.0/6))},
		{1, 2, 3},
	} {
		for k := range want {
			if math.Abs(float64(got[i][k])-want[k]) > 2e-3 {
				t.Errorf("given class %d logit %d is %.4f, want %.4f", classes[i][0], k, got[i][k], want[k])
			}
		}
	}
	var none Priors
	out = MustExecOnce(b, func(logits *Node) *Node { return none.adjust(logits, 1, nil) }, tensors.FromValue([][]float32{{1, 2, 3}}))
	if got := out.Value().([][]float32)[0]; got[0] != 1 || got[2] != 3 {
		t.Errorf("without priors the logits are %v", got)
	}
}
