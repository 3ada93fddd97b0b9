package loss

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// What SigLIP starts from (Zhai et al. 2023, §3.2): t = exp(t') with t' = ln 10, and b. Almost all pairs of a batch do not
// belong together; the bias says so from the first step on, which otherwise would have to learn just that.
const (
	SigLIPScale = 10
	SigLIPBias  = -10
)

// SigLIP is the sigmoid loss of SigLIP (Zhai et al. 2023, equation 1 and algorithm 1). Each image and each text of the batch
// are one yes-or-no question, "do they belong together?", answered with σ; nothing is normalised over the batch:
//
//	L = −1/N Σᵢ Σⱼ log σ( z[i,j] · (t·xᵢ·yⱼ + b) )          z[i,j] = 1 when they belong together, else −1
//
// The sum of N² terms is divided by N, as the paper does. images x and texts y [N, D], of length 1, row i belonging to row i;
// groups [N] Int32 makes positives of all pairs whose ids are equal, each counted in full; nil: of (i, i) alone. scale t and
// bias b are scalars of their type, learnable; t = exp(t') keeps it positive, and the paper does not clamp it.
func SigLIP(images, texts, groups, scale, bias *Node) *Node {
	checkPairs("images", images, "texts", texts)
	n := images.Shape().Dim(0)
	checkGroups(groups, n)
	checkScalar("scale", scale, images)
	checkScalar("bias", bias, images)

	images, texts, scale, bias = wide(images), wide(texts), wide(scale), wide(bias)
	together := Diagonal(images.Graph(), n)
	if groups != nil {
		together = sameGroup(groups)
	}
	logits := Add(Similarity(Mul(images, scale), texts), bias)
	return Neg(ReduceAllMean(ReduceSum(logSigmoid(Where(together, logits, Neg(logits))), 1)))
}

// logSigmoid is log σ(x) = min(x, 0) − log(1 + exp(−|x|)), which no x makes overflow. Half of x − |x| is min(x, 0);
// written so, the gradient at 0 is the ½ of log σ, whichever gradient |x| is given there.
func logSigmoid(x *Node) *Node {
	size := Abs(x)
	return Sub(Sub(MulScalar(x, 0.5), MulScalar(size, 0.5)), Log1p(Exp(Neg(size))))
}
