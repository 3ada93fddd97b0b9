package codebook

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
)

// Autoencoder turns pictures into a grid of codes and back by two transformers, as the ViT-VQGAN of Parti does (Yu et al. 2022,
// Vector-Quantized Image Modeling with Improved VQGAN, arXiv:2110.04627, §3.1):
//
//	h = LayerNorm(Blocks(Patches(x)·E + E_pos))       a vector for each patch
//	z = h·W / ‖h·W‖                                   few numbers, of length 1: codes are compared by their direction   (§3.2)
//	x̂ = LayerNorm(Blocks(e·W' + E'_pos))·P            pixels of each patch, of the vectors e of its code
//
// With the method [Relaxed] z is not made shorter: W gives the logits of a distribution over the codes, as in DALL-E's dVAE, and e is
// the mean of the codes' vectors by the relaxed draw.
type Autoencoder struct {
	ImageSize int                `json:"image_size"` // height and width in pixels
	Channels  int                `json:"channels"`   // 1 for gray, 3 for color
	PatchSize int                `json:"patch_size"` // height and width of what a code stands for; must divide ImageSize
	Method    Method             `json:"method"`
	Codebook  Config             `json:"codebook"`
	Encoder   transformer.Config `json:"encoder"`
	Decoder   transformer.Config `json:"decoder"`
}

// Method is how codes are learned.
type Method string

// The methods.
const (
	VQ      Method = "vq"      // the nearest vector: VQ-VAE
	Relaxed Method = "relaxed" // a distribution over the codes, relaxed by Gumbel's noise: DALL-E's dVAE
)

// Grid is the number of codes along one side of a picture.
func (c Autoencoder) Grid() int { return c.ImageSize / c.PatchSize }

// Count is the number of codes of a picture.
func (c Autoencoder) Count() int { return c.Grid() * c.Grid() }

// Validate names the key and the value at fault.
func (c Autoencoder) Validate() error {
	switch {
	case c.ImageSize < 1:
		return fmt.Errorf("image_size is %d: it must be at least 1", c.ImageSize)
	case c.Channels < 1:
		return fmt.Errorf("channels is %d: it must be at least 1", c.Channels)
	case c.PatchSize < 1 || c.ImageSize%c.PatchSize != 0:
		return fmt.Errorf("image_size %d is not a multiple of patch_size %d", c.ImageSize, c.PatchSize)
	case c.Method != VQ && c.Method != Relaxed:
		return fmt.Errorf("method is %q: it must be %q or %q", string(c.Method), VQ, Relaxed)
	}
	for _, part := range []struct {
		name   string
		config interface{ Validate() error }
	}{{"codebook", c.Codebook}, {"encoder", c.Encoder}, {"decoder", c.Decoder}} {
		if err := part.config.Validate(); err != nil {
			return fmt.Errorf("%s.%w", part.name, err)
		}
	}
	return nil
}

// Merge folds the low-rank terms of both transformers into their weights, which are under the path; see [transformer.Config.Merge].
func (c *Autoencoder) Merge(s *model.Store, path string) error {
	if err := c.Encoder.Merge(s, path+"/encoder"); err != nil {
		return err
	}
	return c.Decoder.Merge(s, path+"/decoder")
}

// Encode is the encoder: pictures x [B, ImageSize, ImageSize, Channels], black being 0 and white 1, give z [B, Count, Width], or with
// the method [Relaxed] the logits [B, Count, Codes]. Weights: "encoder/patch", "encoder/position" [Count, D], "encoder/block<i>",
// "encoder/norm", "encoder/out".
func Encode(s *model.Scope, x *Node, c Autoencoder) *Node {
	x.AssertDims(-1, c.ImageSize, c.ImageSize, c.Channels)
	es := s.At("encoder")
	h := nn.Dense(es.At("patch"), vision.Patches(AddScalar(MulScalar(x, 2), -1), c.PatchSize), c.Encoder.Width, 0.08)
	h = stack(es, h, c.Encoder)
	if c.Method == Relaxed {
		return nn.Dense(es.At("out"), h, c.Codebook.Codes, fan(h))
	}
	return L2Normalize(nn.Dense(es.At("out"), h, c.Codebook.Width, fan(h)), -1)
}

