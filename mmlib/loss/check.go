package loss

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// IgnoreIndex is the label that PyTorch leaves out by default; here it must be named as one to ignore.
const IgnoreIndex = -100

// wide converts floats of 16 bits to Float32: no sum of theirs, and no count, is safe in 16 bits.
func wide(x *Node) *Node {
	if x.DType().IsFloat16() {
		return ConvertDType(x, dtypes.Float32)
	}
	return x
}

// numbers converts integers of any type to Int32. What Int32 cannot hold becomes its nearest number, which is no class.
func numbers(x *Node) *Node {
	switch x.DType() {
	case dtypes.Int64, dtypes.Uint32, dtypes.Uint64:
		x = ConvertDType(x, dtypes.Int64)
		x = Min(Max(x, ConstAs(x, math.MinInt32)), ConstAs(x, math.MaxInt32))
	}
	return ConvertDType(x, dtypes.Int32)
}

// isClass is true where a label is one of the classes.
func isClass(labels *Node, classes int) *Node {
	return LogicalAnd(GreaterOrEqual(labels, ZerosLike(labels)), LessThan(labels, ConstAs(labels, classes)))
}

// notIgnored is true where a label is none of those to ignore; nil if there are none of these.
func notIgnored(labels *Node, ignore []int) (counts *Node) {
	for _, label := range ignore {
		if label < math.MinInt32 || label > math.MaxInt32 {
			exceptions.Panicf("loss: the label to ignore is %d: it must fit into 32 bits", label)
		}
		other := NotEqual(labels, ConstAs(labels, label))
		if counts != nil {
			other = LogicalAnd(counts, other)
		}
		counts = other
	}
	return counts
}

// mean is the mean of x over the places that count, or of all if counts is nil; 0 if none does.
func mean(x, counts *Node) *Node {
	if counts == nil {
		return ReduceAllMean(x)
	}
	n := ReduceAllSum(ConvertDType(counts, x.DType()))
	return Div(ReduceAllSum(Where(counts, x, ScalarZero(x.Graph(), x.DType()))), Max(n, OnesLike(n)))
}

func nan(like *Node) *Node { return Scalar(like.Graph(), like.DType(), math.NaN()) }

// checkRows refuses logits that are not [N, classes] floats, and labels that are not [N] integers.
func checkRows(logits, labels *Node) {
	checkLogits(logits)
	n := logits.Shape().Dim(0)
	if labels.Rank() != 1 || labels.Shape().Dim(0) != n || !labels.DType().IsInt() {
		exceptions.Panicf("loss: labels are %s: for logits %s they must be [%d], integers", labels.Shape(), logits.Shape(), n)
	}
}

// checkLogits refuses what is not a matrix of floats with at least one row and one column.
func checkLogits(logits *Node) {
	if logits.Rank() != 2 || !logits.DType().IsFloat() || logits.Shape().Size() == 0 {
		exceptions.Panicf("loss: logits are %s: they must be a matrix of floating-point numbers (rank 2), with no axis of length 0",
			logits.Shape())
	}
}

// checkPairs refuses x and y that are not both [N, D] with N ≥ 2, of one floating-point type.
func checkPairs(xName string, x *Node, yName string, y *Node) {
	if x.Rank() != 2 || !x.Shape().Equal(y.Shape()) || !x.DType().IsFloat() {
		exceptions.Panicf("loss: %s is %s and %s is %s: both must be [N, D], of one floating-point type, pair by pair",
			xName, x.Shape(), yName, y.Shape())
	}
	checkBatch(x.Shape().Dim(0))
}

// checkBatch refuses batches in which nothing can be contrasted.
func checkBatch(n int) {
	if n < 2 {
		exceptions.Panicf("loss: a contrastive loss needs at least 2 pairs in a batch, not %d: one pair has no negatives", n)
	}
}

// checkGroups refuses groups that are not nil or [N] Int32.
func checkGroups(groups *Node, n int) {
	if groups != nil && (groups.DType() != dtypes.Int32 || groups.Rank() != 1 || groups.Shape().Dim(0) != n) {
		exceptions.Panicf("loss: groups are %s: they must be (Int32)[%d], one number for each pair, or nil when each pair is its own group",
			groups.Shape(), n)
	}
}

// checkScalar refuses what is not a scalar of x's type.
func checkScalar(name string, s, x *Node) {
	if s == nil {
		exceptions.Panicf("loss: %s is nil: it must be a scalar (%s)", name, x.DType())
	}
	if !s.IsScalar() || s.DType() != x.DType() {
		exceptions.Panicf("loss: %s is %s: it must be a scalar of the type of what it is applied to (%s)", name, s.Shape(), x.DType())
	}
}

// checkSmoothing refuses smoothing that leaves no mass on the label.
func checkSmoothing(smoothing float64) {
	if !(smoothing >= 0 && smoothing < 1) {
		exceptions.Panicf("loss: label smoothing is %g: it must be at least 0 and below 1", smoothing)
	}
}
