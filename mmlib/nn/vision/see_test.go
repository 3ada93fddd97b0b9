package vision

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/check"
)

// TestPooled: the tokens of a 4×4 grid become the means of its quarters, behind the class token.
func TestPooled(t *testing.T) {
	x := []float32{100, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	out := MustExecOnce(b, func(x *Node) *Node { return pooled(x, 2, 2) }, tensors.FromFlatDataAndDimensions(x, 1, 17, 1))
	if got, want := tensors.MustCopyFlatData[float32](out), []float32{100, 2.5, 4.5, 10.5, 12.5}; !slices.Equal(got, want) {
		t.Errorf("pooled to %v, want %v", got, want)
	}
}
