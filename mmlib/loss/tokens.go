package loss

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// MaskedTokens is the loss of masked language modelling (chapter 3.1; BERT, Devlin et al. 2019, §3.1): the cross-entropy
// of the tokens that were hidden, averaged over the M positions where mask is true,
//
//	L = −1/M Σ_{(b,l) : mask} log softmax(logits[b,l,·])[labels[b,l]]
//
// logits [B, L, V]; labels [B, L] integers, the tokens as they were before hiding; mask [B, L] Bool, the positions that
// count (of BERT's 15 %, all: those replaced by [MASK], by another token, and those kept). When no position counts the
// loss is 0, and so are its gradients. What stands in logits and labels elsewhere does not matter.
func MaskedTokens(logits, labels, mask *Node) *Node {
	if mask == nil {
		exceptions.Panicf("loss: mask is nil: MaskedTokens needs [B, L] Bool, true where a token was hidden; for all positions use Sequence")
	}
	return Sequence(logits, labels, SequenceOptions{Mask: mask})
}

// SequenceOptions says what of a sequence counts, and how. Its zero value is the mean cross-entropy of all positions.
type SequenceOptions struct {
	// Mask [B, L] Bool is true at the positions that count; nil: all. It is the mask of the labels: a prompt that is
	// only read, or a picture's tokens, are left out with it.
	Mask *Node
	// Lengths [B] integers: of row b the first Lengths[b] positions count, what follows is padding; nil: no padding.
	// With Mask, those count that both allow.
	Lengths *Node
	// Smoothing ε, 0 ≤ ε < 1: the target has 1 − ε on its label, and ε spread evenly over all V (see [Classification]).
	Smoothing float64
	// Ignore lists labels of positions that do not count, such as [IgnoreIndex]; none if empty.
	Ignore []int
	// ZLoss is the coefficient of log²Z, at least 0; PaLM has 1e-4.
	ZLoss float64
}

// Sequence is the loss of generating sequences (chapter 3.2): at each position that counts, the cross-entropy of the
// predicted token, smoothed if asked for, and the z-loss (PaLM, Chowdhery et al. 2022, §5), which keeps the logits' log Z near 0,
// where they are precise in 16 bits; averaged over the M positions of the whole batch that count,
//
//	L = 1/M Σ_{(b,l)} ( −Σᵥ T[b,l,v] · log softmax(logits[b,l,·])[v] + c · log² Z[b,l] )          Z = Σᵥ exp logits[b,l,v]
//	T = (1−ε) · onehot(labels) + ε/V
//
// NOTHING IS SHIFTED HERE. logits[b,l] predict labels[b,l], the same l: the caller shifts, once. A model that reads
// tokens[0 … L−1] and predicts each one's successor is given
//
//	inputs = tokens[:, :L−1]          labels = tokens[:, 1:]
//
// To shift again in the loss, as some libraries do inside, trains the model to predict the token after the next: the curve
// goes down all the same, and what is generated makes no sense.
//
// logits [B, L, V]; labels [B, L] integers. When no position counts the loss is 0, and so are its gradients; what stands
// where nothing counts does not matter, be it NaN. A label outside of 0 … V−1 at a position that counts is a mistake in
// the data, and makes the loss NaN, so that it shows; where −100 stands for "does not count", set Ignore.
//
// Without smoothing and z-loss exp(L) is the perplexity.
func Sequence(logits, labels *Node, o SequenceOptions) *Node {
	checkTokens(logits, labels, o)
	logits, labels = wide(logits), numbers(labels)
	g, dtype := logits.Graph(), logits.DType()
	v, zero := logits.Shape().Dim(2), ScalarZero(g, dtype)
	counts := o.counts(labels)
	logits = Where(counts, logits, zero) // no gradient, no NaN from the rest

	largest := StopGradient(ReduceAndKeep(logits, ReduceMax, 2))
	x := Sub(logits, largest)                                              // [B, L, V]
	logZ := Log(ReduceSum(Exp(x), 2))                                      // [B, L], without `largest`
	picked := ReduceSum(Where(OneHot(labels, v, dtypes.Bool), x, zero), 2) // x at the label
	loss := Sub(logZ, picked)                                              // −log softmax at the label
	if o.Smoothing > 0 {
		uniform := Sub(logZ, ReduceMean(x, 2)) // the mean of −log softmax over V
		loss = Add(MulScalar(loss, 1-o.Smoothing), MulScalar(uniform, o.Smoothing))
	}
	if o.ZLoss > 0 {
		loss = Add(loss, MulScalar(Square(Add(logZ, Squeeze(largest, 2))), o.ZLoss))
	}
	return mean(Where(isClass(labels, v), loss, nan(loss)), counts)
}

