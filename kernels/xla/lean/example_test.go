package lean_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
	"gomm/kernels/xla/lean"
)

// Three vectors, each compared with all: the first two point the same way.
func ExampleContrast() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	x := [][]float32{{3, 0}, {3, 0}, {0, 3}} // S = [[9 9 0] [9 9 0] [0 0 9]]
	rows, err := graph.CallOnce(backend, func(x *graph.Node) *graph.Node {
		return lean.Contrast(x, x, lean.Pairing{}).Rows.Sum() // log Σⱼ exp S[i,j]: log 2e⁹, log 2e⁹, log(e⁹ + 2)
	}, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n", rows.Value())
	// Output: [9.693 9.693 9.000]
}

// The query is like the second key, so it fetches the second value; the interval hides the third, which is more so.
func ExampleAttention() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	q := [][][][]float32{{{{0, 20}}}}                          // [B=1, L=1, H=1, K=2]
	k := [][][][]float32{{{{1, 0}}, {{0, 1}}, {{0, 9}}}}       // [B=1, S=3, H=1, K=2]
	v := [][][][]float32{{{{10, 11}}, {{5, 7}}, {{100, 100}}}} // [B=1, S=3, H=1, W=2]
	z, err := graph.CallOnce(backend, func(q, k, v *graph.Node) *graph.Node {
		return lean.Attention(q, k, v, lean.Interval{To: graph.Const(q.Graph(), [][]int32{{2}})})
	}, q, k, v)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", z.Value())
	// Output: [[[[5.00 7.00]]]]
}
