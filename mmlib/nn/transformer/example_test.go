package transformer_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
)

// Two blocks over one text of three positions, each of which looks at those before it.
func ExampleEncode() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	config := transformer.Config{Width: 4, Layers: 2, Heads: 2, MLP: 16, Activation: nn.GELU, LayerNorm: 1e-5, Weights: true}
	weights := model.NewStore()
	out, err := model.CallOnceN(backend, weights, func(s *model.Scope, x *graph.Node) (*graph.Node, *graph.Node) {
		y := transformer.Encode(s, x, attention.Mask{Causal: true}, config)
		return y.X, y.Weights[0]
	}, [][][]float32{{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("residual stream  ", out[0].Shape())
	fmt.Println("attention weights", out[1].Shape())
	fmt.Println("parameters       ", weights.Scope("/block0").NumParameters(), "+", weights.Scope("/block1").NumParameters())
	// Output:
	// residual stream   (Float32)[1, 3, 4]
	// attention weights (Float32)[1, 2, 3, 3]
	// parameters        244 + 244
}
