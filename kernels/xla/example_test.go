package xla_test

import (
	"fmt"
	"os"

	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
)

// Open a backend, whichever there is, and compute with it.
func ExampleOpen() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	sum, err := graph.CallOnce(backend, func(a, b *graph.Node) *graph.Node { return graph.Add(a, b) }, 2.0, 2.0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sum.Value())
	// Output: 4
}

func ExampleDescribe() {
	defer os.Setenv("GOMLX_BACKEND", os.Getenv("GOMLX_BACKEND"))
	os.Setenv("GOMLX_BACKEND", "go")
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(xla.Describe(backend))
	// Output: go
}
