// Package codebook turns vectors into discrete codes and back, so that a model of sequences can read and write pictures as it does
// words. There are two ways to learn the vectors of the codes.
//
// Vector quantisation (van den Oord et al. 2017, Neural Discrete Representation Learning, VQ-VAE, arXiv:1711.00937) takes the nearest:
//
//	k = argmin_j ‖z − e_j‖²                                   the code of z                                   (eq. 2)
//	x = z + sg(e_k − z)                                       its vector; the gradient goes straight to z      (§3.2)
//	L = β‖z − sg(e_k)‖²                                       z commits itself to its code                     (eq. 3)
//	N_j ← γN_j + (1 − γ)n_j,  e_j ← e_j + (1 − γ)(Σ z − n_j e_j)/N_j     the vectors follow what is near      (appendix A.1)
//
// sg is the identity without a gradient, n_j the number of z in the batch whose code is j, and Σ z their sum. The paper keeps
// m_j = N_j e_j in place of e_j, which is the same until N_j is too small to divide by. [Quantize] is the first
// three lines, [Follow] the last. A code that nothing is near to is dead: nothing moves it any more. Follow revives it at a place
// where there is something (the random restarts of Dhariwal et al. 2020, Jukebox, arXiv:2005.00341).
//
// The discrete VAE (Ramesh et al. 2021, Zero-Shot Text-to-Image Generation, DALL-E, arXiv:2102.12092, §2.1) has a distribution over
// the codes instead, relaxed by Gumbel's noise while the temperature τ falls; see [Relax] and [Divergence].
package codebook

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"gomm/mmlib/nn"
)

// Config is the size of a codebook and how it learns.
type Config struct {
	Codes      int     `json:"codes"`      // K
	Width      int     `json:"width"`      // D, of each vector
	Commitment float64 `json:"commitment"` // β
	Decay      float64 `json:"decay"`      // γ
	Revive     float64 `json:"revive"`     // a code is dead whose N falls below this; 0: none ever is
}

// Validate names the key and the value at fault.
func (c Config) Validate() error {
	switch {
	case c.Codes < 2:
		return fmt.Errorf("codes is %d: there must be at least 2", c.Codes)
	case c.Width < 1:
		return fmt.Errorf("width is %d: it must be at least 1", c.Width)
	case !(c.Commitment >= 0) || math.IsInf(c.Commitment, 0):
		return fmt.Errorf("commitment is %g: it must be at least 0, and finite", c.Commitment)
	case !(c.Decay >= 0 && c.Decay < 1):
		return fmt.Errorf("decay is %g: it must be at least 0 and below 1", c.Decay)
	case !(c.Revive >= 0 && c.Revive < 1):
		return fmt.Errorf("revive is %g: it must be at least 0 and below 1", c.Revive)
	}
	return nil
}

// of finds or creates the weights "counts" [K], N, and "vectors" [K, D], e, which no optimizer changes.
func (c Config) of(s *model.Scope) (counts, vectors *model.Variable) {
	counts = s.WithInitializer(initializer.One).VariableWithShape("counts", shapes.Make(dtypes.Float32, c.Codes))
	vectors = nn.Normal(s, "vectors", 1, shapes.Make(dtypes.Float32, c.Codes, c.Width))
	return counts.SetTrainable(false), vectors.SetTrainable(false)
}

// vectors are the codes', [K, D].
func (c Config) vectors(s *model.Scope, g *Graph) *Node {
	_, vectors := c.of(s)
	return StopGradient(vectors.NodeValue(g))
}

// Quantized is what became of vectors z [..., D].
type Quantized struct {
	Codes *Node // k [...], Int32
	X     *Node // [..., D]: the vectors of the codes, through which the gradient goes to z
	Loss  *Node // [], the mean over all numbers of β(z − sg(e))²
}

// Quantize gives each vector of z [..., D] its code, the first of several that are equally near.
func Quantize(s *model.Scope, z *Node, c Config) Quantized {
	z.AssertDims(append(unknown(z.Rank()-1), c.Width)...)
	vectors := c.vectors(s, z.Graph())
	codes := Nearest(z, vectors)
	e := Gather(vectors, ExpandAxes(codes, -1))
	return Quantized{
		Codes: codes,
		X:     Add(z, StopGradient(Sub(e, z))),
		Loss:  MulScalar(ReduceAllMean(Square(Sub(z, e))), c.Commitment),
	}
}

func unknown(axes int) []int {
	dims := make([]int, axes)
	for i := range dims {
		dims[i] = -1
	}
	return dims
}

// Nearest finds for each vector of z [..., D] the nearest of vectors [K, D]: [...], Int32. As ‖z‖² is the same for all,
//
//	argmin_j ‖z − e_j‖² = argmin_j ‖e_j‖² − 2 z·e_j
func Nearest(z, vectors *Node) *Node {
	flat := Reshape(z, -1, z.Shape().Dim(-1))
	squares := ReduceSum(Square(vectors), -1)                                                 // [K]
	distance := Sub(ExpandAxes(squares, 0), MulScalar(Einsum("ND,KD->NK", flat, vectors), 2)) // [N, K]
	return Reshape(ArgMin(distance, -1, dtypes.Int32), z.Shape().Dimensions[:z.Rank()-1]...)
}

// Vectors gives the vectors of codes [...], Int32: [..., D].
func Vectors(s *model.Scope, codes *Node, c Config) *Node {
	return Gather(c.vectors(s, codes.Graph()), ExpandAxes(codes, -1))
}

// Follow moves the vectors towards what is near to them, in training, when the step ends: z [..., D] and its codes [...] are as in
// [Quantize]. A code that is dead starts again at a vector of the batch drawn at random. The random state is the store's.
func Follow(s *model.Scope, z, codes *Node, c Config) {
	g := z.Graph()
	counted, moved := c.of(s)
	counts, vectors := counted.NodeValue(g), moved.NodeValue(g)
	flat := StopGradient(Reshape(z, -1, c.Width))                 // [N, D]
	assigned := OneHot(Reshape(codes, -1), c.Codes, flat.DType()) // [N, K]
	now := ReduceSum(assigned, 0)                                 // n
	counts = Add(MulScalar(counts, c.Decay), MulScalar(now, 1-c.Decay))
	pull := Sub(Einsum("NK,ND->KD", assigned, flat), Mul(ExpandAxes(now, -1), vectors))
	const tiny = 1e-30 // of a code that has had nothing near it for long, and has not now
	vectors = Add(vectors, MulScalar(Div(pull, ExpandAxes(MaxScalar(counts, tiny), -1)), 1-c.Decay))
	if c.Revive > 0 {
		dead := LessThan(counts, Scalar(g, counts.DType(), c.Revive))
		drawn := s.RandomIntN(g, int32(flat.Shape().Dim(0)), shapes.Make(dtypes.Int32, c.Codes))
		somewhere := Gather(flat, ExpandAxes(drawn, -1)) // [K, D]
		counts = Where(dead, OnesLike(counts), counts)
		vectors = Where(BroadcastToDims(ExpandAxes(dead, -1), c.Codes, c.Width), somewhere, vectors)
	}
	counted.SetNodeValue(counts)
	moved.SetNodeValue(vectors)
}
