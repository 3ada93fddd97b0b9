// Package golden reads the golden values that our tests compare with: small files in testdata/, made by a reference
// implementation (the recipe, make_goldens.py, is beside them).
//
// The format is safetensors, which package weights reads and explains. Of its types these files use F32, I32 and I64; another is
// refused. A file that is cut off, that has a hole or two tensors in the same place is refused too, and the error says why.
//
// The package is for tests. golden.py, beside it, is what the recipes write with.
package golden

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
)

// Tensor is one named array. Integers come in Ints, floating-point numbers in Floats; the other is nil.
type Tensor struct {
	Shape  []int
	Floats []float32
	Ints   []int
}

// File is what a golden file holds.
type File struct {
	Metadata map[string]string
	Tensors  map[string]Tensor
}

// Load reads the file, or ends the test.
func Load(t testing.TB, path string) *File {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("golden: %v; make_goldens.py in the same folder makes it", err)
	}
	f, err := Parse(content)
	if err != nil {
		t.Fatalf("golden: %s: %v", path, err)
	}
	return f
}

// Has reports whether there is a tensor of that name.
func (f *File) Has(name string) bool {
	_, ok := f.Tensors[name]
	return ok
}

// Get returns the tensor of that name, or ends the test.
func (f *File) Get(t testing.TB, name string) Tensor {
	t.Helper()
	tensor, ok := f.Tensors[name]
	if !ok {
		t.Fatalf("golden: there is no tensor %q; there are %q", name, f.Names())
	}
	return tensor
}

// Floats returns the numbers of the floating-point tensor of that name, or ends the test.
func (f *File) Floats(t testing.TB, name string) []float32 {
	t.Helper()
	tensor := f.Get(t, name)
	if tensor.Floats == nil {
		t.Fatalf("golden: tensor %q holds integers, not floating-point numbers", name)
	}
	return tensor.Floats
}

// Ints returns the numbers of the integer tensor of that name, or ends the test.
func (f *File) Ints(t testing.TB, name string) []int {
	t.Helper()
	tensor := f.Get(t, name)
	if tensor.Ints == nil {
		t.Fatalf("golden: tensor %q holds floating-point numbers, not integers", name)
	}
	return tensor.Ints
}

// Names lists the tensors, sorted.
func (f *File) Names() []string {
	names := make([]string, 0, len(f.Tensors))
	for name := range f.Tensors {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close fails the test when any number of got is further than tolerance from the one in want, and says which of them is
// furthest. Numbers that are not finite are never close.
func Close(t testing.TB, name string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d numbers, want %d", name, len(got), len(want))
		return
	}
	worst, at := Largest(got, want)
	if at >= 0 && !(worst <= tolerance) {
		t.Errorf("%s: number %d is %v, want %v: they differ by %s, more than %g",
			name, at, got[at], want[at], difference(worst), tolerance)
	}
}

// Largest is the largest absolute difference between two slices of the same length, and its index; -1 when they are
// empty. A pair of which one is not finite differs infinitely.
func Largest(got, want []float32) (worst float64, at int) {
	at = -1
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return math.Inf(1), i
		}
		if at < 0 || d > worst {
			worst, at = d, i
		}
	}
	return worst, at
}

func difference(d float64) string {
	if math.IsInf(d, 0) {
		return "more than any number"
	}
	return fmt.Sprintf("%.3g", d)
}
