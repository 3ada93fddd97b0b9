package nn_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/nn"
)

// A layer creates its weights in the scope it is given.
func ExampleDense() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	weights := model.NewStore()
	y, err := model.CallOnce(backend, weights, func(s *model.Scope, x *graph.Node) *graph.Node {
		return nn.QuickGELU.Apply(nn.Dense(s.At("mlp"), x, 5, 0.02))
	}, [][]float32{{1, 2, 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(y.Shape())
	fmt.Println(weights.GetVariable("/mlp/weights").Shape(), weights.GetVariable("/mlp/biases").Shape())
	// Output:
	// (Float32)[1, 5]
	// (Float32)[3, 5] (Float32)[5]
}

func ExampleLayerNorm() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	y, err := model.CallOnce(backend, model.NewStore(), func(s *model.Scope, x *graph.Node) *graph.Node {
		return nn.LayerNorm(s, x, 1e-5)
	}, [][]float32{{1, 3}, {-100, 100}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n", y.Value())
	// Output: [[-1.000 1.000] [-1.000 1.000]]
}

// A low-rank term beside a pretrained matrix of 64·64 numbers has 2·64·4 to train.
func ExampleLoRA() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	lora, weights := nn.LoRA{Rank: 4, Targets: []nn.Target{nn.Out}}, model.NewStore()
	layer := func(s *model.Scope, x *graph.Node) *graph.Node {
		y := nn.Dense(s.At("out"), x, 64, 0.1)
		return lora.Adapt(s.At("out"), nn.Out, y, x)
	}
	if _, err := model.CallOnce(backend, weights, layer, [][]float32{make([]float32, 64)}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(weights.GetVariable("/out/lora/out/a").Shape(), weights.GetVariable("/out/lora/out/b").Shape())

	// After training, one matrix holds both.
	if err := lora.Merge(weights, "/out"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(weights.GetVariable("/out/weights").Shape(), weights.GetVariable("/out/lora/out/a") == nil)
	// Output:
	// (Float32)[64, 4] (Float32)[4, 64]
	// (Float32)[64, 64] true
}
