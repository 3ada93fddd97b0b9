package attention_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

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

// Words look at the patches of a picture: what a word gets is a mixture of patches, and the weights say of which. Of the
// second picture two patches are real and one is padding.
func ExampleCrossModal() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	words := [][][]float32{{{1, 0, 0, 0}, {0, 1, 0, 0}}, {{0, 0, 1, 0}, {0, 0, 0, 0}}} // X [B=2, L=2, D=4]
	patches := [][][]float32{{{1, 2}, {3, 4}, {5, 6}}, {{7, 8}, {9, 10}, {0, 0}}}      // Y [B=2, S=3, D_y=2]
	lengths := []int32{3, 2}                                                           // of Y
	out, err := model.CallOnceN(backend, model.NewStore(), func(s *model.Scope, x, y, n *graph.Node) (*graph.Node, *graph.Node, *graph.Node) {
		c := attention.Config{Heads: 2, Mask: attention.Mask{Lengths: n}, Weights: true}
		out := attention.CrossModal(s, x, y, attention.Values{}, c)
		return out.Z, out.Weights, graph.ReduceSum(out.Weights, 1, 2) // what each patch gets from all words and heads
	}, words, patches, lengths)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("z      ", out[0].Shape())
	fmt.Println("weights", out[1].Shape())
	fmt.Println("what the last patch of the second picture, padding, gets:", out[2].Value().([][]float32)[1][2])
	// Output:
	// z       (Float32)[2, 2, 4]
	// weights (Float32)[2, 2, 2, 3]
	// what the last patch of the second picture, padding, gets: 0
}

// Each position looks at itself and the one before it.
func ExampleAttend() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	x := [][][][]float32{{{{1}}, {{2}}, {{4}}, {{8}}}} // [B=1, L=4, H=1, W=1]
	z, err := graph.CallOnce(backend, func(x *graph.Node) *graph.Node {
		q, k := graph.ZerosLike(x), graph.ZerosLike(x) // all scores are equal: z is the mean of what a position may look at
		mask := attention.Mask{Causal: true, Window: 2}
		return graph.Reshape(attention.Attend(q, k, x, mask, attention.Options{}).Z, -1)
	}, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(z.Value())
	// Output: [1 1.5 3 6]
}
