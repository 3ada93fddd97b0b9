package loss

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

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
