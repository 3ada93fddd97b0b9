package weights_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/weights"
)

// onDisk writes files into a new folder and returns its path.
func onDisk(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		check.Must(t, os.WriteFile(filepath.Join(dir, name), content, 0o666))
	}
	return dir
}

func TestOpen(t *testing.T) {
	f, err := weights.Open(filepath.Join("testdata", "tiny.safetensors"))
	check.Must(t, err)
	if got := f.Names(); !slices.Equal(got, []string{"steps", "weight"}) {
		t.Errorf("the names are %q", got)
	}
	info, ok := f.Info("weight")
	if want := (weights.Info{Name: "weight", DType: weights.F32, Shape: []int{2, 2}}); !ok || !reflect.DeepEqual(info, want) {
		t.Errorf("Info gives %v, %v, want %v", info, ok, want)
	}
	if info, ok := f.Info("no"); ok {
		t.Errorf("Info gives %v for a name that is not there", info)
	}
	floats, err := f.Floats("weight")
	if want := []float32{1, -2, 0.5, 3}; err != nil || !slices.Equal(floats, want) {
		t.Errorf("Floats gives %v, error %v, want %v", floats, err, want)
	}
	ints, err := f.Ints("steps")
	if err != nil || !slices.Equal(ints, []int64{1000}) {
		t.Errorf("Ints gives %v, error %v, want [1000]", ints, err)
	}
	raw, err := f.Raw("steps")
	if err != nil || !bytes.Equal(raw, []byte{0xe8, 3, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("Raw gives %x, error %v", raw, err)
	}
	info.Shape[0], raw[0], f.Metadata()["format"], f.Names()[0] = 9, 9, "tf", "x" // copies all
	if info, _ := f.Info("weight"); info.Shape[0] != 2 || f.Metadata()["format"] != "pt" || f.Names()[0] != "steps" {
		t.Error("what the methods gave away was not a copy")
	}

	check.Must(t, f.Close())
	for what, err := range map[string]error{
		"Floats": second(f.Floats("weight")), "Ints": second(f.Ints("steps")), "Raw": second(f.Raw("steps")), "Close": f.Close(),
	} {
		if check.Error(t, err, "weights: ", "tiny.safetensors: "); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: the error is %v, want fs.ErrClosed", what, err)
		}
	}
	if info, ok := f.Info("weight"); !ok || info.Shape[1] != 2 || len(f.Names()) != 2 || f.Metadata()["format"] != "pt" {
		t.Error("names, shapes and metadata are gone after Close")
	}
}

func second[T any](_ T, err error) error { return err }

func TestOpenRefuses(t *testing.T) {
	dir := onDisk(t, map[string][]byte{
		"empty.safetensors":   nil,
		"damaged.safetensors": file(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "12"),
	})
	for path, words := range map[string][]string{
		"no.safetensors":      {"weights: ", "no.safetensors"},
		"":                    {"is a folder: name a .safetensors file"},
		"empty.safetensors":   {"empty.safetensors: it has 0 bytes, less than the 8"},
		"damaged.safetensors": {"weights: ", `damaged.safetensors: tensor "x" begins at byte 1 of the data, where 0 is due`},
		"no.index.json":       {"weights: ", "no.index.json"},
	} {
		_, err := weights.Open(filepath.Join(dir, path))
		check.Error(t, err, words...)
	}
}

