package lean_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla"
	"gomm/kernels/xla/lean"
)

var backend compute.Backend

func TestMain(m *testing.M) {
	var err error
	if backend, err = xla.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if backend.Name() != "xla" && !lean.Runs(backend) {
		fmt.Printf("the backend %q cannot run the kernels: nothing of this package can be tested on it\n", backend.Name())
		syscall.Exit(0)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// random is a tensor of numbers from N(0, scale²), always the same for a seed.
func random(seed uint64, scale float64, dims ...int) *tensors.Tensor {
	r := rand.New(rand.NewPCG(seed, 0))
	values := make([]float32, shapes.Make(dtypes.Float32, dims...).Size())
	for i := range values {
		values[i] = float32(scale * r.NormFloat64())
	}
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

func floats(dims []int, values ...float32) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

func integers(dims []int, values ...int32) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(values, dims...)
}

// run compiles and runs a graph, and copies its results.
func run(t testing.TB, build func(in []*Node) []*Node, in ...*tensors.Tensor) [][]float32 {
	t.Helper()
	args := make([]any, len(in))
	for i, x := range in {
		args[i] = x
	}
	out, err := MustNewExec(backend, build).Call(args...)
	if err != nil {
		t.Fatal(err)
	}
	values := make([][]float32, len(out))
	for i, x := range out {
		values[i] = tensors.MustCopyFlatData[float32](x)
	}
	return values
}

// same fails when a number of got is further from want's than 1e-4 of the largest of want; that is the stated agreement.
func same(t testing.TB, name string, got, want []float32) {
	t.Helper()
	sameFrom(t, 1e-30, name, got, want)
}

// sameFrom is same, with the largest number of want taken to be at least so large.
func sameFrom(t testing.TB, largest float64, name string, got, want []float32) {
	t.Helper()
	worst, at := 0.0, 0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= 1e-4*largest) {
		t.Errorf("%s: number %d of %d is %v, want %v (the largest is %g)", name, at, len(want), got[at], want[at], largest)
	}
}

// plain is the formula that lean.Attention computes.
func plain(q, k, v *Node, keys lean.Interval) *Node {
	scores := Einsum("BLHK,BSHK->BHLS", MulScalar(q, 1/math.Sqrt(float64(q.Shape().Dim(3)))), k)
	position := Iota(q.Graph(), scores.Shape().Clone(), 3)
	position = ConvertDType(position, dtypes.Int32)
	mask := GreaterOrEqual(position, ZerosLike(position))
	bound := func(x *Node) *Node {
		return BroadcastToShape(Reshape(x, x.Shape().Dim(0), 1, x.Shape().Dim(1), 1), position.Shape())
	}
	if keys.From != nil {
		mask = LogicalAnd(mask, GreaterOrEqual(position, bound(keys.From)))
	}
	if keys.To != nil {
		mask = LogicalAnd(mask, LessThan(position, bound(keys.To)))
	}
	return Einsum("BHLS,BSHK->BLHK", MaskedSoftmax(scores, mask, -1), v)
}

func TestAttention(t *testing.T) {
	causal := func(l int) *tensors.Tensor {
		to := make([]int32, l)
		for i := range to {
			to[i] = int32(i + 1)
		}
		return integers([]int{1, l}, to...)
	}
	window := func(l, w int) *tensors.Tensor {
		from := make([]int32, l)
		for i := range from {
			from[i] = int32(max(0, i-w+1))
		}
		return integers([]int{1, l}, from...)
	}
	for _, c := range []struct {
		name             string
		b, l, s, h, k, w int
		scale            float64
		from, to         *tensors.Tensor
	}{
		{"odd sizes", 2, 13, 7, 3, 5, 2, 1, nil, nil},
		{"many blocks", 1, 1100, 1300, 2, 8, 4, 1, nil, nil},
		{"even blocks", 1, 2048, 1024, 2, 8, 8, 1, nil, nil},
		{"groups of heads", 3, 1024, 512, 2, 4, 4, 1, nil, nil},
		{"causal window", 1, 1500, 1500, 2, 8, 8, 1, window(1500, 100), causal(1500)},
		{"padding", 3, 600, 700, 1, 4, 4, 1, nil, integers([]int{3, 1}, 700, 1, 0)},
		{"nothing to see", 1, 4, 4, 1, 4, 4, 1, integers([]int{1, 4}, 2, 2, 0, 4), integers([]int{1, 4}, 2, 1, 4, 9)},
		{"large scores", 1, 64, 1100, 1, 4, 4, 100, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := []*tensors.Tensor{
				random(1, c.scale, c.b, c.l, c.h, c.k), random(2, c.scale, c.b, c.s, c.h, c.k), random(3, 1, c.b, c.s, c.h, c.w),
				random(4, 1, c.b, c.l, c.h, c.w),
			}
			for _, bound := range []*tensors.Tensor{c.from, c.to} {
				if bound != nil {
					in = append(in, bound)
				}
			}
			attend := func(f func(q, k, v *Node, keys lean.Interval) *Node) [][]float32 {
				return run(t, func(in []*Node) []*Node {
					var keys lean.Interval
					bounds := in[4:]
					if c.from != nil {
						keys.From, bounds = bounds[0], bounds[1:]
					}
					if c.to != nil {
						keys.To = bounds[0]
					}
					z := f(in[0], in[1], in[2], keys)
					return append([]*Node{z}, Gradient(ReduceAllSum(Mul(z, in[3])), in[:3]...)...)
				}, in...)
			}
			got, want := attend(lean.Attention), attend(plain)
			for i, name := range []string{"z", "dq", "dk", "dv"} {
				// Where large scores leave each query one key, dP − rowsum(dZ∘Z) is 0 but for the rounding of two sums of
				// numbers near 1, and dq and dk are that times k and q.
				sameFrom(t, c.scale/100, name, got[i], want[i])
			}
		})
	}
}

