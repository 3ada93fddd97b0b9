package attention_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
	"gomm/mmlib/nn/attention"
)

// Three positions that all look alike share their attention evenly, as far as the causal mask lets them look.
func ExampleWeights() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	scores := [][][][]float32{{{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}}}} // [B=1, H=1, L=3, S=3]
	weights, err := graph.CallOnce(backend, func(scores *graph.Node) *graph.Node {
		mask := attention.Mask{Causal: true}.Build(scores.Graph(), 3, 3)
		return attention.Weights(scores, mask)
	}, scores)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, query := range weights.Value().([][][][]float32)[0][0] {
		fmt.Printf("%.2f\n", query)
	}
	// Output:
	// [1.00 0.00 0.00]
	// [0.50 0.50 0.00]
	// [0.33 0.33 0.33]
}

// The query is like the second key, so it fetches the second value.
func ExampleScaledDotProduct() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	query := [][][][]float32{{{{0, 20}}}}             // [B=1, L=1, H=1, K=2]
	keys := [][][][]float32{{{{1, 0}}, {{0, 1}}}}     // [B=1, S=2, H=1, K=2]
	values := [][][][]float32{{{{10, 11}}, {{5, 7}}}} // [B=1, S=2, H=1, K=2]
	z, err := graph.CallOnce(backend, func(q, k, v *graph.Node) *graph.Node {
		z, _ := attention.ScaledDotProduct(q, k, v, nil)
		return z
	}, query, keys, values)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", z.Value())
	// Output: [[[[5.00 7.00]]]]
}
