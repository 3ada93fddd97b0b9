package attention_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
)

// cases runs a test for every case of a golden file on the Go backend, and the last case also on these backends.
func cases(t *testing.T, path string, names []string, test func(t *testing.T, b compute.Backend, r reference), also ...compute.Backend) {
	file := golden.Load(t, path)
	for i, name := range names {
		backends := []compute.Backend{quick}
		if i == len(names)-1 {
			backends = append(backends, also...)
		}
		for _, b := range backends {
			t.Run(name+"/"+b.Name(), func(t *testing.T) {
				test(t, b, reference{file: file, name: name, causal: strings.Contains(name, "causal")})
			})
		}
	}
}

// TestScaledDotProductGolden: weights, z and the gradients at q, k and v are PyTorch's, in float64, to the rounding of
// the golden file.
func TestScaledDotProductGolden(t *testing.T) {
	names := []string{"plain", "causal", "padding", "causal_padding", "cross", "cross_padding"}
	cases(t, "testdata/attention.safetensors", names, func(t *testing.T, b compute.Backend, r reference) {
		out := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
			q, k, v, dz := in[0], in[1], in[2], in[3]
			mask := r.mask(in).Build(q.Graph(), q.Shape().Dim(1), k.Shape().Dim(1))
			z, weights := attention.ScaledDotProduct(q, k, v, mask)
			return append([]*Node{z, weights}, Gradient(ReduceAllSum(Mul(z, dz)), q, k, v)...)
		}, r.inputs(t, dtypes.Float64, "q", "k", "v", "dz")...)
		r.same(t, 1e-6, out, "z", "weights", "dq", "dk", "dv")
	}, backend)
}

// TestAttendGolden: heads that share keys are PyTorch's, masks of every kind are JAX's, with the gradients. The lean kernel is
// compared with the plain formula in TestParity.
func TestAttendGolden(t *testing.T) {
	windows := map[string]int{"window": 2, "window_one": 1, "causal_window": 3, "causal_window_padding": 3, "window_padding": 3}
	names := []string{
		"grouped", "grouped_causal", "grouped_cross_padding", "multiquery", "multiquery_causal_padding", // PyTorch
		"causal", "window", "window_one", "causal_window", "causal_window_padding", "window_padding", // JAX
		"lengths", "prefix", "prefix_padding",
	}
	cases(t, "testdata/masks.safetensors", names, func(t *testing.T, b compute.Backend, r reference) {
		r.causal, r.window = r.causal || r.has("prefix"), windows[r.name]
		out := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
			return attend(in, r.mask(in), lean.Never)
		}, r.inputs(t, dtypes.Float64, "q", "k", "v", "dz")...)
		r.same(t, 1e-6, out, results...)
	})
}

// TestSelfGolden: the whole layer, with its projections, is torch.nn.MultiheadAttention, and so are all its gradients,
// in float32.
func TestSelfGolden(t *testing.T) {
	cases(t, "testdata/multihead.safetensors", []string{"plain", "causal", "padding"}, func(t *testing.T, b compute.Backend, r reference) {
		out := nntest.Run(t, b, nil, func(s *model.Scope, in []*Node) []*Node {
			x, dz := in[0], in[1]
			bind(s, in[2:6])
			a := attention.Self(s, x, attention.Config{Heads: 2, Mask: r.mask(in), Weights: true})
			gradients := Gradient(ReduceAllSum(Mul(a.Z, dz)), x, in[2], in[3], in[4], in[5])
			return append([]*Node{a.Z, a.Weights}, gradients...)
		}, r.inputs(t, dtypes.Float32, "x", "dz", "in_weights", "in_biases", "out_weights", "out_biases")...)
		r.same(t, 1e-5, out, "z", "weights", "dx", "din_weights", "din_biases", "dout_weights", "dout_biases")
	}, backend)
}

// bind makes PyTorch's weights those of the layer; PyTorch keeps matrices as [out, in].
func bind(s *model.Scope, w []*Node) { bindAs(s, w, "qkv", "out") }

func bindAs(s *model.Scope, w []*Node, layers ...string) {
	for i, layer := range layers {
		nntest.Bind(s, layer+"/weights", Transpose(w[2*i], 0, 1))
		nntest.Bind(s, layer+"/biases", w[2*i+1])
	}
}

