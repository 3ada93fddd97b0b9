package fusion

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// checkShape refuses pictures of another shape than the model reads.
func checkShape(c Config, p Pictures) error {
	frames, height, width, channels := p.Shape()
	if v := c.Vision; frames != 1 || height != v.ImageSize || width != v.ImageSize || channels != v.Channels {
		return fmt.Errorf("fusion: the data gives pictures of %d×%d pixels, %d channels, %d frames; the model reads %d×%d pixels, %d channels, "+
			"1 frame", width, height, channels, frames, v.ImageSize, v.ImageSize, v.Channels)
	}
	return nil
}

// load makes a tensor [B, H, W, C] of pictures.
func load(p Pictures, c Config, examples []int, r *rand.Rand) *tensors.Tensor {
	size := c.Vision.ImageSize * c.Vision.ImageSize * c.Vision.Channels
	pixels := make([]float32, len(examples)*size)
	for n, i := range examples {
		p.Picture(pixels[n*size:(n+1)*size], i, r)
	}
	return tensors.FromFlatDataAndDimensions(pixels, len(examples), c.Vision.ImageSize, c.Vision.ImageSize, c.Vision.Channels)
}

// matrix makes a tensor of rows of equal length.
func matrix(rows [][]int32) *tensors.Tensor {
	flat := make([]int32, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		flat = append(flat, row...)
	}
	return tensors.FromFlatDataAndDimensions(flat, len(rows), len(rows[0]))
}

// shift splits sequences [B, L+1, …] into what is read and what is said at each place, [B, L] each: the token at l is to be followed by
// the one at l+1. This is the only place where anything is shifted.
func shift(ids *Node) (before, after *Node) {
	l := ids.Shape().Dim(1) - 1
	return Slice(ids, AxisRange(), AxisRange(0, l)), Slice(ids, AxisRange(), AxisRange(1, l+1))
}

// shareRight is the share of the tokens that count whose label is the most probable one.
func shareRight(logits, labels, counts *Node) *Node {
	right := LogicalAnd(Equal(ArgMax(logits, -1, labels.DType()), labels), counts)
	count := func(x *Node) *Node { return ReduceAllSum(ConvertDType(x, dtypes.Float32)) }
	return Div(count(right), MaxScalar(count(counts), 1))
}

// allRight is the share of sequences of which all tokens that count are right.
func allRight(logits, labels, counts *Node) *Node {
	wrong := LogicalAnd(NotEqual(ArgMax(logits, -1, labels.DType()), labels), counts)
	return OneMinus(ReduceAllMean(ReduceMax(ConvertDType(wrong, dtypes.Float32), 1)))
}
