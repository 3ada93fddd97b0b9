package lean_test

import (
	"testing"

	"github.com/gomlx/compute/distributed"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"

	"gomm/kernels/xla/lean"
)

// layerNorm takes means and variances by the reductions of the main program, which must not meet those of a loop.
func layerNorm(x *Node) *Node {
	centered := Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	return Div(centered, Sqrt(AddScalar(ReduceAndKeep(Square(centered), ReduceMean, -1), 1e-5)))
}

// stack is two layers of attention with layer normalisation around them, and a contrastive loss over the batch's means:
// x [B, L, D] and a matrix [D, 3·D] for each layer give the loss and its gradients.
func stack(in []*Node, attend func(q, k, v *Node, keys lean.Interval) *Node,
	contrast func(x, y *Node, p lean.Pairing) lean.Similarities) []*Node {
	const heads = 2
	x, to := in[0], in[1]
	b, l, d := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	for _, w := range in[2:] {
		qkv := Einsum("BLD,DE->BLE", layerNorm(x), w)
		part := func(i int) *Node { return Reshape(SliceAxis(qkv, 2, AxisRange(i*d, (i+1)*d)), b, l, heads, d/heads) }
		x = Add(x, Reshape(attend(part(0), part(1), part(2), lean.Interval{To: to}), b, l, d))
	}
	x = layerNorm(x)
	first, second := ReduceMean(SliceAxis(x, 1, AxisRange(0, l/2)), 1), ReduceMean(SliceAxis(x, 1, AxisRange(l/2)), 1)
	s := contrast(first, second, lean.Pairing{})
	loss := Sub(MulScalar(Add(ReduceAllMean(s.Rows.Sum()), ReduceAllMean(s.Columns.Sum())), 0.5),
		ReduceAllMean(ReduceSum(Mul(first, second), -1)))
	return append([]*Node{loss}, Gradient(loss, append([]*Node{in[0]}, in[2:]...)...)...)
}

// TestStack: lean layers live together in one program, forward and backward, on one device and split among four.
func TestStack(t *testing.T) {
	const b, l, d = 8, 600, 8
	to := make([]int32, l)
	for i := range to {
		to[i] = int32(i + 1)
	}
	in := []*tensors.Tensor{random(1, 1, b, l, d), integers([]int{1, l}, to...), random(2, 0.4, d, 3*d), random(3, 0.4, d, 3*d)}
	build := func(in []*Node) []*Node { return stack(in, lean.Attention, lean.Contrast) }
	want := run(t, func(in []*Node) []*Node { return stack(in, plain, plainContrast) }, in...)
	check := func(t *testing.T, got [][]float32) {
		t.Helper()
		for i, name := range []string{"loss", "dx", "dw1", "dw2"} {
			same(t, name, got[i], want[i])
		}
	}
	t.Run("one device", func(t *testing.T) { check(t, run(t, build, in...)) })
	t.Run("four devices", func(t *testing.T) {
		if backend.NumDevices() < 4 {
			t.Skipf("%s has %d devices, and this needs 4 of them", backend.Name(), backend.NumDevices())
		}
		mesh, err := distributed.NewDeviceMesh([]int{4}, []string{"data"})
		if err != nil {
			t.Fatal(err)
		}
		cut, err := distributed.BuildSpec(mesh).S("data").Done()
		if err != nil {
			t.Fatal(err)
		}
		whole := distributed.NewReplicatedShardingSpec(mesh)
		specs := []*distributed.ShardingSpec{cut, whole, whole, whole}
		exec := MustNewExec(backend, build).AutoSharding(mesh).WithInputShardingSpecs(specs...).WithOutputShardingSpecs(whole, whole, whole,
			whole)
		args := make([]any, len(in))
		for i, x := range in {
			if args[i], err = dtensor.ShardTensor(specs[i], x); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		got := make([][]float32, len(want))
		for i := range got {
			got[i] = tensors.MustCopyFlatData[float32](out[i])
		}
		check(t, got)
	})
}
