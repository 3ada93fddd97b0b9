package loss_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/internal/golden"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
)

// precision is how near results must come to PyTorch's, which were computed in float64 and rounded to float32: to the
// rounding in float64, and in float32 to a few parts in a million of the largest numbers there are (logits up to 100).
var precision = map[dtypes.DType]float64{dtypes.Float64: 1e-6, dtypes.Float32: 2e-5}

// TestContrastiveGolden: the contrastive loss, all on the way to it, and its gradients are PyTorch's.
func TestContrastiveGolden(t *testing.T) {
	file := golden.Load(t, "testdata/contrastive.safetensors")
	names := []string{"scale", "logits", "targets", "loss", "entropy", "infonce", "dimage", "dtext", "ds", "dlogits"}
	results := compile(t, func(in []*Node) []*Node {
		image, text, s := in[0], in[1], in[2]
		scale := loss.LogitScale(s)
		logits := Mul(loss.Similarity(image, text), scale)
		targets := ConvertDType(loss.Targets(in[3]), s.DType())
		l := loss.CLIP(logits, targets)
		pairs := OneHot(Iota(s.Graph(), shapes.Make(dtypes.Int32, 6), 0), 6, s.DType())
		out := []*Node{scale, logits, targets, l, loss.Entropy(targets), loss.CrossEntropy(logits, pairs)}
		return append(out, Gradient(l, image, text, s, logits)...)
	})
	for _, name := range []string{"plain", "sharp", "clamped", "equal_captions", "equal_captions_unshared", "equal_meanings",
		"equal_meanings_clamped"} {
		for dtype, tolerance := range precision {
			t.Run(name+"/"+dtype.String(), func(t *testing.T) {
				r := reference{file, name + "."}
				groups := iota(6)
				if file.Has(name + ".groups") {
					groups = r.int(t, "groups")
				}
				out := results(r.float(t, dtype, "image"), r.float(t, dtype, "text"), r.float(t, dtype, "s"), groups)
				for i, name := range names {
					r.same(t, name, out[i], tolerance)
				}
			})
		}
	}
}

// TestSharing states what sharing target mass does. Among pairs with equal captions: nothing to the loss, nothing to its
// gradients at the images and the scale, nothing to the sum of its gradients at a caption's copies, which is what the text
// tower learns from. Among pairs with equal meanings but different captions: all of these change.
func TestSharing(t *testing.T) {
	const n, d = 7, 4
	group := []int{0, 1, 0, 2, 1, 0, 0} // of 4, 2 and 1: 1/n_g is exact in the float32 of the targets
	image, captions := nntest.Random(5, n, d), nntest.Random(6, n, d)
	pairs, meanings := iota(n), integers(group...)

	// Row `caption[i]` of captions is the text of pair i; the gradient at captions sums over the copies.
	step := compile(t, func(in []*Node) []*Node {
		text := Gather(in[1], Reshape(in[3], n, 1))
		logits := Mul(loss.Similarity(in[0], text), loss.LogitScale(in[2]))
		l := loss.CLIP(logits, ConvertDType(loss.Targets(in[4]), dtypes.Float64))
		return append([]*Node{l}, Gradient(l, in[0], in[1], in[2])...)
	})
	results := func(caption, groups *tensors.Tensor) [][]float64 {
		return step(image, captions, tensors.FromScalar(0.7), caption, groups)
	}
	names := []string{"loss", "gradient at the images", "gradient at the captions", "gradient at the scale"}
	plain, shared := results(meanings, pairs), results(meanings, meanings)
	for i, name := range names {
		if d := apart(plain[i], shared[i]); !(d <= 1e-13) {
			t.Errorf("equal captions: sharing moves the %s by %g", name, d)
		}
	}
	plain, shared = results(pairs, pairs), results(pairs, meanings)
	for i, name := range names {
		if d := apart(plain[i], shared[i]); !(d > 1e-2) {
			t.Errorf("equal meanings: sharing moves the %s only by %g", name, d)
		}
	}
}

// TestUniform: with equal logits the loss is ln N, whatever the targets.
func TestUniform(t *testing.T) {
	for _, n := range []int{2, 10} {
		out := run(t, func(in []*Node) []*Node {
			zeros := Zeros(in[0].Graph(), shapes.Make(dtypes.Float32, n, n))
			return []*Node{
				loss.CLIP(zeros, loss.Targets(in[0])),
				loss.CLIP(AddScalar(zeros, 50), loss.Targets(ModScalar(in[0], 3))),
				loss.Classification(zeros, in[0], 0.1),
			}
		}, iota(n))
		for i, l := range out {
			if math.Abs(l[0]-math.Log(float64(n))) > 1e-5 {
				t.Errorf("loss %d at %d equal logits is %v, want ln %d = %v", i, n, l[0], n, math.Log(float64(n)))
			}
		}
	}
}

