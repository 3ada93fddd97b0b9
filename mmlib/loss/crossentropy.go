package loss

import . "github.com/gomlx/gomlx/core/graph"

// CrossEntropy is the mean over rows of the cross-entropy between target distributions and softmax(logits):
//
//	L = −1/N Σᵢ Σⱼ T[i,j] · log softmaxⱼ(logits[i,·])
//
// logits and targets [N, M]; the rows of targets sum to 1. The log-softmax is computed as x − max − log Σ exp(x − max),
// so logits of any size are safe.
func CrossEntropy(logits, targets *Node) *Node {
	logits.AssertRank(2)
	targets.AssertDims(logits.Shape().Dim(0), logits.Shape().Dim(1))
	return Neg(ReduceAllMean(ReduceSum(Mul(targets, LogSoftmax(logits, -1)), 1)))
}

// Classification is the cross-entropy for labels that are class numbers, with label smoothing (Szegedy et al. 2016, §7):
// the target has 1 − smoothing on its class and smoothing spread evenly over all classes.
//
// logits [N, classes], labels [N] integers below classes, 0 ≤ smoothing < 1.
func Classification(logits, labels *Node, smoothing float64) *Node {
	checkSmoothing(smoothing)
	logits.AssertRank(2)
	labels.AssertDims(logits.Shape().Dim(0))
	classes := logits.Shape().Dim(1)
	targets := OneHot(labels, classes, logits.DType())
	if smoothing > 0 {
		targets = AddScalar(MulScalar(targets, 1-smoothing), smoothing/float64(classes))
	}
	return CrossEntropy(logits, targets)
}

// Accuracy is the share of rows whose largest logit is the label's: logits [N, classes] and labels [N] give a scalar.
func Accuracy(logits, labels *Node) *Node {
	right := Equal(ArgMax(logits, -1, labels.DType()), labels)
	return ReduceAllMean(ConvertDType(right, logits.DType()))
}