// plainContrast is what lean.Contrast computes.
func plainContrast(x, y *Node, p lean.Pairing) lean.Similarities {
	s := Einsum("ND,MD->NM", x, y)
	n := s.Shape().Dim(0)
	counted, one := s, OnesLike(s)
	if p.NotSelf {
		counted = Where(Diagonal(x.Graph(), n), AddScalar(ZerosLike(s), -1e30), s)
		one = Where(Diagonal(x.Graph(), n), ZerosLike(s), OnesLike(s))
	}
	logSum := func(axis int) lean.LogSum {
		m := StopGradient(ReduceAndKeep(counted, ReduceMax, axis))
		return lean.LogSum{Max: Squeeze(m, axis), Rest: Log(ReduceSum(Exp(Sub(counted, m)), axis))}
	}
	out := lean.Similarities{Rows: logSum(1), Columns: logSum(0)}
	var same *Node
	switch {
	case p.Groups != nil:
		same = Mul(one, ConvertDType(Equal(Reshape(p.Groups, n, 1), Reshape(p.Groups, 1, n)), s.DType()))
	case n == s.Shape().Dim(1) && !p.NotSelf:
		same = ConvertDType(Diagonal(x.Graph(), n), s.DType())
	default:
		return out
	}
	mean := func(axis int) *Node { return Div(ReduceSum(Mul(same, s), axis), MaxScalar(ReduceSum(same, axis), 1)) }
	out.Positives, out.PositivesOf = mean(1), mean(0)
	return out
}

