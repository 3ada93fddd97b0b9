package loss

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// CrossEntropy is the mean over rows of the cross-entropy between target distributions and softmax(logits):
//
//	L = −1/N Σᵢ Σⱼ T[i,j] · log softmaxⱼ(logits[i,·])          with 0 · log 0 = 0
//
// logits and targets [N, M]; the rows of targets sum to 1, and a target of exactly 0 has the gradient 0. The log-softmax is
// computed as x − max − log Σ exp(x − max), so logits of any size are safe. For NaN, −Inf and floats of 16 bits see the package comment.
func CrossEntropy(logits, targets *Node) *Node {
	checkLogits(logits)
	targets.AssertDims(logits.Shape().Dim(0), logits.Shape().Dim(1))
	return ReduceAllMean(crossEntropies(wide(logits), targets))
}

// crossEntropies is the cross-entropy of each row, [N].
func crossEntropies(logits, targets *Node) *Node {
	targets = ConvertDType(targets, logits.DType())
	logP := LogSoftmax(logits, -1)
	// A class without mass adds nothing, even where log p is −Inf.
	logP = Where(Equal(targets, ZerosLike(targets)), ZerosLike(logP), logP)
	return Neg(ReduceSum(Mul(targets, logP), 1))
}

// Classification is the cross-entropy for labels that are class numbers, with label smoothing (Szegedy et al. 2016, §7):
// the target has 1 − smoothing on its class and smoothing spread evenly over all classes.
//
// logits [N, classes], labels [N] integers below classes, 0 ≤ smoothing < 1. Rows whose label is one of ignore, such as
// [IgnoreIndex], do not count; any other label outside of the classes makes the loss NaN (see the package comment).
func Classification(logits, labels *Node, smoothing float64, ignore ...int) *Node {
	checkSmoothing(smoothing)
	checkRows(logits, labels)
	logits, labels = wide(logits), numbers(labels)
	classes := logits.Shape().Dim(1)
	counts := notIgnored(labels, ignore)
	if counts != nil {
		logits = Where(counts, logits, ScalarZero(logits.Graph(), logits.DType())) // no gradient, no NaN from the rest
	}
	targets := OneHot(labels, classes, logits.DType())
	if smoothing > 0 {
		targets = AddScalar(MulScalar(targets, 1-smoothing), smoothing/float64(classes))
	}
	losses := crossEntropies(logits, targets)
	return mean(Where(isClass(labels, classes), losses, nan(losses)), counts)
}

// Accuracy is the share of rows whose largest logit is the label's, the first of equals: logits [N, classes] and labels [N]
// give a scalar. As in [Classification], rows whose label is one of ignore do not count, and other labels outside of the
// classes make it NaN; so does a NaN among the logits, or a row with nothing but −Inf, which are no answers.
func Accuracy(logits, labels *Node, ignore ...int) *Node {
	checkRows(logits, labels)
	logits, labels = wide(logits), numbers(labels)
	right := ConvertDType(Equal(ArgMax(logits, -1, dtypes.Int32), labels), logits.DType())
	// A row with a NaN in it has numbers that are not ≤ its maximum.
	largest := ReduceAndKeep(logits, ReduceMax, 1)
	answers := Equal(ReduceSum(ConvertDType(LessOrEqual(logits, largest), logits.DType()), 1), ConstAs(right, logits.Shape().Dim(1)))
	answers = LogicalAnd(answers, GreaterThan(Squeeze(largest, 1), Infinity(logits.Graph(), logits.DType(), -1)))
	good := LogicalAnd(answers, isClass(labels, logits.Shape().Dim(1)))
	return mean(Where(good, right, nan(right)), notIgnored(labels, ignore))
}
