package loss_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
)

// TestContrastiveProperties: the loss does not depend on the order of the batch; over 2N anchors it is the mean of the
// losses with either modality as anchors; τ as a number is 1/τ as a node; the cosine does not depend on lengths.
func TestContrastiveProperties(t *testing.T) {
	out := run(t, func(in []*Node) []*Node {
		z, zPlus, order := in[0], in[1], Reshape(in[2], -1, 1)
		fixed := loss.ContrastiveOptions{Temperature: 0.3}
		both := fixed
		both.AllAnchors = true
		dot := loss.ContrastiveOptions{Scale: in[3], DotProduct: true}
		mean := func(a, b *Node) *Node { return MulScalar(Add(a, b), 0.5) }
		lengths := AddScalar(ConvertDType(order, dtypes.Float64), 0.5) // [N, 1]
		return []*Node{
			loss.Contrastive(z, zPlus, fixed), loss.Contrastive(Gather(z, order), Gather(zPlus, order), fixed),
			loss.Contrastive(z, zPlus, both), loss.Contrastive(Gather(z, order), Gather(zPlus, order), both),
			loss.Contrastive(z, zPlus, both), mean(loss.Contrastive(z, zPlus, fixed), loss.Contrastive(zPlus, z, fixed)),
			loss.Contrastive(z, zPlus, both), loss.Contrastive(zPlus, z, both),
			loss.Contrastive(z, zPlus, fixed), loss.Contrastive(Mul(z, lengths), zPlus, fixed),
			loss.Contrastive(z, zPlus, fixed), loss.Contrastive(L2Normalize(z, -1), L2Normalize(zPlus, -1), dot),
		}
	}, nntest.Random(1, 5, 3), nntest.Random(2, 5, 3), integers(3, 0, 4, 1, 2), tensors.FromScalar(1/0.3))
	for i, what := range []string{
		"in another order", "over 2N in another order", "as a mean of both directions", "over 2N with the modalities exchanged",
		"with other lengths", "of rows of length 1, with the scale as a node",
	} {
		if a, b := out[2*i][0], out[2*i+1][0]; !(math.Abs(a-b) <= 1e-12) {
			t.Errorf("the loss is %v, and %v %s", a, b, what)
		}
	}
	if out[0][0] == out[2][0] {
		t.Errorf("over N and over 2N anchors the loss is the same, %v", out[0][0])
	}
}

// TestContrastiveKnown: equal similarities give ln(2N−1), also those of rows of zeros, and of rows whose squares are no
// longer numbers; where the positives alone are alike, in z = z⁺ = the rows of the identity, the loss is
// −1/τ + ln(exp(1/τ) + 2N−2).
func TestContrastiveKnown(t *testing.T) {
	const n, tau = 6, 0.4
	out := compile(t, func(in []*Node) (out []*Node) {
		zeros := ZerosLike(in[0])
		for _, choice := range kernels {
			o := loss.ContrastiveOptions{Temperature: tau, AllAnchors: true, Kernel: choice}
			out = append(out, loss.Contrastive(OnesLike(zeros), AddScalar(zeros, 1e30), o), loss.Contrastive(in[0], in[0], o))
		}
		return append(out, loss.Contrastive(zeros, zeros, loss.ContrastiveOptions{Temperature: tau}))
	})(identity(n))
	equal, known := math.Log(2*n-1), math.Log(math.Exp(1/tau)+2*n-2)-1/tau
	for i, l := range out {
		if want := []float64{equal, known}[i%2]; !(math.Abs(l[0]-want) <= 1e-6) {
			t.Errorf("loss %d is %v, want %v", i, l[0], want)
		}
	}
}

// identity is the unit matrix, Float32.
func identity(n int) *tensors.Tensor {
	flat := make([]float32, n*n)
	for i := range n {
		flat[i*n+i] = 1
	}
	return tensors.FromFlatDataAndDimensions(flat, n, n)
}

// TestPairsIsCLIP: without groups Pairs is CLIP with the identity as its targets, with groups CLIP with theirs, and a scale
// of Float64 needs no targets of Float32.
func TestPairsIsCLIP(t *testing.T) {
	out := compile(t, func(in []*Node) (out []*Node) {
		groups := in[3]
		pairs := Iota(groups.Graph(), groups.Shape(), 0)
		logits := Mul(loss.Similarity(in[0], in[1]), in[2])
		clip := func(groups *Node) *Node { return loss.CLIP(logits, ConvertDType(loss.Targets(groups), dtypes.Float64)) }
		for _, choice := range kernels {
			out = append(out, clip(pairs), loss.Pairs(in[0], in[1], nil, in[2], choice))
			out = append(out, clip(groups), loss.Pairs(in[0], in[1], groups, in[2], choice))
		}
		return out
	})(nntest.Random(3, 6, 4), nntest.Random(4, 6, 4), tensors.FromScalar(1.5), integers(0, 1, 0, 2, 1, 3)) // ½ is exact in Float32
	for i := 0; i < len(out); i += 2 {
		if a, b := out[i][0], out[i+1][0]; !(math.Abs(a-b) <= 1e-12) {
			t.Errorf("case %d: CLIP is %v, Pairs %v", i/2, a, b)
		}
	}
}