// counts is true where a position of labels [B, L] counts.
func (o SequenceOptions) counts(labels *Node) *Node {
	g, shape := labels.Graph(), labels.Shape()
	counts := o.Mask
	if counts == nil {
		counts = BroadcastToDims(Const(g, true), shape.Dimensions...)
	}
	if o.Lengths != nil {
		position := Iota(g, shapes.Make(dtypes.Int32, shape.Dimensions...), 1)
		counts = LogicalAnd(counts, LessThan(position, BroadcastToDims(ExpandAxes(numbers(o.Lengths), 1), shape.Dimensions...)))
	}
	if other := notIgnored(labels, o.Ignore); other != nil {
		counts = LogicalAnd(counts, other)
	}
	return counts
}

// checkTokens refuses what does not fit.
func checkTokens(logits, labels *Node, o SequenceOptions) {
	if logits.Rank() != 3 || !logits.DType().IsFloat() || logits.Shape().Size() == 0 {
		exceptions.Panicf("loss: logits are %s: they must be [B, L, V], floating-point numbers, with no axis of length 0", logits.Shape())
	}
	b, l := logits.Shape().Dim(0), logits.Shape().Dim(1)
	if labels.Rank() != 2 || labels.Shape().Dim(0) != b || labels.Shape().Dim(1) != l || !labels.DType().IsInt() {
		exceptions.Panicf("loss: labels are %s: for logits %s they must be [%d, %d], integers, shifted by the caller",
			labels.Shape(), logits.Shape(), b, l)
	}
	if m := o.Mask; m != nil && (m.DType() != dtypes.Bool || m.Rank() != 2 || m.Shape().Dim(0) != b || m.Shape().Dim(1) != l) {
		exceptions.Panicf("loss: mask is %s: it must be (Bool)[%d, %d], true at the positions that count", m.Shape(), b, l)
	}
	if n := o.Lengths; n != nil && (!n.DType().IsInt() || n.Rank() != 1 || n.Shape().Dim(0) != b) {
		exceptions.Panicf("loss: lengths are %s: they must be [%d], integers, the number of positions of each row that count", n.Shape(), b)
	}
	checkSmoothing(o.Smoothing)
	if !(o.ZLoss >= 0) || math.IsInf(o.ZLoss, 0) {
		exceptions.Panicf("loss: the coefficient of the z-loss is %g: it must be at least 0 and finite", o.ZLoss)
	}
}

// TokenAccuracy is the share of the tokens that count whose label is the most probable one: logits [B, L, V], labels [B, L], counts
// [B, L] Bool. Nothing is shifted, as in [Sequence]. Where no token counts it is 0.
func TokenAccuracy(logits, labels, counts *Node) *Node {
	checkTokens(logits, labels, SequenceOptions{Mask: counts})
	right := LogicalAnd(Equal(ArgMax(logits, -1, labels.DType()), labels), counts)
	count := func(x *Node) *Node { return ReduceAllSum(ConvertDType(x, dtypes.Float32)) }
	return Div(count(right), MaxScalar(count(counts), 1))
}

// TextAccuracy is the share of sequences of which all tokens that count are right; see [TokenAccuracy].
func TextAccuracy(logits, labels, counts *Node) *Node {
	checkTokens(logits, labels, SequenceOptions{Mask: counts})
	wrong := LogicalAnd(NotEqual(ArgMax(logits, -1, labels.DType()), labels), counts)
	return OneMinus(ReduceAllMean(ReduceMax(ConvertDType(wrong, dtypes.Float32), 1)))
}