// TestCrossGolden: with queries of one sequence and keys and values of another, of the same width, the layer is PyTorch's
// cross attention (chapter 4.2.2). PyTorch has its three projections in one matrix.
func TestCrossGolden(t *testing.T) {
	cases(t, "testdata/multihead.safetensors", []string{"cross", "cross_padding"}, func(t *testing.T, b compute.Backend, r reference) {
		out := nntest.Run(t, b, nil, func(s *model.Scope, in []*Node) []*Node {
			x, y, dz := in[0], in[1], in[2]
			part := func(x *Node, i int) *Node { return Slice(x, AxisRange(i*8, (i+1)*8)) }
			bindAs(s, []*Node{part(in[3], 0), part(in[4], 0), part(in[3], 1), part(in[4], 1), part(in[3], 2), part(in[4], 2), in[5], in[6]},
				"query", "key", "value", "out")
			a := attention.CrossModal(s, x, y, attention.Values{}, attention.Config{Heads: 2, Mask: r.mask(in), Weights: true})
			gradients := Gradient(ReduceAllSum(Mul(a.Z, dz)), x, y, in[3], in[4], in[5], in[6])
			return append([]*Node{a.Z, a.Weights}, gradients...)
		}, r.inputs(t, dtypes.Float32, "x", "y", "dz", "in_weights", "in_biases", "out_weights", "out_biases")...)
		r.same(t, 1e-5, out, "z", "weights", "dx", "dy", "din_weights", "din_biases", "dout_weights", "dout_biases")
	})
}

// TestCrossModalGolden: sequences of different widths and every reading of V are PyTorch's layer with kdim and vdim, where raw
// values are those that go through the identity.
func TestCrossModalGolden(t *testing.T) {
	names := []string{"y", "y_padding", "raw", "sequence", "sequence_padding", "raw_sequence"}
	cases(t, "testdata/crossmodal.safetensors", names, func(t *testing.T, b compute.Backend, r reference) {
		layers, sequences := []string{"query", "key", "value", "out"}, []string{"x", "y"}
		raw := strings.HasPrefix(r.name, "raw")
		if raw {
			layers = slices.Delete(layers, 2, 3)
		}
		if r.has("values") {
			sequences = append(sequences, "values")
		}
		names := slices.Clone(sequences)
		for _, layer := range layers {
			names = append(names, layer, layer+"_biases")
		}
		out := nntest.Run(t, b, nil, func(s *model.Scope, in []*Node) []*Node {
			differentiable := in[1 : 1+len(names)]
			values := attention.Values{Raw: raw}
			if len(sequences) == 3 {
				values.Sequence = in[3]
			}
			bindAs(s, differentiable[len(sequences):], layers...)
			a := attention.CrossModal(s, in[1], in[2], values, attention.Config{Heads: 2, Mask: r.mask(in), Weights: true})
			return append([]*Node{a.Z, a.Weights}, Gradient(ReduceAllSum(Mul(a.Z, in[0])), differentiable...)...)
		}, r.inputs(t, dtypes.Float64, append([]string{"dz"}, names...)...)...)
		want := []string{"z", "weights"}
		for _, name := range names {
			want = append(want, "d"+name)
		}
		r.same(t, 2e-6, out, want...)
	})
}

// TestRotateGolden: the rotation is that of transformers' Llama, from the start and from given positions.
func TestRotateGolden(t *testing.T) {
	cases(t, "testdata/rope.safetensors", []string{"start", "base", "positions"}, func(t *testing.T, b compute.Backend, r reference) {
		base := map[bool]float64{true: 50, false: 10000}[r.name == "base"]
		in := r.inputs(t, dtypes.Float64, "x", "dz")
		if r.has("positions") {
			in = append(in, integers(r.file.Ints(t, r.name+".positions"), 2, 5))
		}
		out := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
			var positions *Node
			if len(in) == 3 {
				positions = in[2]
			}
			z := attention.Rotate(in[0], positions, base)
			return []*Node{z, Gradient(ReduceAllSum(Mul(z, in[1])), in[0])[0]}
		}, in...)
		r.same(t, 1e-6, out, "z", "dx")
	})
}
