package loss_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
)

var (
	floatTypes = []dtypes.DType{dtypes.Float64, dtypes.Float32, dtypes.BFloat16, dtypes.Float16}
	intTypes   = []dtypes.DType{dtypes.Int8, dtypes.Uint8, dtypes.Int16, dtypes.Uint16, dtypes.Int32, dtypes.Uint32, dtypes.Int64,
		dtypes.Uint64}
)

// onBoth runs a test on the Go backend and on the one that the environment chooses.
func onBoth(t *testing.T, f func(t *testing.T, b compute.Backend)) {
	t.Run("go", func(t *testing.T) { f(t, quick) })
	if backend.Name() != quick.Name() {
		t.Run(backend.Name(), func(t *testing.T) { f(t, backend) })
	}
}

// rowLoss is a function of loss that takes logits [N, classes] and labels [N], and what it must give for one row.
type rowLoss struct {
	name  string
	build func(logits, labels *Node, ignore []int) *Node
	row   func(logits []float64, label int) float64
}

func crossEntropy(smoothing float64) func(logits []float64, label int) float64 {
	return func(logits []float64, label int) float64 {
		if label < 0 || label >= len(logits) {
			return math.NaN()
		}
		largest, z, sum := slices.Max(logits), 0.0, 0.0
		for _, x := range logits {
			z += math.Exp(x - largest)
		}
		for j, x := range logits {
			target := smoothing / float64(len(logits))
			if j == label {
				target += 1 - smoothing
			}
			if logP := x - largest - math.Log(z); target > 0 || math.IsNaN(logP) {
				sum -= target * logP
			}
		}
		return sum
	}
}

func hit(logits []float64, label int) float64 {
	if label < 0 || label >= len(logits) || math.IsNaN(slices.Max(logits)) || math.IsInf(slices.Max(logits), -1) {
		return math.NaN()
	}
	if slices.Index(logits, slices.Max(logits)) == label {
		return 1
	}
	return 0
}

func sequence(smoothing float64) func(logits, labels *Node, ignore []int) *Node {
	return func(logits, labels *Node, ignore []int) *Node {
		o := loss.SequenceOptions{Ignore: ignore, Smoothing: smoothing}
		return loss.Sequence(ExpandAxes(logits, 0), ExpandAxes(labels, 0), o)
	}
}

var rowLosses = []rowLoss{
	{"Classification", func(x, y *Node, ignore []int) *Node { return loss.Classification(x, y, 0, ignore...) }, crossEntropy(0)},
	{"Classification, smoothed", func(x, y *Node, ignore []int) *Node { return loss.Classification(x, y, 0.25, ignore...) },
		crossEntropy(0.25)},
	{"Sequence", sequence(0), crossEntropy(0)},
	{"Sequence, smoothed", sequence(0.25), crossEntropy(0.25)},
	{"MaskedTokens", func(x, y *Node, ignore []int) *Node {
		mask := BroadcastToDims(Const(x.Graph(), true), y.Shape().Dimensions...)
		for _, label := range ignore {
			mask = LogicalAnd(mask, NotEqual(ConvertDType(y, dtypes.Int64), Const(x.Graph(), int64(label))))
		}
		return loss.MaskedTokens(ExpandAxes(x, 0), ExpandAxes(y, 0), ExpandAxes(mask, 0))
	}, crossEntropy(0)},
	{"Accuracy", func(x, y *Node, ignore []int) *Node { return loss.Accuracy(x, y, ignore...) }, hit},
}

