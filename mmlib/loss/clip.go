package loss

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla/lean"
)

// Similarity compares each row of x with each row of y: x [N, D] and y [M, D] give x·yᵀ [N, M], which is the cosine
// when the rows have length 1.
func Similarity(x, y *Node) *Node {
	x.AssertRank(2)
	y.AssertDims(-1, x.Shape().Dim(1))
	return Einsum("ND,MD->NM", wide(x), wide(y))
}

// Targets spreads each row's target mass evenly over the columns of its own group: group ids [N] give [N, N],
//
//	T[i,j] = 1[gᵢ = gⱼ] / #{k : gₖ = gᵢ}
//
// whose rows, and, being symmetric, columns too, sum to 1. With the pair's own number as its group this is the identity,
// and [CLIP] is plain InfoNCE. With an id for each *meaning*, a picture is no longer pushed away from a caption that
// says the same as its own in other words or another language.
func Targets(groups *Node) *Node { return targets(groups, dtypes.Float32) }

func targets(groups *Node, dtype dtypes.DType) *Node {
	same := ConvertDType(sameGroup(groups), dtype)
	return Div(same, ReduceAndKeep(same, ReduceSum, 1))
}

// sameGroup is 1[gᵢ = gⱼ], [N, N] Bool.
func sameGroup(groups *Node) *Node {
	groups.AssertRank(1)
	n := groups.Shape().Dim(0)
	return Equal(Reshape(groups, n, 1), Reshape(groups, 1, n))
}

// CLIP is the symmetric contrastive loss of CLIP (Radford et al. 2021, figure 3): the mean of the cross-entropies over
// the rows (which text belongs to this image) and over the columns (which image belongs to this text).
//
//	L = ½ · ( −1/N Σᵢⱼ T[i,j] · log softmaxⱼ(logits[i,·])  −  1/N Σᵢⱼ T[i,j] · log softmaxᵢ(logits[·,j]) )
//
// logits [N, N], images in rows and texts in columns, already divided by the temperature; targets [N, N] with rows and
// columns that sum to 1 (see [Targets]). With T the identity this is InfoNCE (chapter 4.1.2) in both directions, with the
// other pairs of the batch as negatives. [Pairs] is the same from embeddings, for batches of any size.
func CLIP(logits, targets *Node) *Node {
	n := logits.Shape().Dim(0)
	logits.AssertDims(n, n)
	targets.AssertDims(n, n)
	checkBatch(n)
	rows := CrossEntropy(logits, targets)
	columns := CrossEntropy(Transpose(logits, 0, 1), Transpose(targets, 0, 1))
	return MulScalar(Add(rows, columns), 0.5)
}

// Pairs is [CLIP] from embeddings: with S = scale·images·textsᵀ and T as [Targets] has it,
//
//	L = CLIP(S, T) = ½ · ( 1/N Σᵢ log Σⱼ exp S[i,j]  +  1/N Σⱼ log Σᵢ exp S[i,j] )  −  1/N Σᵢⱼ T[i,j]·S[i,j]
//
// Where S would be large, see [lean.Choice], it is never made: the second form needs only sums over its rows and columns
// and each row's mean over its positives, which the kernel [lean.Contrast] takes tile by tile. Values and gradients are
// the same. Targets are groups here, since a matrix of them would be as large as S.
//
// images and texts [N, D], row i belonging to row i, of length 1 for the cosine; groups [N] Int32, or nil when
// each pair is its own; scale is 1/τ, a scalar of their type (see [LogitScale]).
func Pairs(images, texts, groups, scale *Node, choice lean.Choice) *Node {
	checkPairs("images", images, "texts", texts)
	n := images.Shape().Dim(0)
	checkGroups(groups, n)
	checkScalar("scale", scale, images)
	images, texts = Mul(wide(images), wide(scale)), wide(texts) // here it is N·D products, and N² later
	if !choice.Lean(images.Graph().Backend(), images.DType(), n, n) {
		if groups == nil {
			groups = Iota(images.Graph(), shapes.Make(dtypes.Int32, n), 0)
		}
		return CLIP(Similarity(images, texts), targets(groups, images.DType()))
	}

	// The positives are subtracted from the maxima first: both may be large, and what is left is small.
	s := lean.Contrast(images, texts, lean.Pairing{Groups: groups})
	rows := Add(Sub(s.Rows.Max, s.Positives), s.Rows.Rest)
	columns := Add(Sub(s.Columns.Max, s.PositivesOf), s.Columns.Rest)
	return MulScalar(Add(ReduceAllMean(rows), ReduceAllMean(columns)), 0.5)
}

// Entropy is the mean entropy of the rows of targets, which is the least value that [CrossEntropy] can take: the floor,
//
//	H = −1/N Σᵢⱼ T[i,j] · log T[i,j]
//
// For [Targets] it is E[ln n_g], n_g being the size of a row's group: at 256 pairs of ten classes about 3.26.
// A curve that flattens there has learned all there is; it is not stuck. targets [N, M] gives a scalar.
func Entropy(targets *Node) *Node {
	targets.AssertRank(2)
	targets = wide(targets)
	tiny := ConstAs(targets, 1e-30) // 0·log 0 is 0
	return Neg(ReduceAllMean(ReduceSum(Mul(targets, Log(Max(targets, tiny))), 1)))
}
