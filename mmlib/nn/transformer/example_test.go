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

// A decoder reads a prompt of two positions at once and then goes on one position at a time. Each step takes the cache of the
// one before it, and gives what the whole sequence gives.
func ExampleStep() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	config := transformer.Config{Width: 4, Layers: 2, Heads: 2, MLP: 16, Activation: nn.GELU, LayerNorm: 1e-5}
	out, err := model.CallOnceN(backend, model.NewStore(), func(s *model.Scope, x, picture *graph.Node) (*graph.Node, *graph.Node) {
		self := config.Attention(attention.Mask{Causal: true})
		memory := transformer.Memory{Sequence: picture}
		whole := transformer.Decode(s, x, memory, self, config)

		cache := transformer.NewCache(s, x, memory, 3, self, config)
		position := graph.Const(x.Graph(), []int32{0, 2})
		at := func(i int) *graph.Node { return graph.Slice(position, graph.AxisElem(i)) }
		prompt := graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 2))
		_, cache = transformer.Step(s, prompt, at(0), cache, self, config)
		word := graph.Slice(x, graph.AxisRange(), graph.AxisRange(2, 3))
		last, _ := transformer.Step(s, word, at(1), cache, self, config)

		difference := graph.Sub(last.X, graph.Slice(whole.X, graph.AxisRange(), graph.AxisRange(2, 3)))
		return last.X, graph.LessThan(graph.ReduceAllMax(graph.Abs(difference)), graph.Const(x.Graph(), float32(1e-5)))
	}, [][][]float32{{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}}, [][][]float32{{{1, 2, 3}, {4, 5, 6}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the step gives", out[0].Shape())
	fmt.Println("as the whole sequence does:", out[1].Value())
	// Output:
	// the step gives (Float32)[1, 1, 4]
	// as the whole sequence does: true
}
