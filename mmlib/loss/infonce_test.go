package loss_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
)

// TestInfoNCEEqual: equal scores give ln(K+1), whatever they are, and prove nothing: the bound is 0.
func TestInfoNCEEqual(t *testing.T) {
	for _, k := range []int{1, 2, 9} {
		out := run(t, func(in []*Node) []*Node {
			scores := BroadcastToDims(in[0], 3, k)
			l := loss.InfoNCE(Reshape(Slice(scores, AxisRange(), AxisElem(0)), 3), scores)
			return []*Node{l, loss.MutualInformation(l, k)}
		}, tensors.FromScalar(-7.5))
		if want := math.Log(float64(k) + 1); math.Abs(out[0][0]-want) > 1e-12 || math.Abs(out[1][0]) > 1e-12 {
			t.Errorf("with %d negatives the loss is %v and the bound %v, want ln %d = %v and 0", k, out[0][0], out[1][0], k+1, want)
		}
	}
}

// TestInfoNCEForms: the scores of f, given; f, called; negatives of each and shared ones; and, with the batch's other pairs as
// negatives, the cross-entropy of the matrix of scores: all are one loss.
func TestInfoNCEForms(t *testing.T) {
	const n, d = 4, 3
	others := make([]int, 0, n*(n-1)) // the row numbers of the other pairs
	for i := range n {
		for j := range n {
			if j != i {
				others = append(others, j)
			}
		}
	}
	out := run(t, func(in []*Node) []*Node {
		x, y := in[0], in[1]
		dot := func(x, y *Node) *Node { return ReduceSum(Mul(x, y), 1) }
		negatives := Reshape(Gather(y, Reshape(in[2], -1, 1)), n, n-1, d)
		shared := Slice(y, AxisRange(1))
		pairs := OneHot(Iota(x.Graph(), shapes.Make(dtypes.Int32, n), 0), n, dtypes.Float64)
		return []*Node{
			loss.InfoNCEFunc(dot, x, y, negatives),
			loss.InfoNCE(dot(x, y), Einsum("ND,NKD->NK", x, negatives)),
			loss.CrossEntropy(loss.Similarity(x, y), pairs),
			loss.InfoNCEFunc(dot, x, y, shared),
			loss.InfoNCE(dot(x, y), loss.Similarity(x, shared)),
			loss.InfoNCEFunc(dot, x, y, BroadcastToDims(ExpandAxes(shared, 0), n, n-1, d)),
		}
	}, nntest.Random(1, n, d), nntest.Random(2, n, d), integers(others...))
	for i, l := range out {
		if want := out[i/3*3][0]; !(math.Abs(l[0]-want) <= 1e-12) {
			t.Errorf("form %d of the loss is %v, want %v", i, l[0], want)
		}
	}
}

// TestMutualInformation: on pairs of Gaussian vectors of D numbers, each pair of numbers with correlation ρ, for which
//
//	I(x; y) = −D/2 · ln(1−ρ²)          f(x, y) = log p(y|x)/p(y)
//
// is known, as is the best f, the bound lies where theory puts it and rises with the number of negatives. For this f, with
// r = exp f, which has the mean 1 over independent pairs,
//
//	ln(K+1) − L = I − E log( (r₀ + r₁ + … + r_K)/(K+1) ),     0 ≤ E log(…) ≤ E(…) − 1 = χ²/(K+1),     χ² = (1−ρ²)^−D − 1
//
// the left of it because, by symmetry, it is the divergence of "one of K+1 candidates belongs to x" from "none does", the
// right because log m ≤ m − 1. A mean over N pairs strays from its expectation by more than five standard errors σ/√N, σ
// being the standard deviation of one pair's loss, with a chance below one in a million.
func TestMutualInformation(t *testing.T) {
	const n, d = 4096, 2
	negatives := []int{1, 4, 16, 64}
	results := compile(t, func(in []*Node) (out []*Node) {
		x, y, draws, rho := in[0], in[1], in[2], in[3]
		for _, k := range negatives {
			f := func(x, y *Node) *Node { return best(x, y, rho) }
			l := loss.InfoNCEFunc(f, x, y, Slice(draws, AxisRange(), AxisRange(0, k)))
			out = append(out, loss.MutualInformation(l, k))
		}
		scores := Reshape(best(Reshape(BroadcastToDims(ExpandAxes(x, 1), n, 64, d), -1, d), Reshape(draws, -1, d), rho), n, 64)
		return append(out, best(x, y, rho), scores)
	})
	for _, rho := range []float64{0.3, 0.6, 0.9} {
		t.Run(fmt.Sprint(rho), func(t *testing.T) {
			r := rand.New(rand.NewPCG(2018, 4))
			x, y, draws := make([]float64, n*d), make([]float64, n*d), make([]float64, n*64*d)
			for i := range x {
				x[i] = r.NormFloat64()
				y[i] = rho*x[i] + math.Sqrt(1-rho*rho)*r.NormFloat64()
			}
			for i := range draws {
				draws[i] = r.NormFloat64()
			}
			out := results(nntest.Tensor(dtypes.Float64, x, n, d), nntest.Tensor(dtypes.Float64, y, n, d),
				nntest.Tensor(dtypes.Float64, draws, n, 64, d), tensors.FromScalar(rho))
			information, chi2 := -d/2.0*math.Log(1-rho*rho), math.Pow(1-rho*rho, -d)-1
			for i, k := range negatives {
				bound, sigma := out[i][0], deviation(out[4], out[5], k)
				tolerance := 5 * sigma / math.Sqrt(n)
				if gap := chi2 / float64(k+1); !(bound <= information+tolerance && bound >= information-gap-tolerance) {
					t.Errorf("K = %d: the bound is %v, I is %v: want no more than %v above and %v below", k, bound, information, tolerance, tolerance+gap)
				}
				if !(bound <= math.Log(float64(k)+1)) {
					t.Errorf("K = %d: the bound is %v, above ln(K+1)", k, bound)
				}
				if i > 0 && !(bound > out[i-1][0]) {
					t.Errorf("K = %d: the bound is %v, and %v for fewer negatives", k, bound, out[i-1][0])
				}
			}
		})
	}
}

// best is log p(y|x)/p(y) of Gaussian pairs, row by row: Σ_d ( −½ ln(1−ρ²) − (y−ρx)²/2(1−ρ²) + y²/2 ).
func best(x, y, rho *Node) *Node {
	rest := OneMinus(Square(rho))
	f := Sub(Sub(Square(y), Log(rest)), Div(Square(Sub(y, Mul(rho, x))), rest))
	return MulScalar(ReduceSum(f, 1), 0.5)
}

// deviation is the standard deviation of the pairs' losses with their first k negatives of 64.
func deviation(positive, negative []float64, k int) float64 {
	sum, squares := 0.0, 0.0
	for i, f := range positive {
		total := 1.0
		for _, other := range negative[64*i : 64*i+k] {
			total += math.Exp(other - f)
		}
		l := math.Log(total)
		sum, squares = sum+l, squares+l*l
	}
	n := float64(len(positive))
	return math.Sqrt(squares/n - sum/n*sum/n)
}
