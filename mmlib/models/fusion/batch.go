package fusion

import (
	"github.com/gomlx/compute/dtypes"
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
