package loss_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/task"
)

// TestParity: plain and lean have the same values and gradients, within 1e-4 of the largest, in float32, for a batch of several
// tiles that is no multiple of one; goldens, finite differences and the fuzz test have batches of less than a tile. All
// losses stand in one graph, as two losses of one model would.
func TestParity(t *testing.T) {
	needLean(t)
	names := slices.Sorted(maps.Keys(contrastive))
	parts := []string{"value", "gradient at x", "gradient at y", "gradient at the scale"}
	results := compile(t, func(in []*Node) (out []*Node) {
		for _, name := range names {
			for _, choice := range kernels {
				l := contrastive[name](in[0], in[1], in[2], in[3], choice)
				out = append(append(out, l), Gradient(l, in[:3]...)...)
			}
		}
		return out
	})
	const n, d = 1100, 8
	x := nntest.Tensor(dtypes.Float32, tensors.MustCopyFlatData[float64](nntest.Random(1, n, d)), n, d)
	y := nntest.Tensor(dtypes.Float32, tensors.MustCopyFlatData[float64](nntest.Random(2, n, d)), n, d)
	groups := make([]int, n)
	for i := range groups {
		groups[i] = i * i % 5
	}
	out := results(x, y, tensors.FromScalar(float32(2.5)), integers(groups...))
	for i, name := range names {
		for k, part := range parts {
			plain, lean := out[8*i+k], out[8*i+4+k]
			if d := apart(plain, lean); !(d <= 1e-4*largest(plain)) || largest(plain) == 0 {
				t.Errorf("%s: the %s differs by %g, the largest number is %g", name, part, d, largest(plain))
			}
		}
	}
}

// apart is the largest difference between two lists of numbers; one that is not finite is infinitely far from any.
func apart(a, b []float64) (worst float64) {
	for i := range a {
		d := math.Abs(a[i] - b[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

// TestBySize: left to itself, a loss is plain for a small batch and lean from [lean.Threshold] on, where the backend can. In
// a lean graph nothing is as large as the matrix of similarities, neither forward nor backward.
func TestBySize(t *testing.T) {
	isLean := func(b compute.Backend, name string, n int, choice lean.Choice) bool {
		g := NewGraph(b, fmt.Sprint(name, n, choice))
		defer g.Finalize()
		x, y := Parameter(g, "x", shapes.Make(dtypes.Float32, n, 2)), Parameter(g, "y", shapes.Make(dtypes.Float32, n, 2))
		scale, groups := Parameter(g, "scale", shapes.Make(dtypes.Float32)), Parameter(g, "groups", shapes.Make(dtypes.Int32, n))
		Gradient(contrastive[name](x, y, scale, groups, choice), x, y, scale)
		return !slices.ContainsFunc(g.Nodes(), func(node *Node) bool { return node.NumOutputs() == 1 && node.Shape().Size() >= n*n })
	}
	for name := range contrastive {
		if isLean(quick, name, 4096, lean.BySize) {
			t.Errorf("%s: lean on the Go backend", name)
		}
		err := task.Try(func() error { isLean(quick, name, 4, lean.Always); return nil })
		if want := "cannot run the lean kernel (lean.Always)"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	needLean(t)
	for name := range contrastive {
		for _, c := range []struct {
			n      int
			choice lean.Choice
			want   bool
		}{{1024, lean.BySize, false}, {4096, lean.BySize, true}, {4096, lean.Never, false}, {4096, lean.Always, true}} {
			if got := isLean(backend, name, c.n, c.choice); got != c.want {
				t.Errorf("%s, %d pairs, choice %d: lean is %v, want %v", name, c.n, c.choice, got, c.want)
			}
		}
	}
}