// TestErrors looks at what Parse says: the table of the reference looks only at whether it says something.
func TestErrors(t *testing.T) {
	one := func(entry string) []byte { return file(`{"x":`+entry+`}`, "12345678") }
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"short":      {[]byte("123"), "weights: it has 3 bytes, less than the 8"},
		"length":     {[]byte("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "18446744073709551615 bytes, more than the 100000000 allowed"},
		"cut":        {file("{}", "")[:9], "should have 2 bytes, but only 1 follow"},
		"UTF-8":      {file("{\xff}", ""), "the header is not UTF-8"},
		"no JSON":    {file("hello", ""), "byte 0 of the JSON: 'h' stands where '{' is due"},
		"ends":       {file(`{"x"`, ""), "byte 4 of the JSON: it ends where ':' is due"},
		"string":     {file(`{"x`, ""), "it ends within a string"},
		"more":       {file(`{}é`, ""), "byte 2 of the JSON: 'é' follows the end"},
		"twice":      {file(`{"x":["U8",[0],[0,0]],"x":["U8",[0],[0,0]]}`, ""), `the name "x" stands twice`},
		"metadata":   {file(`{"__metadata__":{"a":1}}`, ""), "__metadata__ is not an object of strings: byte 21 of the JSON: '1'"},
		"key twice":  {file(`{"__metadata__":{"a":"","a":""}}`, ""), `the key "a" stands twice`},
		"surrogate":  {file(`{"\ud800":0}`, ""), "half a surrogate pair stands alone"},
		"null":       {one(`null`), `tensor "x": byte 5 of the JSON: 'n' stands where '{' is due`},
		"missing":    {one(`{"dtype":"F32","shape":[2]}`), `tensor "x": byte 32 of the JSON: data_offsets is missing`},
		"dtype":      {one(`["F3",[2],[0,8]]`), `dtype: byte 10 of the JSON: "F3" is none of the format's ["BOOL" "F4" `},
		"dimension":  {one(`["F32",[-2],[0,8]]`), "shape: byte 15 of the JSON: -2 is not an integer from 0 to 2⁶⁴-1"},
		"large":      {one(`["F32",[9223372036854775808],[0,8]]`), "9223372036854775808 is too large"},
		"product":    {one(`["F32",[4294967296,4294967296],[0,8]]`), "shape [4294967296 4294967296] is too large"},
		"half bytes": {one(`["F4",[3],[0,8]]`), "shape [3] of F4 takes 12 bits"},
		"size":       {one(`["F32",[3],[0,8]]`), `tensor "x": data_offsets are [0 8]: shape [3] of F32 takes 12 bytes`},
		"offsets":    {one(`["F32",[2],[0]]`), "data_offsets: byte 19 of the JSON: there are 1 numbers, not a begin and an end"},
		"hole":       {one(`["F32",[1],[4,8]]`), `tensor "x" begins at byte 4 of the data, where 0 is due`},
		"cut off":    {one(`["F32",[3],[0,12]]`), "the tensors take 12 bytes and the data has 8: the file is cut off"},
	} {
		_, err := weights.Parse(test.content)
		t.Run(name, func(t *testing.T) { check.Error(t, err, test.want) })
	}
}

func TestConversions(t *testing.T) {
	const data = "\xff\x80\xfe\xff\xff\xff\xff\xff"
	for d, want := range map[weights.DType][]int64{
		weights.I8:  {-1, -128, -2, -1, -1, -1, -1, -1},
		weights.U8:  {255, 128, 254, 255, 255, 255, 255, 255},
		weights.I16: {-32513, -2, -1, -1},
		weights.U16: {33023, 65534, 65535, 65535},
		weights.I32: {-98049, -1},
		weights.U32: {4294869247, 4294967295},
		weights.I64: {-98049},
	} {
		f, err := weights.Parse(file(`{"x":["`+string(d)+`",[`+string('0'+rune(64/d.Bits()))+`],[0,8]]}`, data))
		check.Must(t, err)
		if got, err := f.Ints("x"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %d, error %v, want %d", d, got, err, want)
		}
		check.Error(t, second(f.Floats("x")), `weights: tensor "x": dtype is `+string(d)+": only F32, F16 and BF16", "Ints", "Raw")
		check.Error(t, second(f.Floats("y")), `weights: tensor "y": there is none of that name among the file's 1`)
	}
	for d, words := range map[weights.DType]string{
		weights.U64: "number 0 is 18446744073709453567, more than int64 holds", weights.F64: "dtype is F64, which is not an integer",
		weights.C64: "dtype is C64",
	} {
		f, err := weights.Parse(file(`{"x":["`+string(d)+`",[],[0,8]]}`, data))
		check.Must(t, err)
		check.Error(t, second(f.Ints("x")), words, "Raw")
	}
	if got := weights.DType("F32 ").Bits(); got != 0 {
		t.Errorf("an unknown type has %d bits, want 0", got)
	}
}

// TestTruncated cuts a file off while it is open: reading is an error and no crash.
func TestTruncated(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("the file is not mapped here")
	}
	const size = 1 << 20
	dir := onDisk(t, map[string][]byte{"a.safetensors": file(`{"x":["U8",[1048576],[0,1048576]]}`, string(make([]byte, size)))})
	path := filepath.Join(dir, "a.safetensors")
	f, err := weights.Open(path)
	check.Must(t, err)
	check.Must(t, os.Truncate(path, 100))
	check.Error(t, second(f.Raw("x")), "a.safetensors", `tensor "x": the file was cut off`)
	check.Error(t, second(f.Ints("x")), "the file was cut off")
	check.Must(t, f.Close())
}

// TestTogether reads and closes from several goroutines: each read gives all numbers or fs.ErrClosed.
func TestTogether(t *testing.T) {
	dir := onDisk(t, map[string][]byte{"a.safetensors": file(`{"x":["U8",[65536],[0,65536]]}`, string(bytes.Repeat([]byte{7}, 65536)))})
	f, err := weights.Open(filepath.Join(dir, "a.safetensors"))
	check.Must(t, err)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				raw, err := f.Raw("x")
				if err == nil && (len(raw) != 65536 || raw[65535] != 7) || err != nil && !errors.Is(err, fs.ErrClosed) {
					t.Errorf("read %d bytes, error %v", len(raw), err)
				}
				if _, ok := f.Info("x"); !ok {
					t.Error("Info is gone")
				}
			}
		})
	}
	wait.Go(func() { check.Must(t, f.Close()) })
	wait.Wait()
}
