package loss_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
)

// TestGradients: every loss's gradient is what finite differences say.
func TestGradients(t *testing.T) {
	groups := integers(0, 1, 0, 2)
	logits := nntest.Random(1, 4, 4)
	clip := func(in []*Node) *Node {
		similarity := MulScalar(loss.Similarity(in[0], in[1]), 0.1) // else the clamp makes logits of hundreds
		logits := Mul(similarity, loss.LogitScale(in[2]))
		return loss.CLIP(logits, ConvertDType(loss.Targets(in[3]), dtypes.Float64))
	}
	image, text := nntest.Random(2, 4, 3), nntest.Random(3, 4, 3)
	for name, s := range map[string]float64{"clip": 2.5, "clip at the clamp": 5} {
		t.Run(name, func(t *testing.T) {
			check(t, 3, clip, image, text, tensors.FromScalar(s), groups)
		})
	}
	t.Run("cross-entropy", func(t *testing.T) {
		check(t, 2, func(in []*Node) *Node { return loss.CrossEntropy(in[0], in[1]) }, logits, nntest.Random(4, 4, 4))
	})
	for name, smoothing := range map[string]float64{"classification": 0, "classification, smoothed": 0.2} {
		t.Run(name, func(t *testing.T) {
			check(t, 1, func(in []*Node) *Node { return loss.Classification(in[0], in[1], smoothing) }, logits, groups)
		})
	}
	t.Run("entropy", func(t *testing.T) {
		check(t, 1, func(in []*Node) *Node { return loss.Entropy(Softmax(in[0], -1)) }, logits)
	})
}

// contrastive builds the losses of embeddings x and y [N, D] that have a plain and a lean form.
var contrastive = map[string]func(x, y, scale, groups *Node, choice lean.Choice) *Node{
	"cosine, N anchors": func(x, y, scale, _ *Node, choice lean.Choice) *Node {
		return loss.Contrastive(x, y, loss.ContrastiveOptions{Scale: scale, Kernel: choice})
	},
	"dot product, 2N anchors": func(x, y, scale, _ *Node, choice lean.Choice) *Node {
		return loss.Contrastive(x, y, loss.ContrastiveOptions{Scale: scale, DotProduct: true, AllAnchors: true, Kernel: choice})
	},
	"pairs": func(x, y, scale, _ *Node, choice lean.Choice) *Node { return loss.Pairs(x, y, nil, scale, choice) },
	"pairs in groups": func(x, y, scale, groups *Node, choice lean.Choice) *Node {
		return loss.Pairs(x, y, groups, scale, choice)
	},
}

// TestContrastiveGradients: so are those of the losses of embeddings at both modalities and at the scale; the lean ones are
// tested in one sum, with different weights, which is compiled sooner.
func TestContrastiveGradients(t *testing.T) {
	inputs := func() []*tensors.Tensor { // a tensor belongs to one backend
		return []*tensors.Tensor{nntest.Random(11, 5, 3), nntest.Random(12, 5, 3), tensors.FromScalar(1.7), integers(0, 1, 0, 2, 0)}
	}
	for name, build := range contrastive {
		t.Run(name, func(t *testing.T) {
			check(t, 3, func(in []*Node) *Node { return build(in[0], in[1], in[2], in[3], lean.Never) }, inputs()...)
		})
	}
	t.Run("lean", func(t *testing.T) {
		needLean(t)
		nntest.CheckGradient(t, backend, 3, func(_ *model.Scope, in []*Node) *Node {
			sum := ScalarZero(in[0].Graph(), dtypes.Float64)
			for i, name := range slices.Sorted(maps.Keys(contrastive)) {
				l := contrastive[name](in[0], in[1], in[2], in[3], lean.Always)
				sum = Add(sum, MulScalar(l, 1/float64(i+1)))
			}
			return sum
		}, inputs()...)
	})
}

// TestInfoNCEGradients: at the representations, and at the weights of f.
func TestInfoNCEGradients(t *testing.T) {
	x, y, w := nntest.Random(13, 4, 3), nntest.Random(14, 4, 2), nntest.Random(15, 3, 2)
	check(t, 4, func(in []*Node) *Node {
		f := func(x, y *Node) *Node { return ReduceSum(Mul(Tanh(Einsum("MD,DE->ME", x, in[3])), y), 1) }
		return Add(loss.InfoNCEFunc(f, in[0], in[1], in[2]), loss.MutualInformation(loss.InfoNCE(f(in[0], in[1]), in[0]), 3))
	}, x, y, nntest.Random(16, 5, 2), w)
}

// TestSigLIPGradients: at both modalities, the scale and the bias, and where a logit is exactly 0.
func TestSigLIPGradients(t *testing.T) {
	x, y, groups := nntest.Random(17, 4, 3), nntest.Random(18, 4, 3), integers(0, 1, 0, 2)
	build := func(in []*Node) *Node { return loss.SigLIP(in[0], in[1], in[4], in[2], in[3]) }
	check(t, 4, build, x, y, tensors.FromScalar(1.3), tensors.FromScalar(-0.6), groups)
	zeros := tensors.FromFlatDataAndDimensions(make([]float64, 12), 4, 3)
	check(t, 4, build, zeros, y, tensors.FromScalar(1.3), tensors.FromScalar(0.), groups)
}

// TestTokenGradients: at the logits, with everything on.
func TestTokenGradients(t *testing.T) {
	labels := tensors.FromValue([][]int32{{0, 3, 1}, {2, 2, 0}})
	lengths := integers(3, 1)
	check(t, 1, func(in []*Node) *Node {
		return loss.Sequence(in[0], in[1], loss.SequenceOptions{Lengths: in[2], Smoothing: 0.1, ZLoss: 0.3})
	}, nntest.Random(19, 2, 3, 4), labels, lengths)
}
