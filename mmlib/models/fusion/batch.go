package fusion

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/task"
)

// frame is what the model reads.
func frame(c Config) task.Frame {
	return task.Frame{Size: c.Vision.ImageSize, Channels: c.Vision.Channels, Keys: "vision.image_size, vision.channels"}
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
