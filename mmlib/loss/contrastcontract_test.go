package loss_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
)

// matrixLosses are the functions of two matrices [N, D], or of one.
func matrixLosses(kernel lean.Choice) map[string]func(x, y *Node) *Node {
	number := func(x *Node, value float64) *Node { return Scalar(x.Graph(), x.DType(), value) }
	dot := func(x, y *Node) *Node { return ReduceSum(Mul(x, y), 1) }
	softmax := func(x *Node) *Node { return ConvertDType(Softmax(ConvertDType(x, dtypes.Float64), -1), x.DType()) } // Go has none of 16 bits
	list := map[string]func(x, y *Node) *Node{
		"Pairs": func(x, y *Node) *Node { return loss.Pairs(x, y, nil, number(x, 2), kernel) },
		"Pairs, groups": func(x, y *Node) *Node {
			return loss.Pairs(x, y, ModScalar(count(x), 3), number(x, 2), kernel)
		},
		"Contrastive": func(x, y *Node) *Node {
			return loss.Contrastive(x, y, loss.ContrastiveOptions{Temperature: 0.5, Kernel: kernel})
		},
		"Contrastive, all anchors": func(x, y *Node) *Node {
			return loss.Contrastive(x, y, loss.ContrastiveOptions{Scale: number(x, 2), AllAnchors: true, DotProduct: true, Kernel: kernel})
		},
	}
	if kernel == lean.Never {
		list["CLIP"] = func(x, y *Node) *Node { return loss.CLIP(loss.Similarity(x, y), loss.Targets(count(x))) }
		list["SigLIP"] = func(x, y *Node) *Node { return loss.SigLIP(x, y, nil, number(x, 2), number(x, -1)) }
		list["InfoNCE"] = func(x, y *Node) *Node { return loss.InfoNCE(dot(x, y), x) }
		list["InfoNCEFunc"] = func(x, y *Node) *Node { return loss.InfoNCEFunc(dot, x, y, y) }
		list["CrossEntropy"] = func(x, y *Node) *Node { return loss.CrossEntropy(x, softmax(y)) }
		list["Entropy"] = func(x, y *Node) *Node { return loss.Entropy(softmax(Add(x, y))) }
		list["MutualInformation"] = func(x, y *Node) *Node { return loss.MutualInformation(loss.InfoNCE(dot(x, y), x), 4) }
	}
	return list
}

// count is 0, 1, … for the rows of x.
func count(x *Node) *Node { return Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dim(0)), 0) }

// TestMatrices: floats of 16 bits give what Float32 gives for the same numbers, as a Float32; a NaN anywhere shows.
func TestMatrices(t *testing.T) {
	const n, d = 6, 4
	onBoth(t, func(t *testing.T, b compute.Backend) {
		for _, kernel := range kernels {
			if kernel == lean.Always && !lean.Runs(b) {
				continue
			}
			for name, f := range matrixLosses(kernel) {
				for _, float := range floatTypes {
					call := nntest.Compile(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
						x, y := ConvertDType(in[0], float), ConvertDType(in[1], float)
						l := f(x, y)
						wide := dtypes.Float32
						if float == dtypes.Float64 {
							wide = float
						}
						if l.DType() != wide {
							t.Errorf("%s of %s is a %s", name, float, l.DType())
						}
						return []*Node{ConvertDType(l, dtypes.Float64), ConvertDType(f(ConvertDType(x, wide), ConvertDType(y, wide)), dtypes.Float64)}
					})
					x, y := nntest.Random(1, n, d), nntest.Random(2, n, d)
					out := call(x, y)
					if tolerance := map[bool]float64{true: 0.02, false: 1e-6}[float.IsFloat16()]; !(math.Abs(out[0][0]-out[1][0]) <= tolerance) {
						t.Errorf("%s of %s, kernel %d: %v, in %v bits %v", name, float, kernel, out[0][0], 32, out[1][0])
					}
					values := tensors.MustCopyFlatData[float64](x)
					values[d+1] = math.NaN()
					if out := call(tensors.FromFlatDataAndDimensions(values, n, d), y); !math.IsNaN(out[0][0]) {
						t.Errorf("%s of %s, kernel %d: with a NaN it is %v", name, float, kernel, out[0][0])
					}
				}
			}
		}
	})
}

