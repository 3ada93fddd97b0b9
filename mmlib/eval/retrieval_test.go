package eval_test

import (
	"fmt"
	"math"
	"testing"

	"gomm/mmlib/eval"
	"gomm/mmlib/internal/check"
)

func ExampleRetrieval() {
	texts := eval.Matrix{Rows: 3, Width: 2, Data: []float32{1, 0, 0, 1, 0.6, 0.8}}
	films := eval.Matrix{Rows: 3, Width: 2, Data: []float32{1, 0, 0.8, 0.6, 0, 1}}
	ranks, err := eval.Retrieval(texts, films)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ranks, "R@1:", ranks.Within(1), "of", len(ranks), "median:", ranks.Median())
	// Output: [1 2 2] R@1: 1 of 3 median: 2
}

// TestRetrieval: a model to which all is the same finds nothing, nor does one that computes NaN.
func TestRetrieval(t *testing.T) {
	same := eval.Matrix{Rows: 4, Width: 1, Data: []float32{1, 1, 1, 1}}
	ranks, err := eval.Retrieval(same, same)
	check.Must(t, err)
	if ranks.Within(3) != 0 || ranks.Within(4) != 4 || ranks.Median() != 4 {
		t.Errorf("among equals the ranks are %v", ranks)
	}
	nan := float32(math.NaN())
	ranks, err = eval.Retrieval(same, eval.Matrix{Rows: 4, Width: 1, Data: []float32{nan, nan, nan, nan}})
	if err != nil || ranks.Within(3) != 0 {
		t.Errorf("among NaN the ranks are %v, %v", ranks, err)
	}
	_, err = eval.Retrieval(same, eval.Matrix{Rows: 3, Width: 1, Data: []float32{1, 1, 1}})
	check.Error(t, err, "4 queries and 3 items")
	_, err = eval.Retrieval(same, eval.Matrix{Rows: 4, Width: 2, Data: make([]float32, 8)})
	check.Error(t, err, "width 1 and 2")
	if m := (eval.Ranks{4, 1, 3, 2}).Median(); m != 2.5 {
		t.Errorf("the median of 1 to 4 is %g", m)
	}
	if m := (eval.Ranks{}).Median(); m != 0 {
		t.Errorf("the median of nothing is %g", m)
	}
}
