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

// TestSequenceDoesNotShift: a model that is right about labels[l] at l has a loss of about 0; one that says at l what
// stands at l+1, which a loss that shifts for itself would want, is wrong.
func TestSequenceDoesNotShift(t *testing.T) {
	labels := tensors.FromValue([][]int32{{0, 1, 2, 3, 0}, {3, 2, 1, 0, 3}})
	next := tensors.FromValue([][]int32{{1, 2, 3, 0, 1}, {2, 1, 0, 3, 2}})
	out := run(t, func(in []*Node) []*Node {
		sure := func(ids *Node) *Node { return MulScalar(OneHot(ids, 4, dtypes.Float64), 50) }
		all := ConvertDType(OnesLike(in[0]), dtypes.Bool)
		return []*Node{
			loss.Sequence(sure(in[0]), in[0], loss.SequenceOptions{}), loss.MaskedTokens(sure(in[0]), in[0], all),
			loss.Sequence(sure(in[1]), in[0], loss.SequenceOptions{}), loss.MaskedTokens(sure(in[1]), in[0], all),
		}
	}, labels, next)
	for i, want := range []float64{0, 0, 50, 50} {
		if !(math.Abs(out[i][0]-want) <= 1e-12) {
			t.Errorf("loss %d is %v, want %v", i, out[i][0], want)
		}
	}
}

// TestZLoss: it is 0 when log Z is, c·log²Z otherwise, and its gradient pulls log Z towards 0; the cross-entropy does not
// change when all logits are moved.
func TestZLoss(t *testing.T) {
	out := run(t, func(in []*Node) (out []*Node) {
		normal := LogSoftmax(in[0], -1) // log Z = 0
		for _, logZ := range []float64{0, 3, -3} {
			x := AddScalar(normal, logZ)
			plain := loss.Sequence(x, in[1], loss.SequenceOptions{})
			out = append(out, plain, Sub(loss.Sequence(x, in[1], loss.SequenceOptions{ZLoss: 0.01}), plain))
		}
		z := Sub(loss.Sequence(in[0], in[1], loss.SequenceOptions{ZLoss: 1}), loss.Sequence(in[0], in[1], loss.SequenceOptions{}))
		return append(out, ReduceAllSum(Gradient(z, in[0])[0]), ReduceAllMean(MulScalar(Log(ReduceSum(Exp(in[0]), -1)), 2)))
	}, nntest.Random(1, 2, 3, 5), tensors.FromValue([][]int32{{0, 4, 1}, {2, 2, 3}}))
	for i, want := range []float64{0, 0.09, 0.09} {
		if got := out[2*i+1][0]; !(math.Abs(got-want) <= 1e-12) {
			t.Errorf("case %d: the z-loss is %v, want %v", i, got, want)
		}
		if !(math.Abs(out[2*i][0]-out[0][0]) <= 1e-12) {
			t.Errorf("case %d: the cross-entropy is %v, want %v", i, out[2*i][0], out[0][0])
		}
	}
	// The gradient of log²Z at one position's logits is 2·log Z·softmax, whose sum is 2·log Z.
	if got, want := out[6][0], out[7][0]; !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("moving all logits changes the z-loss by %v, want %v", got, want)
	}
}

// TestNothingCounts: without a position that counts the loss and the gradients are 0, not 0/0.
func TestNothingCounts(t *testing.T) {
	out := compile(t, func(in []*Node) []*Node {
		none := LogicalNot(ConvertDType(OnesLike(in[1]), dtypes.Bool))
		masked := loss.MaskedTokens(in[0], in[1], none)
		empty := loss.Sequence(in[0], in[1], loss.SequenceOptions{Lengths: in[2], Smoothing: 0.1, ZLoss: 1})
		return []*Node{masked, empty, Gradient(masked, in[0])[0], Gradient(empty, in[0])[0]}
	})(nntest.Random(1, 1, 2, 3), tensors.FromValue([][]int32{{0, 1}}), integers(0))
	for i, values := range out {
		if largest(values) != 0 || math.IsNaN(values[0]) {
			t.Errorf("result %d is %v, want 0", i, values)
		}
	}
}

