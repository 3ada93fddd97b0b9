package codebook

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Perplexity is how many of k codes are in use, as if those in use were used alike: exp of the entropy of their shares among codes
// [...], Int32; [], Float32, between 1 and k.
func Perplexity(codes *Node, k int) *Node {
	p := shares(codes, k)
	return Exp(Neg(ReduceAllSum(Mul(p, Log(MaxScalar(p, 1e-20)))))) // 0·ln 0 is 0
}

// Use is the share of the k codes that are among codes [...], Int32, at least once: [], Float32, 0 to 1.
func Use(codes *Node, k int) *Node {
	return ReduceAllMean(ConvertDType(GreaterThan(shares(codes, k), ScalarZero(codes.Graph(), dtypes.Float32)), dtypes.Float32))
}

// shares are those of k codes among codes [...], [K].
func shares(codes *Node, k int) *Node {
	return ReduceMean(OneHot(Reshape(codes, -1), k, dtypes.Float32), 0)
}
