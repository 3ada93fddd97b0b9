package simclr_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/models/simclr"
)

// Two pictures, two views of each. The views of the first lie close together; the second's are at a right angle, and one of
// them is nearer to one of the first picture's: three of the four views find their partner.
func ExampleLoss() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	z := [][]float32{{1, 0}, {0, 1}}
	zPlus := [][]float32{{0.8, 0.6}, {-1, 0}}
	out, err := model.CallOnceN(backend, model.NewStore(), func(_ *model.Scope, z, zPlus *graph.Node) (*graph.Node, *graph.Node) {
		return simclr.Loss(z, zPlus, simclr.Config{Temperature: 0.5}), simclr.Accuracy(z, zPlus)
	}, z, zPlus)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("loss %.3f, accuracy %.2f\n", out[0].Value(), out[1].Value())
	// Output: loss 0.676, accuracy 0.75
}

func ExampleConfig_Validate() {
	config := simclr.Presets["mnist-tiny"]
	config.Temperature = 0
	fmt.Println(config.Validate())
	// Output: simclr: temperature is 0: it must be at least 0.01, and finite
}
