package loss_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
)

// TestNTXentGolden: the contrastive loss over N and over 2N anchors, plain and lean, and its gradients at both modalities
// and at the scale 1/τ, are those of PyTorch's two loops.
func TestNTXentGolden(t *testing.T) {
	file := golden.Load(t, "testdata/ntxent.safetensors")
	program := func(dot bool, choices ...lean.Choice) func(in ...*tensors.Tensor) [][]float64 {
		return compile(t, func(in []*Node) (out []*Node) {
			for _, choice := range choices {
				for _, all := range []bool{false, true} {
					l := loss.Contrastive(in[0], in[1], loss.ContrastiveOptions{Scale: in[2], DotProduct: dot, AllAnchors: all, Kernel: choice})
					out = append(append(out, l), Gradient(l, in...)...)
				}
			}
			return out
		})
	}
	cosine, dot := program(false, kernels...), program(true, lean.Never)
	for _, c := range []struct {
		name    string
		dtype   dtypes.DType
		results func(in ...*tensors.Tensor) [][]float64
	}{
		{"cosine", dtypes.Float32, cosine},
		{"cosine_sharp", dtypes.Float32, cosine},
		{"two", dtypes.Float64, program(false, lean.Never)},
		{"dot", dtypes.Float64, dot},
	} {
		t.Run(c.name+"/"+c.dtype.String(), func(t *testing.T) {
			r := reference{file, c.name + "."}
			scale := nntest.Tensor(c.dtype, []float64{1 / float64(file.Floats(t, c.name+".tau")[0])})
			out := c.results(r.float(t, c.dtype, "z"), r.float(t, c.dtype, "zplus"), scale)
			for i, values := range out { // four over N anchors and four over 2N, plain and then lean
				key := []string{"loss", "dz", "dzplus", "dscale"}[i%4]
				if i%8 < 4 {
					key = "anchors_" + key
				}
				r.same(t, key, values, precision[c.dtype])
			}
		})
	}
}

// TestPairsGolden: CLIP's loss from embeddings, plain and lean, has PyTorch's values and gradients.
func TestPairsGolden(t *testing.T) {
	file := golden.Load(t, "testdata/contrastive.safetensors")
	results := compile(t, func(in []*Node) (out []*Node) {
		for _, choice := range kernels {
			l := loss.Pairs(in[0], in[1], in[3], loss.LogitScale(in[2]), choice)
			out = append(append(out, l), Gradient(l, in[:3]...)...)
		}
		return out
	})
	for _, name := range []string{"plain", "sharp", "clamped", "equal_captions", "equal_captions_unshared", "equal_meanings",
		"equal_meanings_clamped"} {
		for dtype, tolerance := range precision {
			t.Run(name+"/"+dtype.String(), func(t *testing.T) {
				r := reference{file, name + "."}
				groups := iota(6)
				if file.Has(name + ".groups") {
					groups = r.int(t, "groups")
				}
				out := results(r.float(t, dtype, "image"), r.float(t, dtype, "text"), r.float(t, dtype, "s"), groups)
				for i, values := range out { // plain, and then lean
					r.same(t, []string{"loss", "dimage", "dtext", "ds"}[i%4], values, tolerance)
				}
			})
		}
	}
}

// TestInfoNCEGolden: with f(x, y) = x·w·y, the loss and its gradients, also at f's weights, are PyTorch's.
func TestInfoNCEGolden(t *testing.T) {
	file := golden.Load(t, "testdata/infonce.safetensors")
	results := compile(t, func(in []*Node) []*Node {
		bilinear := func(x, y *Node) *Node { return ReduceSum(Mul(Einsum("MD,DE->ME", x, in[3]), y), 1) }
		l := loss.InfoNCEFunc(bilinear, in[0], in[1], in[2])
		return append([]*Node{l}, Gradient(l, in...)...)
	})
	for name, dtype := range map[string]dtypes.DType{"own": dtypes.Float32, "shared": dtypes.Float64, "one": dtypes.Float64} {
		t.Run(name+"/"+dtype.String(), func(t *testing.T) {
			r := reference{file, name + "."}
			out := results(r.float(t, dtype, "x"), r.float(t, dtype, "y"), r.float(t, dtype, "negatives"), r.float(t, dtype, "w"))
			for i, key := range []string{"loss", "dx", "dy", "dnegatives", "dw"} {
				r.same(t, key, out[i], precision[dtype])
			}
		})
	}
}