func TestContrast(t *testing.T) {
	for _, c := range []struct {
		name            string
		n, m, d         int
		scale           float64
		groups, notSelf bool
	}{
		{"odd sizes", 7, 13, 3, 1, false, false},
		{"two", 2, 2, 4, 1, true, true},
		{"not self", 50, 50, 4, 1, false, true},
		{"the diagonal", 1100, 1100, 8, 1, false, false},
		{"many tiles", 1100, 2100, 8, 1, false, false},
		{"even tiles", 2048, 1024, 8, 1, false, false},
		{"groups, not self", 1100, 1100, 8, 1, true, true},
		{"large scores", 1100, 1100, 8, 60, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ids := make([]int32, c.n)
			for i := range ids {
				ids[i] = int32(i*i%7 - 3)
			}
			in := []*tensors.Tensor{random(1, c.scale, c.n, c.d), random(2, c.scale, c.m, c.d), random(3, 1, c.n), random(4, 1, c.m),
				random(5, 1, c.n),
				integers([]int{c.n}, ids...)}
			contrast := func(f func(x, y *Node, p lean.Pairing) lean.Similarities) [][]float32 {
				return run(t, func(in []*Node) []*Node {
					p := lean.Pairing{NotSelf: c.notSelf}
					if c.groups {
						p.Groups = in[5]
					}
					s := f(in[0], in[1], p)
					out := []*Node{s.Rows.Sum(), s.Columns.Sum(), s.Rows.Max, s.Columns.Max}
					loss := Add(ReduceAllSum(Mul(s.Rows.Sum(), in[2])), ReduceAllSum(Mul(s.Columns.Sum(), in[3])))
					if c.groups || c.n == c.m && !c.notSelf {
						out = append(out, s.Positives, s.PositivesOf)
						loss = Add(loss, Add(ReduceAllSum(Mul(s.Positives, in[4])), ReduceAllSum(Mul(s.PositivesOf, in[3]))))
					} else if s.Positives != nil || s.PositivesOf != nil {
						t.Error("there are positives where there are none")
					}
					return append(out, Gradient(loss, in[:2]...)...)
				}, in...)
			}
			got, want := contrast(lean.Contrast), contrast(plainContrast)
			for i := range want {
				same(t, fmt.Sprint("result ", i), got[i], want[i])
			}
		})
	}
}

// TestTies: two equal scores of any size share the weight, in the sums and in their gradients.
func TestTies(t *testing.T) {
	for _, size := range []float32{5e5, 1e10, 1e31, 3e38, -1e10, -1e31, -3e38} {
		out := run(t, func(in []*Node) []*Node {
			x, y := in[0], in[1] // [2, 1]: S is `size` everywhere
			s := lean.Contrast(x, y, lean.Pairing{})
			loss := ReduceAllSum(Sub(s.Rows.Sum(), s.Positives))
			z := lean.Attention(Reshape(x, 1, 2, 1, 1), Reshape(y, 1, 2, 1, 1), Reshape(in[2], 1, 2, 1, 1), lean.Interval{})
			return []*Node{s.Rows.Rest, Add(Sub(s.Rows.Max, s.Positives), s.Rows.Rest), Gradient(loss, x)[0], Reshape(z, -1),
				Gradient(ReduceAllSum(z), in[2])[0]}
		}, floats([]int{2, 1}, size, size), floats([]int{2, 1}, 1, 1), floats([]int{2}, 1, 3))
		ln2 := float32(math.Ln2)
		for i, want := range [][]float32{{ln2, ln2}, {ln2, ln2}, {0, 0}, {2, 2}, {1, 1}} {
			same(t, fmt.Sprintf("scores of %g, result %d", size, i), out[i], want)
		}
	}
}

// TestNoLength: axes of length 0 are refused by name.
func TestNoLength(t *testing.T) {
	zeros := func(g *Graph, dims ...int) *Node { return Zeros(g, shapes.Make(dtypes.Float32, dims...)) }
	for want, build := range map[string]func(g *Graph) *Node{
		"axis 0 of x (Float32)[0, 4] has length 0": func(g *Graph) *Node {
			return lean.Contrast(zeros(g, 0, 4), zeros(g, 3, 4), lean.Pairing{}).Rows.Rest
		},
		"axis 1 of x (Float32)[3, 0] has length 0": func(g *Graph) *Node {
			return lean.Contrast(zeros(g, 3, 0), zeros(g, 3, 0), lean.Pairing{}).Rows.Rest
		},
		"axis 1 of the key (Float32)[1, 0, 2, 4] has length 0": func(g *Graph) *Node {
			return lean.Attention(zeros(g, 1, 3, 2, 4), zeros(g, 1, 0, 2, 4), zeros(g, 1, 0, 2, 4), lean.Interval{})
		},
		"axis 1 of the query (Float32)[1, 0, 2, 4] has length 0": func(g *Graph) *Node {
			return lean.Attention(zeros(g, 1, 0, 2, 4), zeros(g, 1, 3, 2, 4), zeros(g, 1, 3, 2, 4), lean.Interval{})
		},
	} {
		_, err := MustNewExec(backend, build).Call()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error %v does not say %q", err, want)
		}
	}
}
