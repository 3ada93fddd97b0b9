package vision_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
	"gomm/mmlib/nn/vision"
)

// A grey picture of 4×4 pixels in four patches of 2×2.
func ExamplePatches() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	picture := [][][][]float32{{ // [B=1, height, width, C=1]
		{{11}, {12}, {13}, {14}},
		{{21}, {22}, {23}, {24}},
		{{31}, {32}, {33}, {34}},
		{{41}, {42}, {43}, {44}},
	}}
	patches, err := graph.CallOnce(backend, func(x *graph.Node) *graph.Node { return vision.Patches(x, 2) }, picture)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, patch := range patches.Value().([][][]float32)[0] {
		fmt.Println(patch)
	}
	// Output:
	// [11 12 21 22]
	// [13 14 23 24]
	// [31 32 41 42]
	// [33 34 43 44]
}