// TestRows is the contract of the package comment, for every function of rows, on every backend, with every type of logits
// and of labels.
func TestRows(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	cases := []struct {
		name   string
		logits [2][]float64
		labels [2]int
	}{
		{"plain", [2][]float64{{1, 2, 3}, {3, 2, 1}}, [2]int{2, 0}},
		{"wrong", [2][]float64{{1, 2, 3}, {3, 2, 1}}, [2]int{0, 1}},
		{"a label below the classes", [2][]float64{{1, 2, 3}, {3, 2, 1}}, [2]int{2, -1}},
		{"PyTorch's ignore index", [2][]float64{{1, 2, 3}, {3, 2, 1}}, [2]int{2, loss.IgnoreIndex}},
		{"a label above the classes", [2][]float64{{1, 2, 3}, {3, 2, 1}}, [2]int{3, 1}},
		{"a label far above", [2][]float64{{1, 2, 3}, {3, 2, 1}}, [2]int{100, 1}},
		{"no row counts", [2][]float64{{1, 2, 3}, {nan, 2, 1}}, [2]int{100, loss.IgnoreIndex}},
		{"a masked class", [2][]float64{{-inf, 0, 0}, {1, -inf, 2}}, [2]int{1, 2}},
		{"two masked classes", [2][]float64{{-inf, 0, -inf}, {3, 2, 1}}, [2]int{1, 0}},
		{"the label's class is masked", [2][]float64{{-inf, 0, 0}, {3, 2, 1}}, [2]int{0, 0}},
		{"all classes are masked", [2][]float64{{-inf, -inf, -inf}, {3, 2, 1}}, [2]int{0, 0}},
		{"a NaN", [2][]float64{{1, nan, 3}, {3, 2, 1}}, [2]int{2, 0}},
		{"a NaN at the label", [2][]float64{{1, 2, nan}, {3, 2, 1}}, [2]int{2, 0}},
		{"a NaN in a row to ignore", [2][]float64{{1, 2, 3}, {nan, 2, nan}}, [2]int{2, 100}},
		{"large", [2][]float64{{61440, 0, -61440}, {-61440, -61440, -61440}}, [2]int{0, 1}},
	}
	check := func(t *testing.T, b compute.Backend, f rowLoss, float, integer dtypes.DType, ignore []int) {
		call := nntest.Compile(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
			l := f.build(ConvertDType(in[0], float), ConvertDType(in[1], integer), ignore)
			want := dtypes.Float32
			if float == dtypes.Float64 {
				want = float
			}
			if l.DType() != want || !l.IsScalar() {
				t.Errorf("%s of %s gives %s, want a scalar %s", f.name, float, l.Shape(), want)
			}
			gradient := Zeros(in[0].Graph(), in[0].Shape())
			if f.name != "Accuracy" {
				gradient = Gradient(l, in[0])[0]
			}
			return []*Node{ConvertDType(l, dtypes.Float64), gradient}
		})
		for _, c := range cases {
			sum, counted := 0.0, 0
			for i, row := range c.logits {
				if !slices.Contains(ignore, c.labels[i]) {
					sum, counted = sum+f.row(row, c.labels[i]), counted+1
				}
			}
			want := sum / float64(max(counted, 1))
			if min(c.labels[0], c.labels[1]) < 0 && !slices.Contains(signed, integer) {
				continue
			}
			logits := tensors.FromFlatDataAndDimensions(slices.Concat(c.logits[:]...), 2, 3)
			out := call(logits, tensors.FromFlatDataAndDimensions([]int64{int64(c.labels[0]), int64(c.labels[1])}, 2))
			name := fmt.Sprintf("%s of %s and %s, %s, ignoring %v", f.name, float, integer, c.name, ignore)
			if got := out[0][0]; !alike(got, want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
			for i, d := range out[1] {
				x := c.logits[i/3][i%3]
				switch {
				case slices.Contains(ignore, c.labels[i/3]) && d != 0:
					t.Errorf("%s: the gradient at a row that does not count is %v", name, d)
				case math.IsNaN(want), math.IsInf(want, 0):
				case math.IsNaN(d), math.IsInf(d, 0), math.IsInf(x, -1) && d != 0:
					t.Errorf("%s: the gradient at %v is %v", name, x, d)
				}
			}
		}
	}
	onBoth(t, func(t *testing.T, b compute.Backend) {
		for _, f := range rowLosses {
			for _, ignore := range [][]int{nil, {loss.IgnoreIndex, 100}} {
				for _, float := range floatTypes {
					check(t, b, f, float, dtypes.Int32, ignore)
				}
				for _, integer := range intTypes {
					check(t, b, f, dtypes.Float32, integer, ignore)
				}
			}
		}
	})
}

var signed = []dtypes.DType{dtypes.Int8, dtypes.Int16, dtypes.Int32, dtypes.Int64}

// alike reports whether two results are the same to Float32's rounding, NaN being like NaN.
func alike(got, want float64) bool {
	if math.IsNaN(want) || math.IsInf(want, 0) {
		return math.IsNaN(got) == math.IsNaN(want) && (math.IsNaN(want) || got == want)
	}
	return math.Abs(got-want) <= 1e-5*max(1, math.Abs(want))
}

// TestNarrowIntegers: labels and lengths in types that hold neither the number of classes nor the length of the sequence.
func TestNarrowIntegers(t *testing.T) {
	const classes, length = 300, 300
	logits := make([]float64, classes)
	logits[10] = 5
	dear := make([]float64, length*2) // from position 100 on the wrong one of two words
	for i := 100; i < length; i++ {
		dear[2*i] = 10
	}
	want := math.Log(math.Exp(5)+classes-1) - 5
	onBoth(t, func(t *testing.T, b compute.Backend) {
		for _, integer := range intTypes {
			out := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
				ten := Scalar(in[0].Graph(), integer, 10)
				labels := BroadcastToDims(ten, 1)
				return []*Node{
					loss.Classification(in[0], labels, 0), loss.Accuracy(in[0], labels),
					loss.Sequence(ExpandAxes(in[0], 0), ExpandAxes(labels, 0), loss.SequenceOptions{}),
					loss.Sequence(in[1], OnesLike(ConvertDType(ReduceSum(in[1], -1), integer)),
						loss.SequenceOptions{Lengths: BroadcastToDims(MulScalar(ten, 10), 1)}),
				}
			}, tensors.FromFlatDataAndDimensions(logits, 1, classes), tensors.FromFlatDataAndDimensions(dear, 1, length, 2))
			for i, want := range []float64{want, 1, want, math.Ln2} {
				if !alike(out[i][0], want) {
					t.Errorf("%s, result %d: %v, want %v", integer, i, out[i][0], want)
				}
			}
		}
	})
}

// TestWideIntegers: labels beyond 32 bits are no classes, and do not become classes by being cut.
func TestWideIntegers(t *testing.T) {
	onBoth(t, func(t *testing.T, b compute.Backend) {
		for _, label := range []int64{1 << 32, 1<<32 - 100, -1 << 40} {
			out := nntest.Run(t, b, nil, func(_ *model.Scope, in []*Node) []*Node {
				return []*Node{loss.Classification(in[0], in[1], 0, loss.IgnoreIndex), loss.Accuracy(in[0], in[1], loss.IgnoreIndex)}
			}, tensors.FromFlatDataAndDimensions([]float64{1, 2}, 1, 2), tensors.FromFlatDataAndDimensions([]int64{label}, 1))
			if !math.IsNaN(out[0][0]) || !math.IsNaN(out[1][0]) {
				t.Errorf("label %d: loss %v and accuracy %v, want NaN", label, out[0][0], out[1][0])
			}
		}
	})
}
