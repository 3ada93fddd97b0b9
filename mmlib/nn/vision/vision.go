// Package vision turns pictures into sequences: patches, and the vision transformer (Dosovitskiy et al. 2021, ViT) in
// the form CLIP uses, with a class token, a normalisation before the blocks and one on the class token after them.
//
//	z₀ = LayerNorm([x_class; x₁E; x₂E; … ] + E_pos)      (ViT eq. 1, with CLIP's extra normalisation)
//	z_l = block(z_l₋₁)                                   (eq. 2, 3)
//	y  = LayerNorm(z_N[class])                           (eq. 4)
//
// Functions here build graphs and panic on shapes that do not fit; [Config.Validate] reports in advance what would not.
package vision

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
)

// Config is the size of a vision transformer.
type Config struct {
	ImageSize int  `json:"image_size"` // height and width in pixels
	Channels  int  `json:"channels"`   // 1 for grey, 3 for colour
	PatchSize int  `json:"patch_size"` // height and width of a patch; must divide ImageSize
	Stem      Stem `json:"stem,omitempty"`
	transformer.Config
}

// Validate names the key and the value that are at fault.
func (c Config) Validate() error {
	switch {
	case c.ImageSize < 1:
		return fmt.Errorf("image_size is %d: it must be at least 1", c.ImageSize)
	case c.Channels < 1:
		return fmt.Errorf("channels is %d: it must be at least 1", c.Channels)
	case c.PatchSize < 1 || c.ImageSize%c.PatchSize != 0:
		return fmt.Errorf("image_size %d is not a multiple of patch_size %d", c.ImageSize, c.PatchSize)
	}
	switch {
	case c.Stem != Linear && c.Stem != Hierarchical:
		return fmt.Errorf("stem is %q: it must be \"linear\" or %q", string(c.Stem), Hierarchical)
	case c.Stem == Hierarchical && (c.PatchSize%2 != 0 || c.Width%2 != 0):
		return fmt.Errorf("stem is %q: it needs an even patch_size and width, not %d and %d", string(c.Stem), c.PatchSize, c.Width)
	}
	return c.Config.Validate()
}

// Stem is how a patch becomes a token.
type Stem string

// The stems.
const (
	Linear       Stem = ""             // by one matrix, x·E, as ViT and CLIP have it
	Hierarchical Stem = "hierarchical" // by two layers, quarters of a patch first; see [Encode]
)

// UnmarshalText implements [encoding.TextUnmarshaler]: "linear" is [Linear] too.
func (s *Stem) UnmarshalText(text []byte) error {
	if *s = Stem(text); *s == "linear" {
		*s = Linear
	}
	return nil
}

// Grid is the number of patches along one side of the picture.
func (c Config) Grid() int { return c.ImageSize / c.PatchSize }

// Output is what the transformer computed.
type Output struct {
	Pooled  *Node   // [B, D], the class token after the last normalisation
	Tokens  *Node   // [B, 1+Grid², D], the residual stream after the last block, class token first
	Weights []*Node // each block's attention weights [B, H, 1+Grid², 1+Grid²]; nil when Config does not ask for them
}

// Patches cuts pictures into squares and lays each out as a row: x [B, height, width, C] gives
// [B, Grid², size·size·C], patches row by row and, inside a patch, pixels row by row, channels last.
//
// A convolution whose stride is its kernel size is this, followed by one matrix product.
func Patches(x *Node, size int) *Node {
	x.AssertRank(4)
	b, h, w, c := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	if size < 1 || h%size != 0 || w%size != 0 {
		exceptions.Panicf("vision: a picture of %d×%d pixels does not divide into patches of %d", h, w, size)
	}
	rows, columns := h/size, w/size
	x = Reshape(x, b, rows, size, columns, size*c)
	x = TransposeAllAxes(x, 0, 1, 3, 2, 4) // [B, rows, columns, size, size·C]
	return Reshape(x, b, rows*columns, size*size*c)
}

// Encode is the transformer: pictures x [B, ImageSize, ImageSize, Channels] become one vector each, and everything on
// the way there. Weights: "patch/weights", "class" [D], "position" [1+Grid², D], "norm_pre", "block<i>", "norm_post".
//
// One matrix sees a stroke only where it lies exactly as in its rows: it learns handwriting slowly. The hierarchical stem has
// non-linear layers in its place, as the convolutional stems of Xiao et al. (2021, Early Convolutions Help Transformers See
// Better) have, but of matrix products alone, which are fast everywhere:
//
//	h = act(act(x'·W₁)·W₂)      x' a quarter of a patch, side PatchSize/2; W₁ to D, W₂ to D/2
//	token = [h₁; h₂; h₃; h₄]·E
//
// Weights "patch/quarter1", "patch/quarter2" and "patch/weights" [2·D, D].
func Encode(s *model.Scope, x *Node, c Config) Output {
	x.AssertDims(-1, c.ImageSize, c.ImageSize, c.Channels)
	b, d := x.Shape().Dim(0), c.Width
	std := math.Pow(float64(d), -0.5)

	// z₀ = LayerNorm([x_class; x₁E; x₂E; … ] + E_pos)
	z := nn.Linear(s.At("patch"), c.patches(s.At("patch"), x), d, patchStd)
	class := ExpandLeftToRank(nn.Weight(s, x, "class", std, d), 3)
	z = Concatenate([]*Node{BroadcastToDims(class, b, 1, d), z}, 1) // [B, 1+Grid², D]
	z = Add(z, ExpandLeftToRank(nn.Weight(s, x, "position", std, 1+c.Grid()*c.Grid(), d), 3))
	z = nn.LayerNorm(s.At("norm_pre"), z, c.LayerNorm)

	blocks := transformer.Encode(s, z, attention.Mask{}, c.Config)
	pooled := Squeeze(Slice(blocks.X, AxisRange(), AxisElem(0)), 1)
	pooled = nn.LayerNorm(s.At("norm_post"), pooled, c.LayerNorm)
	pooled.AssertDims(b, d)
	return Output{Pooled: pooled, Tokens: blocks.X, Weights: blocks.Weights}
}

// patches are what the patch projection reads, [B, Grid², …].
func (c Config) patches(s *model.Scope, x *Node) *Node {
	if c.Stem == Linear {
		return Patches(x, c.PatchSize)
	}
	x = Patches(x, c.PatchSize/2) // [B, (2·Grid)², …]
	for i, width := range []int{c.Width, c.Width / 2} {
		std := math.Sqrt(2 / float64(x.Shape().Dim(-1))) // of layers before a rectifier (He et al. 2015)
		x = c.Activation.Apply(nn.Dense(s.At("quarter%d", i+1), x, width, std))
	}
	return Patches(Reshape(x, x.Shape().Dim(0), 2*c.Grid(), 2*c.Grid(), c.Width/2), 2) // [B, Grid², 2·D]
}

// patchStd is what the patch projection starts from; the normalisation behind it makes its scale unimportant.
const patchStd = 0.02
