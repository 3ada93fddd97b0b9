// Package nn holds the layers that every other part of a model is made of, the dense layer, its gated form and layer
// normalisation, the activation functions between them, and [LoRA], which adapts a dense layer. The parts themselves are in
// the packages below: attention, transformer, vision.
//
// Everything here builds graphs: functions take and return *graph.Node, create their weights in the given scope, and
// panic on shapes that do not fit, as GoMLX's own functions do.
package nn

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	"github.com/gomlx/gomlx/ml/nn"
)

// Dense is the affine map y = x·W + b over the last axis: x [..., in] gives [..., width].
// W [in, width] starts from N(0, std²) as "weights", b [width] from zero as "biases".
func Dense(s *model.Scope, x *Node, width int, std float64) *Node {
	return nn.Dense(x, matrix(s, x, width, std), vector(s, x, "biases", width, initializer.Zero), compute.DenseLayoutInputOutputs)
}

// Linear is Dense without the bias: y = x·W.
func Linear(s *model.Scope, x *Node, width int, std float64) *Node {
	return nn.Dense(x, matrix(s, x, width, std), nil, compute.DenseLayoutInputOutputs)
}

// LayerNorm normalises the last axis of x to mean 0 and variance 1, then scales and shifts it:
//
//	y = (x − mean(x)) / √(var(x) + ε) · gain + offset
//
// (Ba et al., Layer Normalization, §3). The shape stays the same; "gain" [in] starts at 1, "offset" [in] at 0.
func LayerNorm(s *model.Scope, x *Node, epsilon float64) *Node {
	width := x.Shape().Dim(-1)
	gain := vector(s, x, "gain", width, initializer.One)
	offset := vector(s, x, "offset", width, initializer.Zero)
	return nn.LayerNorm(x, []int{x.Rank() - 1}, epsilon, gain, offset, nil)
}

// LayerNormNoBias is [LayerNorm] without the offset, as PaLM has it:
//
//	y = (x − mean(x)) / √(var(x) + ε) · gain
func LayerNormNoBias(s *model.Scope, x *Node, epsilon float64) *Node {
	gain := vector(s, x, "gain", x.Shape().Dim(-1), initializer.One)
	return nn.LayerNorm(x, []int{x.Rank() - 1}, epsilon, gain, nil, nil)
}

// SwiGLU is the feed-forward layer with a gate (Shazeer 2020, GLU Variants Improve Transformer, eq. 6), without biases: one product
// opens and closes the other.
//
//	y = (swish(x·W) ⊙ x·V) · W₂        swish(a) = a·σ(a)
//
// x [..., D] gives [..., D]. W and V [D, hidden] are the columns of one matrix "in/weights" [D, 2·hidden], which is faster; W₂ is
// "out/weights" [hidden, D]. They start from N(0, 1/D) and N(0, outStd²).
func SwiGLU(s *model.Scope, x *Node, hidden int, outStd float64) *Node {
	width := x.Shape().Dim(-1)
	both := Linear(s.At("in"), x, 2*hidden, 1/math.Sqrt(float64(width)))
	gate := SliceAxis(both, -1, AxisRange(0, hidden)) // x·W
	value := SliceAxis(both, -1, AxisRange(hidden))   // x·V
	return Linear(s.At("out"), Mul(Mul(gate, Sigmoid(gate)), value), width, outStd)
}

// Weight creates the weight `name` of the given dimensions and of like's dtype, started from N(0, std²): an embedding table
// or a learned token.
func Weight(s *model.Scope, like *Node, name string, std float64, dims ...int) *Node {
	return Normal(s, name, std, shapes.Make(like.DType(), dims...)).NodeValue(like.Graph())
}

func matrix(s *model.Scope, x *Node, width int, std float64) *Node {
	return Weight(s, x, "weights", std, x.Shape().Dim(-1), width)
}

func vector(s *model.Scope, x *Node, name string, width int, start model.VariableInitializer) *Node {
	return weight(s.WithInitializer(start), x, name, width)
}

// weight creates a weight that starts as the scope says.
func weight(s *model.Scope, like *Node, name string, dims ...int) *Node {
	return s.VariableWithShape(name, shapes.Make(like.DType(), dims...)).NodeValue(like.Graph())
}

// Activation names a non-linearity between the two dense layers of a transformer block.
type Activation string

// The activations that the published models use.
const (
	QuickGELU Activation = "quick_gelu" // x·σ(1.702 x): OpenAI's CLIP
	GELU      Activation = "gelu"       // x·Φ(x), exact, by erf (Hendrycks & Gimpel)
	GELUTanh  Activation = "gelu_tanh"  // its approximation by tanh; the fastest here
)

// Validate reports an activation that is not one of the constants above.
func (a Activation) Validate() error {
	switch a {
	case QuickGELU, GELU, GELUTanh:
		return nil
	}
	return fmt.Errorf("activation %q is unknown: use %q, %q or %q", string(a), QuickGELU, GELU, GELUTanh)
}

// Apply applies the activation to each element of x.
func (a Activation) Apply(x *Node) *Node {
	switch a {
	case QuickGELU:
		return Mul(x, Sigmoid(MulScalar(x, 1.702)))
	case GELU:
		return activation.Gelu(x)
	case GELUTanh:
		return activation.GeluApproximate(x)
	}
	panic(a.Validate())
}