// TestTargets: rows and columns sum to 1, mass stays within a group, and Entropy is E[ln n_g], the least that the loss can be.
func TestTargets(t *testing.T) {
	group := []int{7, 0, 7, 7, 3, 0, 9, 7}
	n := len(group)
	size := map[int]float64{}
	for _, g := range group {
		size[g]++
	}
	floor := 0.0
	for _, g := range group {
		floor += math.Log(size[g]) / float64(n)
	}
	out := run(t, func(in []*Node) []*Node {
		targets := loss.Targets(in[0])
		best := Log(Max(targets, ConstAs(targets, 1e-30))) // softmax of it is the targets
		return []*Node{targets, loss.Entropy(targets), loss.CLIP(best, targets), loss.CLIP(ConvertDType(in[1], dtypes.Float32), targets)}
	}, integers(group...), nntest.Random(1, n, n))
	for i := range n {
		row, column := 0.0, 0.0
		for j := range n {
			want := 0.0
			if group[i] == group[j] {
				want = 1 / size[group[i]]
			}
			if got := out[0][i*n+j]; math.Abs(got-want) > 1e-7 {
				t.Errorf("target [%d,%d] is %v, want %v", i, j, got, want)
			}
			row, column = row+out[0][i*n+j], column+out[0][j*n+i]
		}
		if math.Abs(row-1) > 1e-6 || math.Abs(column-1) > 1e-6 {
			t.Errorf("row %d sums to %v and column %d to %v, want 1", i, row, i, column)
		}
	}
	if math.Abs(out[1][0]-floor) > 1e-6 {
		t.Errorf("the entropy is %v, want E[ln n_g] = %v", out[1][0], floor)
	}
	if math.Abs(out[2][0]-floor) > 1e-6 {
		t.Errorf("the loss of the best logits is %v, want the floor %v", out[2][0], floor)
	}
	if out[3][0] < floor {
		t.Errorf("the loss of random logits is %v, below the floor %v", out[3][0], floor)
	}
}

// TestLogitScale: exp(s), but never above 100, where the gradient is 0.
func TestLogitScale(t *testing.T) {
	results := compile(t, func(in []*Node) []*Node {
		scale := loss.LogitScale(in[0])
		return []*Node{scale, Gradient(scale, in[0])[0]}
	})
	for _, c := range []struct{ s, scale, gradient float64 }{
		{0, 1, 1}, {math.Log(1 / 0.07), 1 / 0.07, 1 / 0.07}, {-3, math.Exp(-3), math.Exp(-3)}, {4.7, 100, 0}, {80, 100, 0}, {1e30, 100, 0},
	} {
		out := results(tensors.FromScalar(c.s))
		if math.Abs(out[0][0]-c.scale) > 1e-12*c.scale || math.Abs(out[1][0]-c.gradient) > 1e-12*c.scale {
			t.Errorf("LogitScale(%g) is %v with gradient %v, want %v and %v", c.s, out[0][0], out[1][0], c.scale, c.gradient)
		}
	}
}

// TestPermutation: the order of the pairs does not matter.
func TestPermutation(t *testing.T) {
	out := run(t, func(in []*Node) []*Node {
		l := func(image, text, groups *Node) *Node {
			return loss.CLIP(loss.Similarity(image, text), ConvertDType(loss.Targets(groups), dtypes.Float64))
		}
		order := in[3]
		permuted := func(x *Node) *Node { return Gather(x, Reshape(order, -1, 1)) }
		return []*Node{l(in[0], in[1], in[2]), l(permuted(in[0]), permuted(in[1]), permuted(in[2])), l(in[1], in[0], in[2])}
	}, nntest.Random(1, 5, 3), nntest.Random(2, 5, 3), integers(1, 2, 1, 4, 2), integers(3, 0, 4, 1, 2))
	if math.Abs(out[0][0]-out[1][0]) > 1e-12 {
		t.Errorf("the loss is %v, and %v in another order", out[0][0], out[1][0])
	}
	if math.Abs(out[0][0]-out[2][0]) > 1e-12 {
		t.Errorf("the loss is %v, and %v with images and texts exchanged", out[0][0], out[2][0])
	}
}