// TestMany: counts and sums that 16 bits cannot hold.
func TestMany(t *testing.T) {
	const positions, pairs = 70000, 2048
	onBoth(t, func(t *testing.T, b compute.Backend) {
		for _, float := range floatTypes {
			out := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
				g := in[0].Graph()
				logits := ConvertDType(BroadcastToDims(in[0], positions, 2), float)
				labels := Zeros(g, shapes.Make(dtypes.Int32, positions))
				scores := ConvertDType(BroadcastToDims(in[0], pairs, 1), float)
				even := DivScalar(OnesLike(logits), 2)
				results := []*Node{
					loss.Classification(logits, labels, 0), loss.Accuracy(logits, labels), loss.CrossEntropy(logits, even), loss.Entropy(even),
					loss.Sequence(ExpandAxes(logits, 0), ExpandAxes(labels, 0), loss.SequenceOptions{}),
					loss.InfoNCE(Squeeze(SliceAxis(logits, 1, AxisRange(0, 1)), 1), SliceAxis(logits, 1, AxisRange(1, 2))),
					loss.SigLIP(scores, scores, nil, Scalar(g, float, 1), Scalar(g, float, 0)),
				}
				for i := range results {
					results[i] = ConvertDType(results[i], dtypes.Float64)
				}
				return results
			}, tensors.FromFlatDataAndDimensions([]float64{0}, 1, 1))
			for i, want := range []float64{math.Ln2, 1, math.Ln2, math.Ln2, math.Ln2, math.Ln2, pairs * math.Ln2} {
				if math.Abs(out[i][0]-want) > 1e-3*want { // the Go backend adds one by one
					t.Errorf("%s, result %d: %v, want %v", float, i, out[i][0], want)
				}
			}
		}
	})
}

// TestNothingBesideMasked: a target of 0 beside a logit of −Inf adds nothing, to the value or to a gradient.
func TestNothingBesideMasked(t *testing.T) {
	inf := math.Inf(-1)
	onBoth(t, func(t *testing.T, b compute.Backend) {
		out := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
			cross := loss.CrossEntropy(in[0], in[1])
			masked := loss.InfoNCE(in[2], in[3])
			return append(append([]*Node{cross, masked}, Gradient(cross, in[:2]...)...), Gradient(masked, in[2:]...)...)
		}, tensors.FromFlatDataAndDimensions([]float64{inf, 0, 0}, 1, 3), tensors.FromFlatDataAndDimensions([]float64{0, .5, .5}, 1, 3),
			tensors.FromFlatDataAndDimensions([]float64{0}, 1), tensors.FromFlatDataAndDimensions([]float64{0, inf}, 1, 2))
		for i, want := range [][]float64{{math.Ln2}, {math.Ln2}, {0, 0, 0}, {0, math.Ln2, math.Ln2}, {-0.5}, {0.5, 0}} {
			for j := range want {
				if !alike(out[i][j], want[j]) {
					t.Errorf("result %d: %v, want %v", i, out[i], want)
				}
			}
		}
	})
}

// TestHugeTies: images that are equally far from all texts have the loss ln 2, whatever the scale.
func TestHugeTies(t *testing.T) {
	for _, kernel := range kernels {
		call := compile(t, func(in []*Node) []*Node {
			same := ZerosLike(ConvertDType(Squeeze(SliceAxis(in[0], 1, AxisRange(0, 1)), 1), dtypes.Int32))
			l := loss.Pairs(in[0], in[1], nil, in[2], kernel)
			grouped := loss.Pairs(in[0], in[1], same, in[2], kernel)
			contrast := loss.Contrastive(Mul(in[0], in[2]), Mul(in[0], in[2]), loss.ContrastiveOptions{Temperature: 1, DotProduct: true,
				Kernel: kernel})
			return append([]*Node{l, grouped, contrast}, Gradient(l, in[:2]...)...)
		})
		for _, scale := range []float32{1, 1e4, 1e10, 1e18} {
			out := call(tensors.FromFlatDataAndDimensions([]float32{1, 0, 0, 1}, 2, 2),
				tensors.FromFlatDataAndDimensions([]float32{-1, -1, -1, -1}, 2, 2),
				tensors.FromScalar(scale))
			name := fmt.Sprintf("kernel %d, scale %g", kernel, scale)
			if !alike(out[0][0], math.Ln2) || !alike(out[1][0], math.Ln2) {
				t.Errorf("%s: %v and, in one group, %v; want ln 2", name, out[0][0], out[1][0])
			}
			if want := math.Log(1 + 2*math.Exp(-float64(scale)*float64(scale))); !alike(out[2][0], want) {
				t.Errorf("%s: contrastive %v, want %v", name, out[2][0], want)
			}
			for _, d := range append(out[3], out[4]...) {
				if !(math.Abs(d) <= float64(scale)) { // a difference of probabilities times the scale
					t.Errorf("%s: gradients %v and %v", name, out[3], out[4])
				}
			}
		}
		out := call(tensors.FromFlatDataAndDimensions([]float32{1, 0, 0, 1}, 2, 2),
			tensors.FromFlatDataAndDimensions([]float32{-1, -1, -1, -1}, 2, 2),
			tensors.FromScalar(float32(1e31)))
		if !alike(out[0][0], math.Ln2) {
			t.Errorf("kernel %d, scale 1e31: %v, want ln 2", kernel, out[0][0])
		}
	}
}