// Decode is the decoder: vectors e [B, Count, Width] give pictures [B, ImageSize, ImageSize, Channels], which may leave 0 to 1 a little.
// Weights: "decoder/in", "decoder/position" [Count, D], "decoder/block<i>", "decoder/norm", "decoder/out".
func Decode(s *model.Scope, e *Node, c Autoencoder) *Node {
	e.AssertDims(-1, c.Count(), c.Codebook.Width)
	ds := s.At("decoder")
	h := stack(ds, nn.Dense(ds.At("in"), e, c.Decoder.Width, 1), c.Decoder)
	pixels := nn.Dense(ds.At("out"), h, c.PatchSize*c.PatchSize*c.Channels, 0.5*fan(h))
	return unpatch(AddScalar(pixels, 0.5), c)
}

// stack adds the places and sends x [B, Count, D] through the blocks.
func stack(s *model.Scope, x *Node, c transformer.Config) *Node {
	place := nn.Weight(s, x, "position", fan(x), x.Shape().Dim(1), c.Width)
	x = transformer.Encode(s, Add(x, ExpandLeftToRank(place, 3)), attention.Mask{}, c).X
	return nn.LayerNorm(s.At("norm"), x, c.LayerNorm)
}

// fan is the standard deviation 1/√inputs, which keeps the variance of what a layer reads.
func fan(x *Node) float64 { return math.Pow(float64(x.Shape().Dim(-1)), -0.5) }

// unpatch is the reverse of [vision.Patches]: [B, Count, size·size·C] gives [B, height, width, C].
func unpatch(x *Node, c Autoencoder) *Node {
	b := x.Shape().Dim(0)
	x = Reshape(x, b, c.Grid(), c.Grid(), c.PatchSize, c.PatchSize*c.Channels)
	x = TransposeAllAxes(x, 0, 1, 3, 2, 4) // [B, rows, size, columns, size·C]
	return Reshape(x, b, c.ImageSize, c.ImageSize, c.Channels)
}

// Codes gives pictures their codes: [B, ImageSize, ImageSize, Channels], 0 to 1, become [B, Count], Int32, row by row. With the method
// [Relaxed] a code is the most probable one. Weights: those of [Encode], and of the codebook under "codebook".
func Codes(s *model.Scope, x *Node, c Autoencoder) *Node {
	z := Encode(s, x, c)
	if c.Method == Relaxed {
		return ArgMax(z, -1, dtypes.Int32)
	}
	return Nearest(z, c.Codebook.vectors(s.At("codebook"), z.Graph()))
}

// Picture gives codes [B, Count], integers, their pictures [B, ImageSize, ImageSize, Channels], 0 to 1. Weights: those of [Decode], and
// of the codebook.
func Picture(s *model.Scope, codes *Node, c Autoencoder) *Node {
	codes.AssertDims(-1, c.Count())
	var vectors *Node
	if c.Method == Relaxed {
		vectors = c.means(s, codes.Graph())
	} else {
		vectors = c.Codebook.vectors(s.At("codebook"), codes.Graph())
	}
	x := Decode(s, Gather(vectors, ExpandAxes(codes, -1)), c)
	return MinScalar(MaxScalar(x, 0), 1)
}

// Lost is what the codes [B, Count] lose of the first pictures [B, ImageSize, ImageSize, Channels] of a batch, the mean squared error of
// pixels from 0 to 1: a number for people, through which no gradient flows.
func Lost(s *model.Scope, pictures, codes *Node, c Autoencoder) *Node {
	few := min(codes.Shape().Dim(0), 4)
	back := Picture(s, Slice(codes, AxisRange(0, few)), c)
	return StopGradient(ReduceAllMean(Square(Sub(back, Slice(pictures, AxisRange(0, few))))))
}

// means are the vectors of the codes [K, Width] that a relaxed draw is a mean of; the optimizer learns them.
func (c Autoencoder) means(s *model.Scope, g *Graph) *Node {
	shape := shapes.Make(dtypes.Float32, c.Codebook.Codes, c.Codebook.Width)
	return nn.Normal(s.At("codebook"), "means", 1, shape).NodeValue(g)
}

// RelaxedVectors draws from the distributions with logits [B, Count, Codes] at the temperature τ, a scalar (see [Relax]), and gives
// e = Σ_j y_j e_j, [B, Count, Width]. Weights: "codebook/means" [Codes, Width].
func RelaxedVectors(s *model.Scope, logits, tau *Node, c Autoencoder) *Node {
	return Einsum("BLK,KD->BLD", Relax(s, logits, tau), c.means(s, logits.Graph()))
}
