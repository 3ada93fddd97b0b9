package codebook

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Relax draws from the distributions over codes with logits [..., K] by the Gumbel-softmax (Jang et al. 2017, arXiv:1611.01144, eq. 2;
// Maddison et al. 2017):
//
//	y_k = softmax_k((logits_k + g_k)/τ),    g_k = −ln(−ln u_k),    u_k uniform between 0 and 1
//
// [..., K], of sum 1. As τ falls to 0 it becomes a draw of one code, of which the gradient is known all the way down. τ is a scalar.
// The random state is the store's.
func Relax(s *model.Scope, logits, tau *Node) *Node {
	u := s.RandomUniform(logits.Graph(), logits.Shape())
	return Softmax(Div(Add(logits, gumbel(u)), tau), -1)
}

// gumbel makes Gumbel's noise of uniform numbers, which may be 0.
func gumbel(u *Node) *Node {
	const smallest = 1e-20 // whose logarithm is finite
	return Neg(Log(AddScalar(Neg(Log(MaxScalar(u, smallest))), smallest)))
}

// Divergence is how far the distributions over codes with logits [..., K] are from the uniform prior of DALL-E's first stage (§2.1), in
// nats, the mean over all:
//
//	KL(q ‖ uniform) = Σ_k q_k ln q_k + ln K
func Divergence(logits *Node) *Node {
	logQ := LogSoftmax(logits, -1)
	negative := ReduceSum(Mul(Exp(logQ), logQ), -1)
	return AddScalar(ReduceAllMean(negative), math.Log(float64(logits.Shape().Dim(-1))))
}
