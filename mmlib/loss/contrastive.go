// Package loss holds the losses of chapter 4.1 and the task losses, as pure functions of graph nodes: numbers in, one
// scalar out, no weights and no state. Functions here panic on shapes that do not fit, as all graph code does.
package loss

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// MaxLogitScale is the largest factor by which CLIP multiplies similarities (CLIP §2.5): temperatures below 0.01
// made its training unstable.
const MaxLogitScale = 100

// LogitScale is CLIP's learnable inverse temperature, 1/τ = exp(s), no larger than [MaxLogitScale].
//
// s is a scalar weight; learning s and not τ keeps the temperature positive. Above the clamp the gradient is 0.
func LogitScale(s *Node) *Node {
	return Exp(Min(s, ConstAs(s, math.Log(MaxLogitScale))))
}

// Similarity compares each row of x with each row of y: x [N, D] and y [M, D] give x·yᵀ [N, M], which is the cosine
// when the rows have length 1.
func Similarity(x, y *Node) *Node {
	x.AssertRank(2)
	y.AssertDims(-1, x.Shape().Dim(1))
	return Einsum("ND,MD->NM", x, y)
}

// Targets spreads each row's target mass evenly over the columns of its own group: group ids [N] give [N, N],
//
//	T[i,j] = 1[gᵢ = gⱼ] / #{k : gₖ = gᵢ}
//
// whose rows, and, being symmetric, columns too, sum to 1. With the pair's own number as its group this is the identity,
// and [CLIP] is plain InfoNCE. With an id for each *meaning*, a picture is no longer pushed away from a caption that
// says the same as its own in other words or another language.
func Targets(groups *Node) *Node {
	groups.AssertRank(1)
	n := groups.Shape().Dim(0)
	same := ConvertDType(Equal(Reshape(groups, n, 1), Reshape(groups, 1, n)), dtypes.Float32)
	return Div(same, ReduceAndKeep(same, ReduceSum, 1))
}

// CLIP is the symmetric contrastive loss of CLIP (Radford et al. 2021, figure 3): the mean of the cross-entropies over
// the rows (which text belongs to this image) and over the columns (which image belongs to this text).
//
//	L = ½ · ( −1/N Σᵢⱼ T[i,j] · log softmaxⱼ(logits[i,·])  −  1/N Σᵢⱼ T[i,j] · log softmaxᵢ(logits[·,j]) )
//
// logits [N, N], images in rows and texts in columns, already divided by the temperature; targets [N, N] with rows and
// columns that sum to 1 (see [Targets]). With T the identity this is InfoNCE (chapter 4.1.2) in both directions, with the
// other pairs of the batch as negatives.
func CLIP(logits, targets *Node) *Node {
	n := logits.Shape().Dim(0)
	logits.AssertDims(n, n)
	targets.AssertDims(n, n)
	if n < 2 {
		exceptions.Panicf("loss: a contrastive loss needs at least 2 pairs in a batch, not %d: one pair has no negatives", n)
	}
	rows := CrossEntropy(logits, targets)
	columns := CrossEntropy(Transpose(logits, 0, 1), Transpose(targets, 0, 1))
	return MulScalar(Add(rows, columns), 0.5)
}

// Entropy is the mean entropy of the rows of targets, which is the least value that [CrossEntropy] can take: the floor,
//
//	H = −1/N Σᵢⱼ T[i,j] · log T[i,j]
//
// For [Targets] it is E[ln n_g], n_g being the size of a row's group: at 256 pairs of ten classes about ln 25.6 = 3.24.
// A curve that flattens there has learned all there is; it is not stuck. targets [N, M] gives a scalar.
func Entropy(targets *Node) *Node {
	tiny := ConstAs(targets, 1e-30) // 0·log 0 is 0
	return Neg(ReduceAllMean(ReduceSum(Mul(targets, Log(Max(targets, tiny))), 1)))
}
