package attention_test

import (
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// cases runs a test for every case of a golden file.
func cases(t *testing.T, path string, names []string, test func(t *testing.T, r reference)) {
	file := golden.Load(t, path)
	for _, name := range names {
		t.Run(name, func(t *testing.T) { test(t, reference{file, name, strings.HasPrefix(name, "causal")}) })
	}
}

// TestScaledDotProductGolden: weights, z and the gradients at q, k and v are PyTorch's, in float64, to the rounding of
// the golden file.
func TestScaledDotProductGolden(t *testing.T) {
	names := []string{"plain", "causal", "padding", "causal_padding", "cross", "cross_padding"}
	cases(t, "testdata/attention.safetensors", names, func(t *testing.T, r reference) {
		out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
			q, k, v, dz := in[0], in[1], in[2], in[3]
			z, weights := attention.ScaledDotProduct(q, k, v, r.mask(in, q.Shape().Dim(1), k.Shape().Dim(1)))
			return append([]*Node{z, weights}, Gradient(ReduceAllSum(Mul(z, dz)), q, k, v)...)
		}, r.inputs(t, dtypes.Float64, "q", "k", "v", "dz")...)
		r.same(t, 1e-6, out, "z", "weights", "dq", "dk", "dv")
	})
}

// TestSelfGolden: the whole layer, with its projections, is torch.nn.MultiheadAttention, and so are all its gradients,
// in float32.
func TestSelfGolden(t *testing.T) {
	cases(t, "testdata/multihead.safetensors", []string{"plain", "causal", "padding"}, func(t *testing.T, r reference) {
		out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
			x, dz := in[0], in[1]
			bind(s, in[2:6])
			a := attention.Self(s, x, r.mask(in, 5, 5), 2, 1, 1)
			gradients := Gradient(ReduceAllSum(Mul(a.Z, dz)), x, in[2], in[3], in[4], in[5])
			return append([]*Node{a.Z, a.Weights}, gradients...)
		}, r.inputs(t, dtypes.Float32, "x", "dz", "in_weights", "in_biases", "out_weights", "out_biases")...)
		r.same(t, 1e-5, out, "z", "weights", "dx", "din_weights", "din_biases", "dout_weights", "dout_biases")
	})
}

// bind makes PyTorch's weights those of the layer; PyTorch keeps matrices as [out, in].
func bind(s *model.Scope, w []*Node) {
	nntest.Bind(s, "qkv/weights", Transpose(w[0], 0, 1))
	nntest.Bind(s, "qkv/biases", w[1])
	nntest.Bind(s, "out/weights", Transpose(w[2], 0, 1))
	nntest.Bind(s, "out/biases", w[3])
}

// TestCrossGolden: with queries of one sequence and keys and values of another, between the same projections, the core
// is PyTorch's cross attention (chapter 4.2.2).
func TestCrossGolden(t *testing.T) {
	cases(t, "testdata/multihead.safetensors", []string{"cross", "cross_padding"}, func(t *testing.T, r reference) {
		out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
			x, y, dz := in[0], in[1], in[2]
			heads := func(x *Node, part int) *Node { // [B, L, D] to [B, L, H, K], by W^Q, W^K or W^V
				w := Slice(in[3], AxisRange(part*8, (part+1)*8))
				b := Slice(in[4], AxisRange(part*8, (part+1)*8))
				projected := Add(Einsum("BLD,ED->BLE", x, w), Reshape(b, 1, 1, 8))
				return Reshape(projected, x.Shape().Dim(0), x.Shape().Dim(1), 2, 4)
			}
			mask := r.mask(in, x.Shape().Dim(1), y.Shape().Dim(1))
			z, weights := attention.ScaledDotProduct(heads(x, 0), heads(y, 1), heads(y, 2), mask)
			z = Reshape(z, x.Shape().Dimensions...)
			z = Add(Einsum("BLD,ED->BLE", z, in[5]), Reshape(in[6], 1, 1, 8))
			gradients := Gradient(ReduceAllSum(Mul(z, dz)), x, y, in[3], in[4], in[5], in[6])
			return append([]*Node{z, weights}, gradients...)
		}, r.inputs(t, dtypes.Float32, "x", "y", "dz", "in_weights", "in_biases", "out_weights", "out_biases")...)
		r.same(t, 1e-5, out, "z", "weights", "dx", "dy", "din_weights", "din_biases", "dout_weights", "dout_biases")
	})
}
