package loss_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
	"gomm/mmlib/loss"
)

// Two pairs: image 0 is nearest to text 0, image 1 to text 1. The larger the logits, the surer the model, and the smaller
// the loss of being right.
func ExampleCLIP() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	similarity := [][]float32{
		{0.9, 0.1}, // image 0 with text 0 and text 1
		{0.2, 0.8},
	}
	pair := []int32{0, 1}
	for _, scale := range []float64{1, 10} {
		l, err := graph.CallOnce(backend, func(similarity, pair *graph.Node) *graph.Node {
			return loss.CLIP(graph.MulScalar(similarity, scale), loss.Targets(pair))
		}, similarity, pair)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("1/τ = %2.0f: loss %.4f\n", scale, l.Value())
	}
	// Output:
	// 1/τ =  1: loss 0.4037
	// 1/τ = 10: loss 0.0012
}

// Pairs 0 and 2 mean the same, say "a seven" and "数字七": each of their pictures may choose either text.
func ExampleTargets() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	targets, err := graph.CallOnce(backend, loss.Targets, []int32{7, 3, 7})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range targets.Value().([][]float32) {
		fmt.Println(row)
	}
	// Output:
	// [0.5 0 0.5]
	// [0 1 0]
	// [0.5 0 0.5]
}
