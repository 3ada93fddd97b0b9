package regions_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
	"gomm/mmlib/nn/regions"
)

// A token of a text is to be read in the second of four regions, where 0.4 of its attention lies; 0.2 is for the class token.
func ExampleConfig_Grounding() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	c := regions.Config{Grid: 2}
	look := make([]float32, 4) // of one token
	if err := c.Mark(look, c.Places(false), 0, [][]int{{1}}); err != nil {
		fmt.Println(err)
		return
	}
	attention := [][][][]float32{{{{0.2, 0.1, 0.4, 0.2, 0.1}}}} // [B, H, L, 1+side²]
	loss, err := graph.CallOnce(backend, func(attention, look *graph.Node) *graph.Node {
		l, _ := c.Grounding([]*graph.Node{attention}, look)
		return l
	}, attention, [][][]float32{{look}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("looks at %v, loss −log 0.4 = %.3f\n", look, loss.Value())
	// Output: looks at [0 1 0 0], loss −log 0.4 = 0.916
}