// TestWhatDoesNotCount: padding has no part in the loss, be its logits NaN and its labels −100; Mask and Lengths hold
// together; a label outside of the vocabulary where it counts makes the loss NaN.
func TestWhatDoesNotCount(t *testing.T) {
	nan := float32(math.NaN())
	clean := [][][]float32{{{1, 2, 0}, {0, -1, 3}, {0, 0, 0}}, {{2, 2, 1}, {0, 0, 0}, {0, 0, 0}}}
	dirty := [][][]float32{{{1, 2, 0}, {0, -1, 3}, {nan, nan, nan}}, {{2, 2, 1}, {nan, 1e30, 0}, {0, 0, -nan}}}
	results := compile(t, func(in []*Node) []*Node {
		logits, labels, lengths, mask := in[0], in[1], in[2], ConvertDType(in[3], dtypes.Bool)
		o := loss.SequenceOptions{Lengths: lengths, Smoothing: 0.1, ZLoss: 1e-2}
		l := loss.Sequence(logits, labels, o)
		o.Mask = mask
		both := loss.Sequence(logits, labels, o)
		return []*Node{l, Gradient(l, logits)[0], both, loss.Sequence(logits, labels, loss.SequenceOptions{})}
	})
	lengths, mask := integers(2, 1), tensors.FromValue([][]int32{{0, 1, 1}, {1, 1, 1}})
	want := results(tensors.FromValue(clean), tensors.FromValue([][]int32{{1, 2, 0}, {0, 0, 0}}), lengths, mask)
	got := results(tensors.FromValue(dirty), tensors.FromValue([][]int32{{1, 2, -100}, {0, 3, 99}}), lengths, mask)
	for i, what := range []string{"loss", "gradient", "loss with a mask too"} {
		if apart(got[i], want[i]) != 0 {
			t.Errorf("what is padding changes the %s: %v, want %v", what, got[i], want[i])
		}
	}
	if want[0][0] == want[2][0] || want[0][0] == want[3][0] {
		t.Errorf("the losses with lengths, a mask too, and neither are %v, %v and %v", want[0][0], want[2][0], want[3][0])
	}
	for i := 6; i < 9; i++ {
		if want[1][i] != 0 {
			t.Errorf("the gradient at padding is %v", want[1][i])
		}
	}
	for _, label := range []int32{-100, -1, 3} {
		out := results(tensors.FromValue(clean), tensors.FromValue([][]int32{{1, label, 0}, {0, 0, 0}}), lengths, mask)
		if !math.IsNaN(out[0][0]) || !math.IsNaN(out[2][0]) {
			t.Errorf("with the label %d of 3 words the loss is %v and %v, want NaN", label, out[0][0], out[2][0])
		}
	}
}

// TestSequenceIsClassification: each position is a classification of its own.
func TestSequenceIsClassification(t *testing.T) {
	out := run(t, func(in []*Node) []*Node {
		return []*Node{
			loss.Sequence(in[0], in[1], loss.SequenceOptions{Smoothing: 0.3}),
			loss.Classification(Reshape(in[0], 6, 4), Reshape(in[1], 6), 0.3),
		}
	}, nntest.Random(1, 2, 3, 4), tensors.FromValue([][]int32{{0, 1, 2}, {3, 3, 0}}))
	if !(math.Abs(out[0][0]-out[1][0]) <= 1e-12) {
		t.Errorf("the sequence's loss is %v, the classification's %v", out[0][0], out[1][0])
	}
}

// TestTokenAccuracy: of two sequences three tokens and two count, of which two and two are right: the second is right as a whole.
func TestTokenAccuracy(t *testing.T) {
	labels := []int32{0, 1, 2, 2, 0, 0}
	logits := make([]float32, 6*3)
	for i, said := range []int32{0, 1, 0, 2, 0, 1} {
		logits[i*3+int(said)] = 1
	}
	out := run(t, func(in []*Node) []*Node {
		return []*Node{loss.TokenAccuracy(in[0], in[1], in[2]), loss.TextAccuracy(in[0], in[1], in[2])}
	}, tensors.FromFlatDataAndDimensions(logits, 2, 3, 3), tensors.FromFlatDataAndDimensions(labels, 2, 3),
		tensors.FromFlatDataAndDimensions([]bool{true, true, true, true, true, false}, 2, 3))
	if tokens, texts := out[0][0], out[1][0]; math.Abs(tokens-0.8) > 1e-6 || texts != 0.5 {
		t.Errorf("%g of the tokens and %g of the texts are right, want 0.8 and 0.5", tokens, texts)
	}
}