// TestSigLIPGolden: the sigmoid loss and its gradients are those of the paper's algorithm 1, run by JAX.
func TestSigLIPGolden(t *testing.T) {
	file := golden.Load(t, "testdata/siglip.safetensors")
	results := compile(t, func(in []*Node) []*Node {
		l := loss.SigLIP(in[0], in[1], in[4], in[2], in[3])
		ungrouped := loss.SigLIP(in[0], in[1], nil, in[2], in[3])
		return append(append([]*Node{l}, Gradient(l, in[:4]...)...), ungrouped)
	})
	for _, name := range []string{"start", "later", "groups", "large"} {
		for dtype, tolerance := range precision {
			t.Run(name+"/"+dtype.String(), func(t *testing.T) {
				r := reference{file, name + "."}
				groups := iota(6)
				if file.Has(name + ".groups") {
					groups = r.int(t, "groups")
				}
				out := results(r.float(t, dtype, "image"), r.float(t, dtype, "text"), r.float(t, dtype, "t"), r.float(t, dtype, "b"), groups)
				if same := out[0][0] == out[5][0]; same != (name != "groups") {
					t.Errorf("with and without groups the loss is %v and %v", out[0][0], out[5][0])
				}
				for i, key := range []string{"loss", "dimage", "dtext", "dt", "db"} {
					r.same(t, key, out[i], tolerance*max(1, largest(out[i])))
				}
			})
		}
	}
}

// TestTokensGolden: masked tokens and sequences with padding, smoothing and z-loss are PyTorch's, with their gradients.
func TestTokensGolden(t *testing.T) {
	file := golden.Load(t, "testdata/tokens.safetensors")
	program := func(o loss.SequenceOptions) func(in ...*tensors.Tensor) [][]float64 {
		return compile(t, func(in []*Node) []*Node {
			o.Mask = ConvertDType(in[2], dtypes.Bool)
			l := loss.Sequence(in[0], in[1], o)
			return []*Node{l, Gradient(l, in[0])[0], loss.MaskedTokens(in[0], in[1], o.Mask)}
		})
	}
	plain, smoothed := program(loss.SequenceOptions{}), program(loss.SequenceOptions{Smoothing: 0.1})
	for name, results := range map[string]func(in ...*tensors.Tensor) [][]float64{
		"all": plain, "padding": plain, "hidden": plain, "smoothed": smoothed, "large": smoothed,
		"zloss":      program(loss.SequenceOptions{ZLoss: 0.25}),
		"everything": program(loss.SequenceOptions{Smoothing: 0.2, ZLoss: 1e-4}),
	} {
		for dtype, tolerance := range precision {
			t.Run(name+"/"+dtype.String(), func(t *testing.T) {
				r := reference{file, name + "."}
				out := results(r.float(t, dtype, "logits"), r.matrix(t, "labels"), r.matrix(t, "mask"))
				r.same(t, "loss", out[0], tolerance*max(1, math.Abs(out[0][0])))
				r.same(t, "dlogits", out[1], tolerance)
				if file.Floats(t, name+".smoothing")[0] == 0 && file.Floats(t, name+".zloss")[0] == 0 && out[2][0] != out[0][0] {
					t.Errorf("MaskedTokens is %v, Sequence %v", out[2][0], out[0][0])
				}
			})
		}
	}
}

// matrix is a golden matrix of integers.
func (r reference) matrix(t *testing.T, name string) *tensors.Tensor {
	t.Helper()
	dims := r.file.Get(t, r.prefix+name).Shape
	return tensors.FromFlatDataAndDimensions(tensors.MustCopyFlatData[int32](r.int(t, name)), dims...)
}

// largest is the largest size of a number in values.
func largest(values []float64) (size float64) {
	for _, v := range values {
		size = max(size, math.Abs(v))
	}
	return size
}
