package loss

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// InfoNCE is the loss of chapter 4.1.2 (van den Oord et al. 2018, equation 4, whose f is the exponential of the chapter's):
//
//	L = −E log exp(f(x, y)) / ( exp(f(x, y)) + Σ_{y'} exp(f(x, y')) )          (x, y) ~ p_data, K times y' ~ p_neg
//
// It takes the scores of any f: positive [N] holds f(x, y) of N pairs, negatives [N, K] holds f(x, y') for the K draws
// from p_neg that each of them is compared with. Equal scores give ln(K+1). See [InfoNCEFunc] for f as a function and
// [MutualInformation] for what the loss says.
//
// With the other pairs of the batch as negatives, K = N−1, this is [CrossEntropy] of the matrix of scores with the
// identity as its targets, and [CLIP] in both directions.
func InfoNCE(positive, negatives *Node) *Node {
	if positive.Rank() != 1 || negatives.Rank() != 2 || positive.Shape().Dim(0) != negatives.Shape().Dim(0) {
		exceptions.Panicf("loss: the positives' scores are %s and the negatives' %s: they must be [N] and [N, K]",
			positive.Shape(), negatives.Shape())
	}
	checkNegatives(negatives.Shape().Dim(1))
	return infoNCE(Concatenate([]*Node{ExpandAxes(wide(positive), 1), wide(negatives)}, 1))
}

// InfoNCEFunc is [InfoNCE] for a score function f, which compares rows: x [M, D] and y [M, E] give scores [M]. It is called
// once, with the M = N·(K+1) pairs of an x and one of its candidates, so f may have weights.
//
// x [N, D]; y [N, E], row i belonging to row i of x; negatives [N, K, E], drawn for each x, or [K, E], shared by all.
func InfoNCEFunc(f func(x, y *Node) *Node, x, y, negatives *Node) *Node {
	x.AssertRank(2)
	n, d := x.Shape().Dim(0), x.Shape().Dim(1)
	y.AssertDims(n, -1)
	e := y.Shape().Dim(1)
	if r := negatives.Rank(); r != 2 && r != 3 {
		exceptions.Panicf("loss: negatives are %s: they must be [N, K, E] or, shared by all, [K, E]", negatives.Shape())
	}
	k := negatives.Shape().Dim(-2)
	checkNegatives(k)
	if negatives.Rank() == 2 {
		negatives.AssertDims(k, e)
		negatives = BroadcastToDims(ExpandAxes(negatives, 0), n, k, e)
	}
	negatives.AssertDims(n, k, e)

	candidates := Concatenate([]*Node{ExpandAxes(y, 1), negatives}, 1) // [N, K+1, E], the positive first
	anchors := BroadcastToDims(ExpandAxes(x, 1), n, k+1, d)
	scores := f(Reshape(anchors, n*(k+1), d), Reshape(candidates, n*(k+1), e))
	scores.AssertDims(n * (k + 1))
	return infoNCE(Reshape(scores, n, k+1))
}

// infoNCE takes scores [N, K+1], the positive's in column 0.
func infoNCE(scores *Node) *Node {
	return Neg(ReduceAllMean(Slice(LogSoftmax(wide(scores), -1), AxisRange(), AxisElem(0))))
}

// MutualInformation is the lower bound on I(x; y), in nats, that the value of an InfoNCE loss certifies: with one positive
// and K negatives, which makes K+1 candidates,
//
//	I(x; y) ≥ ln(K+1) − L
//
// Two conventions are in use, and they are equivalent. Van den Oord et al. (§2.3) write ln N − L, and others ln K − L, where N or
// K counts the candidates, *the positive among them*. Here and in [InfoNCE] K counts the negatives alone. For [CLIP] on a
// batch of N pairs, each x has N candidates, thus K = N−1 negatives and the bound ln N − L.
//
// The bound holds, in expectation, for every f, when the negatives are drawn from p(y), whatever x is. It is never above
// ln(K+1): to show 5 nats takes 148 candidates or more. It comes near to I when f(x, y) = log p(y|x)/p(y), up to a term
// that depends on x alone, and K is large against exp(I). Of a batch it is an estimate, and can be above I by chance.
//
// infoNCE is the loss, of any shape; negatives is K.
func MutualInformation(infoNCE *Node, negatives int) *Node {
	checkNegatives(negatives)
	return AddScalar(Neg(wide(infoNCE)), math.Log(float64(negatives)+1))
}

// checkNegatives refuses a comparison without any.
func checkNegatives(k int) {
	if k < 1 {
		exceptions.Panicf("loss: there are %d negatives: InfoNCE needs at least 1, otherwise it is 0 for every score", k)
	}
}
