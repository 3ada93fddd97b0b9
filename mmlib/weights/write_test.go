package weights_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/weights"
)

func writeFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o666) }

// of describes a tensor of one dimension whose numbers are there already.
func of(name string, d weights.DType, n int, data any) weights.Tensor {
	return weights.Tensor{Info: weights.Info{Name: name, DType: d, Shape: []int{n}}, Data: func() (any, error) { return data, nil }}
}

func TestSave(t *testing.T) {
	dir := onDisk(t, map[string][]byte{"a.safetensors": []byte("old")})
	path := filepath.Join(dir, "a.safetensors")
	var order []string
	asked := func(tensor weights.Tensor) weights.Tensor {
		data := tensor.Data
		tensor.Data = func() (any, error) { order = append(order, tensor.Name); return data() }
		return tensor
	}
	large := make([]float32, 100_000) // of several pieces
	for i := range large {
		large[i] = float32(i)
	}
	check.Must(t, weights.Save(path, []weights.Tensor{
		asked(of("half", weights.F16, 2, []float32{1, -0.1})), asked(of("z", weights.F32, len(large), large)),
		asked(of("a", weights.F32, 0, []float32{})), asked(of("n", weights.I64, 2, []int64{math.MinInt64, 3})),
		asked(of("m", weights.I32, 2, []int64{math.MinInt32, math.MaxInt32})), asked(of("raw", weights.F8_E4M3, 2, []byte{1, 2})),
	}, map[string]string{"b": "2", "a": "1"}))
	if want := []string{"n", "a", "z", "m", "half", "raw"}; !slices.Equal(order, want) {
		t.Errorf("Data was called in the order %q, want %q: once each, as in the file", order, want)
	}
	f, err := weights.Open(path)
	check.Must(t, err)
	defer f.Close()
	if got, err := f.Floats("z"); err != nil || !slices.Equal(got, large) {
		t.Errorf("z is not what was written, error %v", err)
	}
	if got, err := f.Floats("half"); err != nil || !slices.Equal(got, []float32{1, -0.0999755859375}) {
		t.Errorf("half is %v, error %v", got, err)
	}
	if got, err := f.Ints("m"); err != nil || !slices.Equal(got, []int64{math.MinInt32, math.MaxInt32}) {
		t.Errorf("m is %v, error %v", got, err)
	}
	content, err := os.ReadFile(path)
	check.Must(t, err)
	const header = `{"__metadata__":{"a":"1","b":"2"},"n":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"a":{"dtype":"F32",`
	if !bytes.HasPrefix(content[8:], []byte(header)) || content[0]%8 != 0 {
		t.Errorf("the file begins with %q, want a length divisible by 8 and %q", content[:200], header)
	}
	wantAlone(t, path)
}

// wantAlone fails unless a file is the only one in its folder.
func wantAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	check.Must(t, err)
	if len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the folder holds %v, want %s alone", entries, filepath.Base(path))
	}
}

// TestSaveRefuses: an error names the tensor, and leaves the old file and nothing else.
func TestSaveRefuses(t *testing.T) {
	good, full := of("good", weights.F32, 1, []float32{1}), errors.New("the source is gone")
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, test := range map[string]struct {
		tensor   weights.Tensor
		metadata map[string]string
		words    []string
	}{
		"F16":           {of("x", weights.F16, 4, []float32{nan, inf, 65519.996, 65520}), nil, []string{"number 3 is 65520, too large for F16"}},
		"F16, negative": {of("x", weights.F16, 1, []float32{-1e9}), nil, []string{"number 0 is -1e+09, too large for F16"}},
		"BF16":          {of("x", weights.BF16, 1, []float32{math.MaxFloat32}), nil, []string{"too large for BF16: write F32"}},
		"I32":           {of("x", weights.I32, 2, []int64{1, 1 << 31}), nil, []string{"number 1 is 2147483648, too large for I32: write I64"}},
		"late":          {of("x", weights.F16, 20_000, append(make([]float32, 19_999), 7e4)), nil, []string{"number 19999 is 70000"}},
		"few":           {of("x", weights.F32, 2, []float32{1}), nil, []string{"Data gave 1 numbers: shape [2] of F32 takes 2"}},
		"many bytes":    {of("x", weights.F64, 1, make([]byte, 9)), nil, []string{"Data gave 9 bytes: shape [1] of F64 takes 8"}},
		"other type":    {of("x", weights.F64, 1, []float32{1}), nil, []string{"Data gave []float32 for dtype F64"}},
		"no type":       {of("x", weights.F32, 1, nil), nil, []string{"Data gave <nil> for dtype F32"}},
		"integers":      {of("x", weights.F32, 1, []int64{1}), nil, []string{"Data gave []int64 for dtype F32"}},
		"dtype":         {of("x", "F33", 1, nil), nil, []string{`dtype is "F33"`}},
		"negative":      {of("x", weights.F32, -1, nil), nil, []string{"shape [-1] has a negative dimension"}},
		"half a byte":   {of("x", weights.F4, 1, nil), nil, []string{"takes 4 bits"}},
		"no data":       {weights.Tensor{Info: weights.Info{Name: "x", DType: weights.F32}}, nil, []string{"it has no Data"}},
		"its error": {weights.Tensor{Info: weights.Info{Name: "x", DType: weights.F32}, Data: func() (any, error) { return nil, full }},
			nil, []string{full.Error()}},
		"name twice":   {of("good", weights.I64, 0, nil), nil, []string{`"good": two tensors have this name`}},
		"its own name": {of("__metadata__", weights.I64, 0, nil), nil, []string{"cannot have this name"}},
		"name":         {of("x\xff", weights.I64, 0, nil), nil, []string{`tensor "x\xff"`, "not UTF-8"}},
		"metadata":     {good, map[string]string{"k": "\xff"}, []string{`metadata "k"`, "not UTF-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(onDisk(t, map[string][]byte{"a.safetensors": []byte("old")}), "a.safetensors")
			err := weights.Save(path, []weights.Tensor{good, test.tensor}, test.metadata)
			check.Error(t, err, append(test.words, "weights: "+path)...)
			if name == "its error" && !errors.Is(err, full) {
				t.Errorf("the error %v does not wrap that of Data", err)
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != "old" {
				t.Errorf("the old file is %q now, error %v", content, err)
			}
			wantAlone(t, path)
		})
	}
}

// TestSavePanics: a panic in Data passes through, and leaves nothing.
func TestSavePanics(t *testing.T) {
	path := filepath.Join(onDisk(t, map[string][]byte{"a.safetensors": []byte("old")}), "a.safetensors")
	defer func() {
		if r := recover(); r != "oops" {
			t.Errorf("recovered %v, want oops", r)
		}
		wantAlone(t, path)
	}()
	x := of("x", weights.F32, 1, nil)
	x.Data = func() (any, error) { panic("oops") }
	_ = weights.Save(path, []weights.Tensor{x}, nil)
}

// limited is a disk that is full after some bytes.
type limited int

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), int(*l))
	*l -= limited(n)
	if n < len(p) {
		return n, errors.New("the disk is full")
	}
	return n, nil
}

func TestWriteFails(t *testing.T) {
	x := of("x", weights.BF16, 100_000, make([]float32, 100_000))
	for _, room := range []limited{0, 4, 8, 50, 70, 5000, 150_000} {
		check.Error(t, weights.Write(&room, []weights.Tensor{x}, nil), "weights: ", "the disk is full")
	}
	check.Error(t, weights.Save(filepath.Join(t.TempDir(), "no", "a.safetensors"), nil, nil), "weights: ", "a.safetensors: ")
}
