package golden_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"gomm/mmlib/internal/golden"
)

// safetensors puts a header before the data.
func safetensors(header, data string) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}

func Example() {
	file, err := golden.Parse(safetensors(
		`{"__metadata__":{"torch":"2.15.0"},
		"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},
		"ids":{"dtype":"I32","shape":[1],"data_offsets":[8,12]}}`,
		"\x00\x00\x80\x3f\x00\x00\x00\xc0\xff\xff\xff\xff"))
	fmt.Println(file.Names(), file.Metadata["torch"], err)
	fmt.Println(file.Tensors["x"].Shape, file.Tensors["x"].Floats, file.Tensors["ids"].Ints)
	// Output:
	// [ids x] 2.15.0 <nil>
	// [1 2] [1 -2] [-1]
}

func TestParseKinds(t *testing.T) {
	file, err := golden.Parse(safetensors(
		`{"scalar":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"none":{"dtype":"F32","shape":[3,0],"data_offsets":[8,8]}} `,
		"\xfe\xff\xff\xff\xff\xff\xff\xff"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]golden.Tensor{
		"scalar": {Shape: []int{}, Ints: []int{-2}},
		"none":   {Shape: []int{3, 0}, Floats: []float32{}},
	}
	if !reflect.DeepEqual(file.Tensors, want) {
		t.Errorf("got %v, want %v", file.Tensors, want)
	}
}

func TestParseRefuses(t *testing.T) {
	const data = "12345678"
	one := func(s string) []byte { return safetensors(`{"x":`+s+`}`, data) }
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, "0 bytes"},
		{"cut in the header", one(`{}`)[:9], "only 1 follow"},
		{"huge header", []byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "more than the 100000000 allowed"},
		{"not JSON", safetensors("hello", ""), "'h' stands where '{' is due"},
		{"two headers", safetensors("{}{}", ""), "'{' follows the end"},
		{"metadata", safetensors(`{"__metadata__":{"a":1}}`, ""), "__metadata__"},
		{"not an object", one(`3`), `tensor "x"`},
		{"dtype", one(`{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}`), `"BF16"`},
		{"no shape", one(`{"dtype":"I64","data_offsets":[0,8]}`), "shape is missing"},
		{"negative", one(`{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}`), "-1 is not an integer"},
		{"overflow", one(`{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}`), "too large"},
		{"offsets missing", one(`{"dtype":"F32","shape":[2]}`), "data_offsets is missing"},
		{"size", one(`{"dtype":"F32","shape":[3],"data_offsets":[0,8]}`), "takes 12 bytes"},
		{"before the data", one(`{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}`), "-8 is not an integer"},
		{"hole", one(`{"dtype":"F32","shape":[1],"data_offsets":[4,8]}`), "hole"},
		{"too much data", one(`{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`), "cut off"},
		{"too little data", one(`{"dtype":"F32","shape":[3],"data_offsets":[0,12]}`), "cut off"},
		{"overlap", safetensors(`{"x":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}`,
			data), "overlap"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := golden.Parse(c.content); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
}

// TestCommitted reads every golden file of the library, whole and cut off.
func TestCommitted(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".safetensors" {
			return err
		}
		found++
		for name, tensor := range golden.Load(t, path).Tensors {
			size := 1
			for _, dim := range tensor.Shape {
				size *= dim
			}
			if n := len(tensor.Floats) + len(tensor.Ints); n != size {
				t.Errorf("%s: %s has %d numbers, its shape %v says %d", path, name, n, tensor.Shape, size)
			}
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, n := range []int{1, 8, 100, len(content) / 2, len(content) - 1} {
			if _, err := golden.Parse(content[:n]); err == nil {
				t.Errorf("%s cut off after %d bytes was accepted", path, n)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("read %d files, error %v", found, err)
	}
}

// recorder is a test that fails without failing this one.
type recorder struct {
	testing.TB
	message string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.message = fmt.Sprintf(f, a...) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }

// failure runs f as a test and returns its message, "" when it passes.
func failure(f func(t testing.TB)) string {
	r, done := &recorder{}, make(chan bool)
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.message
}

func TestClose(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		got, want []float32
		tolerance float64
		message   string
	}{
		{[]float32{1, 2}, []float32{1, 2}, 0, ""},
		{nil, nil, 0, ""},
		{[]float32{1, 2.5, 3.25}, []float32{1, 2, 3}, 0.5, ""},
		{[]float32{1, 2.5, 3.25}, []float32{1, 2, 3}, 0.25, "z: number 1 is 2.5, want 2: they differ by 0.5, more than 0.25"},
		{[]float32{1}, []float32{1, 2}, 1, "z has 1 numbers, want 2"},
		{[]float32{1, nan}, []float32{1, 2}, 9, "number 1 is NaN"},
		{[]float32{nan}, []float32{nan}, 9, "number 0 is NaN"},
		{[]float32{0, inf}, []float32{5, inf}, 9, "number 1 is +Inf"},
		{[]float32{1}, []float32{1}, math.NaN(), "more than NaN"},
	} {
		message := failure(func(t testing.TB) { golden.Close(t, "z", c.got, c.want, c.tolerance) })
		if message == "" != (c.message == "") || !strings.Contains(message, c.message) {
			t.Errorf("Close(%v, %v, %g) says %q, want %q", c.got, c.want, c.tolerance, message, c.message)
		}
	}
}

func TestGet(t *testing.T) {
	f := &golden.File{Tensors: map[string]golden.Tensor{
		"x": {Shape: []int{1}, Floats: []float32{1}}, "n": {Shape: []int{1}, Ints: []int{1}},
	}}
	if f.Floats(t, "x")[0] != 1 || f.Ints(t, "n")[0] != 1 || f.Get(t, "x").Shape[0] != 1 || !f.Has("n") || f.Has("y") {
		t.Errorf("%v does not give back what it holds", f)
	}
	for want, run := range map[string]func(testing.TB){
		`no tensor "y"; there are ["n" "x"]`: func(t testing.TB) { f.Get(t, "y") },
		`"n" holds integers`:                 func(t testing.TB) { f.Floats(t, "n") },
		`"x" holds floating-point`:           func(t testing.TB) { f.Ints(t, "x") },
		"make_goldens.py":                    func(t testing.TB) { golden.Load(t, filepath.Join(os.TempDir(), "no", "such.safetensors")) },
		"golden_test.go: ":                   func(t testing.TB) { golden.Load(t, "golden_test.go") },
	} {
		if message := failure(run); !strings.Contains(message, want) {
			t.Errorf("the message is %q, want one with %q", message, want)
		}
	}
}

// FuzzParse: nothing makes Parse panic, and what it accepts is whole.
func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add(safetensors(`{}`, ""))
	f.Add(safetensors(`{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}`, "12345678"))
	f.Add(safetensors(`{"x":{"dtype":"I32","shape":[],"data_offsets":[0,4]},"y":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}}`,
		"123412345678"))
	f.Add(safetensors(`{"x":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}}`, ""))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := golden.Parse(content)
		if err != nil {
			return
		}
		for name, tensor := range file.Tensors {
			size := 1
			for _, dim := range tensor.Shape {
				size *= dim
			}
			if len(tensor.Floats)+len(tensor.Ints) != size || (tensor.Floats == nil) == (tensor.Ints == nil) {
				t.Errorf("%q has shape %v, %d floats and %d integers", name, tensor.Shape, len(tensor.Floats), len(tensor.Ints))
			}
		}
	})
}
