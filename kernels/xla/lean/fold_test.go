package lean

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla"
)

func TestBlocks(t *testing.T) {
	for _, c := range []struct{ n, limit, size, count int }{
		{1, 512, 16, 1}, {16, 512, 16, 1}, {512, 512, 512, 1}, {513, 512, 272, 2}, {1024, 512, 512, 2}, {1100, 1024, 560, 2},
		{16384, 1024, 1024, 16},
	} {
		if size, count := blocks(c.n, c.limit); size != c.size || count != c.count {
			t.Errorf("blocks(%d, %d) = %d, %d, want %d, %d", c.n, c.limit, size, count, c.size, c.count)
		}
	}
}

// TestFold: sums and maxima along any axis of any length are those of plain loops.
func TestFold(t *testing.T) {
	backend, err := xla.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, dims := range [][2]int{{1, 1}, {3, 16}, {16, 7}, {48, 1040}, {1024, 33}} {
		out := MustNewExec(backend, func(g *Graph) []*Node {
			x := Reshape(Iota(g, shapes.Make(dtypes.Float32, dims[0]*dims[1]), 0), dims[0], dims[1])
			x = Mul(x, x)
			return []*Node{fold(x, 0, Add), fold(x, 0, Max), fold(x, 1, Add), fold(x, 1, Max)}
		}).MustCall()
		for i, along := range []int{0, 0, 1, 1} {
			got := tensors.MustCopyFlatData[float32](out[i])
			if len(got) != dims[1-along] {
				t.Fatalf("%v folded along axis %d has %d numbers, want %d", dims, along, len(got), dims[1-along])
			}
			for at := range got {
				sum, largest := 0.0, 0.0
				for j := range dims[along] {
					value := float64(at*dims[1] + j)
					if along == 0 {
						value = float64(j*dims[1] + at)
					}
					sum, largest = sum+value*value, max(largest, value*value)
				}
				want := []float64{sum, largest}[i%2]
				if d := float64(got[at]) - want; d > 1e-5*want || d < -1e-5*want {
					t.Errorf("%v folded along axis %d by %s: number %d is %v, want %v", dims, along, []string{"Add", "Max"}[i%2], at, got[at], want)
				}
			}
		}
	}
}

func ExampleChoice_Lean() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, length := range []int{77, 4096} {
		fmt.Println(length, BySize.Lean(backend, dtypes.Float32, 1, 4, length, length))
	}
	// Output:
	// 77 false
	// 4096 true
}
