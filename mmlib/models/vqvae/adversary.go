package vqvae

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/vision"
)

// Adversary is a network that tells the patches of pictures from those of reconstructions (PatchGAN, as in VQGAN): two layers on
// each patch of PatchSize.
//
//	L_D = ln(1 + e^{−D(x)}) + ln(1 + e^{D(x̂)})        the adversary's loss, least when it is right
//
// The adversary makes it small, the decoder large, weighed with Weight: in one backward pass, as the gradient changes its sign between
// the two (Ganin and Lempitsky 2015, arXiv:1409.7495, §3). This is the game of Goodfellow et al. (2014, eq. 1) as it stands.
type Adversary struct {
	Weight    float64 `json:"weight,omitempty"`     // 0: there is none
	PatchSize int     `json:"patch_size,omitempty"` // must divide image_size
	Width     int     `json:"width,omitempty"`      // of its layers
}

func (a Adversary) validate(c codebook.Autoencoder) error {
	switch {
	case !(a.Weight >= 0) || math.IsInf(a.Weight, 0):
		return fmt.Errorf("vqvae: adversary.weight is %g: it must be at least 0, and finite", a.Weight)
	case a.Weight == 0:
		return nil
	case a.PatchSize < 1 || c.ImageSize%a.PatchSize != 0:
		return fmt.Errorf("vqvae: adversary.patch_size is %d: it must divide image_size, %d", a.PatchSize, c.ImageSize)
	case a.Width < 1:
		return fmt.Errorf("vqvae: adversary.width is %d: it must be at least 1", a.Width)
	}
	return nil
}

// loss is L_D, and the share of patches on which the adversary is right. Weights: "in", "hidden", "out".
func (a Adversary) loss(s *model.Scope, x, made *Node, c codebook.Autoencoder) (l, accuracy *Node) {
	x, made = AddScalar(MulScalar(x, 2), -1), AddScalar(MulScalar(made, 2), -1)
	real, fake := a.judge(s, x), a.judge(s, reverse(made, a.Weight))
	l = Add(ReduceAllMean(Softplus(Neg(real))), ReduceAllMean(Softplus(fake)))
	right := func(x *Node) *Node {
		return ReduceAllMean(ConvertDType(GreaterThan(x, ScalarZero(x.Graph(), x.DType())), dtypes.Float32))
	}
	return l, MulScalar(Add(right(real), right(Neg(fake))), 0.5)
}

// judge gives D of each patch, [B, patches, 1].
func (a Adversary) judge(s *model.Scope, x *Node) *Node {
	x = vision.Patches(x, a.PatchSize)
	for _, layer := range []string{"in", "hidden"} {
		x = activation.LeakyRelu(nn.Dense(s.At("%s", layer), x, a.Width, math.Sqrt(2/float64(x.Shape().Dim(-1)))))
	}
	return nn.Dense(s.At("out"), x, 1, math.Pow(float64(a.Width), -0.5))
}

// reverse is x, whose gradient comes back times −weight.
func reverse(x *Node, weight float64) *Node {
	return Sub(StopGradient(MulScalar(x, 1+weight)), MulScalar(x, weight))
}
