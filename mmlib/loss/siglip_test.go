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

// TestSigLIPKnown: where each picture is its own text and has nothing of any other, x = y = the rows of the identity, the
// logits at the paper's start are 0 for the N positives and −10 for the rest:
//
//	L = ln 2 + (N−1) ln(1+exp(−10))
//
// to the precision of float32, which log(1+x) keeps and log of 1+x does not. When all have one meaning, all are positives.
func TestSigLIPKnown(t *testing.T) {
	const n = 64
	out := compile(t, func(in []*Node) []*Node {
		scale, bias := Scalar(in[0].Graph(), dtypes.Float32, loss.SigLIPScale), Scalar(in[0].Graph(), dtypes.Float32, loss.SigLIPBias)
		far := MulScalar(bias, 0.5) // logits 5 and −5
		one := ZerosLike(in[1])
		return []*Node{
			loss.SigLIP(in[0], in[0], nil, scale, bias),
			loss.SigLIP(in[0], in[0], in[1], scale, bias),
			loss.SigLIP(in[0], in[0], one, scale, bias),
			loss.SigLIP(in[0], in[0], nil, scale, far),
		}
	})(identity(n), iota(n))
	rest := (n - 1) * math.Log1p(math.Exp(-10))
	for i, want := range []float64{math.Ln2 + rest, math.Ln2 + rest, math.Ln2 + rest + 10*(n-1), n * math.Log1p(math.Exp(-5))} {
		if !(math.Abs(out[i][0]-want) <= 1e-6*want) {
			t.Errorf("loss %d is %.9v, want %.9v", i, out[i][0], want)
		}
	}
}

// TestSigLIPOrder: the order of the pairs does not matter, nor which modality comes first.
func TestSigLIPOrder(t *testing.T) {
	out := run(t, func(in []*Node) []*Node {
		order := Reshape(in[3], -1, 1)
		scale, bias := Scalar(in[0].Graph(), dtypes.Float64, 2), Scalar(in[0].Graph(), dtypes.Float64, -0.5)
		return []*Node{
			loss.SigLIP(in[0], in[1], in[2], scale, bias),
			loss.SigLIP(Gather(in[0], order), Gather(in[1], order), Gather(in[2], order), scale, bias),
			loss.SigLIP(in[1], in[0], in[2], scale, bias),
		}
	}, nntest.Random(1, 5, 3), nntest.Random(2, 5, 3), integers(1, 2, 1, 4, 2), integers(3, 0, 4, 1, 2))
	for i, l := range out {
		if !(math.Abs(l[0]-out[0][0]) <= 1e-12) {
			t.Errorf("loss %d is %v, want %v", i, l[0], out[0][0])
		}
	}
}

// TestExtremes: with logits of ±1e4 the losses and their gradients are what they are in the limit, and finite.
func TestExtremes(t *testing.T) {
	const c = 1e4
	out := compile(t, func(in []*Node) []*Node {
		x := in[0] // [1, 2], logits of two classes
		positive, negative := Slice(x, AxisRange(), AxisElem(0)), Slice(x, AxisRange(), AxisElem(1))
		l := loss.InfoNCE(Reshape(positive, 1), negative)
		zero, one := ScalarZero(x.Graph(), x.DType()), ScalarOne(x.Graph(), x.DType())
		eye := ConvertDType(Diagonal(x.Graph(), 2), x.DType())
		s := loss.SigLIP(MulScalar(eye, -c), eye, nil, one, zero)
		labels := ZerosLike(ConvertDType(x, dtypes.Int32))
		words := loss.Sequence(ExpandAxes(x, 0), Slice(labels, AxisRange(), AxisRange(0, 1)), loss.SequenceOptions{ZLoss: 1e-4})
		return []*Node{l, Gradient(l, x)[0], s, words, Gradient(words, x)[0]}
	})(tensors.FromValue([][]float32{{-c, c}}))
	for i, want := range [][]float64{
		{2 * c},
		{-1, 1},
		{c + math.Ln2}, // positives at −1e4, and off the diagonal at 0
		{2*c + 1e-4*c*c},
		{-1, 1 + 2e-4*c},
	} {
		if !(apart(out[i], want) <= 1e-6*largest(want)) {
			t.Errorf("result %d is %v, want %v", i, out[i], want)
		}
	}
}
