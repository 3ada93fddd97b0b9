package attention_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla/lean"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/task"
)

// results are what attend returns, by name.
var results = []string{"z", "dq", "dk", "dv"}

// floats are random numbers of a given spread, in float32.
func floats(t *testing.T, seed uint64, std float64, dims ...int) *tensors.Tensor {
	values := nntest.Flat(t, nntest.Random(seed, dims...))
	for i := range values {
		values[i] *= std
	}
	return nntest.Tensor(dtypes.Float32, values, dims...)
}

// agree fails the test when lean and plain differ by more than 1e-4 of the largest number of plain.
func agree(t *testing.T, name string, lean, plain []float64) {
	t.Helper()
	scale := largest(plain, make([]float64, len(plain)))
	if d := largest(lean, plain); !(d <= 1e-4*scale) || math.IsInf(scale, 0) {
		t.Errorf("%s: plain and lean differ by %g, with numbers of up to %g", name, d, scale)
	}
}

// TestParity: in float32 both kernels agree to 1e-4 under masks with every kind of interval, for heads of their own, in groups
// and with one key head, and for numbers of queries and keys that no block divides, in one block and in several: the kernel's
// are of up to 1024 queries, R·L of them, and of up to 512 keys. TestMaskIsKept has the masks that are not here.
func TestParity(t *testing.T) {
	const b, h, k, w = 2, 4, 8, 5
	sizes := []struct {
		mask    string
		l, s, g int
		window  int
	}{
		{"all", 130, 70, 2, 0},
		{"causal", 131, 131, 4, 0},
		{"window", 131, 131, 2, 37},
		{"prefix", 131, 131, 1, 0},
		{"padding", 270, 530, 1, 0},
		{"causal window padding", 550, 550, 2, 170},
	}
	pieces := func(kernel lean.Choice) []piece {
		var out []piece
		for _, c := range sizes {
			in := []*tensors.Tensor{
				floats(t, 1, 2, b, c.l, h, k), floats(t, 2, 2, b, c.s, c.g, k), floats(t, 3, 1, b, c.s, c.g, w), floats(t, 4, 1, b, c.l, h, w),
				counts(c.s-9, c.s/3), counts(0, c.s/2),
			}
			out = append(out, piece{in, func(in []*Node) []*Node {
				mask := maskNamed(c.mask)(in[4], in[5])
				if mask.Window == 2 {
					mask.Window = c.window
				}
				return attend(in, mask, kernel)
			}})
		}
		return out
	}
	frugal := together(t, on(t, lean.Always), pieces(lean.Always)...)
	for i, plain := range together(t, quick, pieces(lean.Never)...) {
		for n, name := range results {
			agree(t, fmt.Sprintf("%+v: %s", sizes[i], name), frugal[i][n], plain[n])
		}
	}
}

// TestMaskedRows: a query that may look at no key has z = 0 and neither gets nor gives a gradient, whatever the logits are.
// TestMaskIsKept and TestMaskGradients have such rows for the lean kernel.
func TestMaskedRows(t *testing.T) {
	const b, l, h, k = 2, 3, 2, 4
	out := nntest.Run(t, quick, nil, func(_ *model.Scope, in []*Node) []*Node {
		return attend(in, attention.Mask{Lengths: in[4]}, lean.Never)
	}, floats(t, 1, 100, b, l, h, k), floats(t, 2, 100, b, l, 1, k), floats(t, 3, 1, b, l, 1, k), floats(t, 4, 1, b, l, h, k), counts(0, 3))
	for i, name := range results {
		row := len(out[i]) / b
		zeros := make([]float64, row)
		if d := largest(out[i][:row], zeros); d != 0 {
			t.Errorf("%s of the row without keys is up to %g, want 0", name, d)
		}
		if d := largest(out[i][row:], zeros); math.IsInf(d, 0) || (name == "z" || name == "dv") && d == 0 {
			t.Errorf("%s of the other row is up to %g", name, d)
		}
	}
}

// TestChoice: the lean kernel is taken where the scores are large, unless told otherwise, or weights are asked for, or the
// backend cannot run it.
func TestChoice(t *testing.T) {
	small, large := []int{1, 2, 3, 4}, []int{4, 8, 4096, 4096}
	able := frugal != nil
	for _, c := range []struct {
		options attention.Options
		scores  []int
		want    bool
	}{
		{attention.Options{}, small, false},
		{attention.Options{}, large, able},
		{attention.Options{Weights: true}, large, false},
		{attention.Options{Kernel: lean.Never}, large, false},
		{attention.Options{Kernel: lean.Always}, small, true},
	} {
		b := backend
		if able {
			b = frugal
		}
		if c.options.Kernel == lean.Always && !able {
			err := task.Try(func() error { attention.UsesLean(c.options, b, dtypes.Float32, c.scores...); return nil })
			if err == nil || !strings.Contains(err.Error(), "cannot run the lean kernel (lean.Always)") {
				t.Errorf("%s was told to run the lean kernel: error %v", b.Name(), err)
			}
			continue
		}
		if got := attention.UsesLean(c.options, b, dtypes.Float32, c.scores...); got != c.want {
			t.Errorf("%+v, scores %v on %s: lean %v, want %v", c.options, c.scores, b.Name(), got, c.want)
		}
	}
}

// TestSixteenBits: floats of 16 bits work on every backend, to their own rounding.
func TestSixteenBits(t *testing.T) {
	for _, dtype := range []dtypes.DType{dtypes.BFloat16, dtypes.Float16} {
		for _, mask := range []attention.Mask{{}, {Causal: true}} {
			build := func(_ *model.Scope, in []*Node) []*Node {
				attend := func(as dtypes.DType) *Node {
					part := func(i int) *Node { return ConvertDType(ConvertDType(in[i], dtype), as) }
					return ConvertDType(attention.Attend(part(0), part(1), part(2), mask, attention.Options{}).Z, dtypes.Float32)
				}
				return []*Node{attend(dtype), attend(dtypes.Float32)}
			}
			for _, b := range []compute.Backend{backend, quick} {
				out := nntest.Run(t, b, nil, build, nntest.Random(1, 2, 5, 2, 4), nntest.Random(2, 2, 5, 2, 4), nntest.Random(3, 2, 5, 2, 4))
				for i := range out[0] {
					if math.Abs(out[0][i]-out[1][i]) > 0.03 {
						t.Fatalf("%s on %s: %v, in Float32 %v", dtype, b.Name(), out[0][i], out[1][i])
					}
				}
			}
		}
	}
}
