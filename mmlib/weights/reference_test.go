package weights_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/weights"
)

// fromReference reads a file that testdata/make_goldens.py wrote.
func fromReference(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	check.Must(t, err)
	check.Must(t, json.Unmarshal(text, into))
}

// judged is a file and what the reference says of it.
type judged struct {
	Name     string
	Pieces   [][2]any // bytes in hexadecimal, and how often they are repeated
	Accepted bool
	Tensors  map[string][]any // dtype, shape and data of an accepted file
	Metadata map[string]string
	Differs  string // why this package refuses what the reference accepts
}

func (j judged) content(t testing.TB) []byte {
	t.Helper()
	var content bytes.Buffer
	for _, piece := range j.Pieces {
		text, err := hex.DecodeString(piece[0].(string))
		check.Must(t, err)
		times := int(piece[1].(float64))
		content.Grow(times * len(text))
		for some := min(times, 1<<16); times > 0; times -= some {
			some = min(times, some)
			content.Write(bytes.Repeat(text, some))
		}
	}
	return content.Bytes()
}

func headers(t testing.TB) []judged {
	t.Helper()
	var table struct{ Cases []judged }
	fromReference(t, "headers.json", &table)
	if len(table.Cases) < 250 {
		t.Fatalf("headers.json has %d cases; 250 and more are due", len(table.Cases))
	}
	return table.Cases
}

// TestHeaders gives hostile and odd files to this package and compares what it makes of them with what the reference makes of them.
func TestHeaders(t *testing.T) {
	for _, c := range headers(t) {
		t.Run(c.Name, func(t *testing.T) {
			f, err := weights.Parse(c.content(t))
			if c.Accepted != (err == nil) && c.Differs == "" {
				t.Fatalf("the reference accepts it: %v; here the error is %v", c.Accepted, err)
			}
			if c.Differs != "" && err == nil {
				t.Fatalf("it was accepted: %s should be refused", c.Differs)
			}
			if err != nil {
				return
			}
			if !maps.Equal(f.Metadata(), c.Metadata) || (f.Metadata() == nil) != (c.Metadata == nil) {
				t.Errorf("the metadata is %q, want %q", f.Metadata(), c.Metadata)
			}
			if want := slices.Sorted(maps.Keys(c.Tensors)); !slices.Equal(f.Names(), want) {
				t.Fatalf("the names are %q, want %q", f.Names(), want)
			}
			for name, want := range c.Tensors {
				info, _ := f.Info(name)
				raw, err := f.Raw(name)
				check.Must(t, err)
				if got := []any{info.DType, info.Shape, hex.EncodeToString(raw)}; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("tensor %q is %v, want %v", name, got, want)
				}
			}
		})
	}
}

// copied returns a file's tensors as they are to be written again: as numbers where they can be, if numbers is set.
func copied(f *weights.File, numbers bool) (tensors []weights.Tensor) {
	for _, name := range f.Names() {
		info, _ := f.Info(name)
		data := func() (any, error) { return f.Raw(name) }
		switch info.DType {
		case weights.F32, weights.F16, weights.BF16:
			if numbers {
				data = func() (any, error) { return f.Floats(name) }
			}
		case weights.I32, weights.I64:
			if numbers {
				data = func() (any, error) { return f.Ints(name) }
			}
		}
		tensors = append(tensors, weights.Tensor{Info: info, Data: data})
	}
	return tensors
}

// TestWritten reads files that the reference wrote, and writes them again: byte for byte the same.
func TestWritten(t *testing.T) {
	var files map[string][]byte
	fromReference(t, "files.json", &files)
	if len(files) != 4 {
		t.Fatalf("there are %d files, want 4", len(files))
	}
	tiny, err := os.ReadFile(filepath.Join("testdata", "tiny.safetensors"))
	check.Must(t, err)
	files["tiny"] = tiny
	for name, content := range files {
		for _, numbers := range []bool{false, true} {
			f, err := weights.Parse(content)
			check.Must(t, err)
			var again bytes.Buffer
			check.Must(t, weights.Write(&again, copied(f, numbers), f.Metadata()))
			if !bytes.Equal(again.Bytes(), content) {
				t.Errorf("%s, as numbers %v: written again it is\n%q, want\n%q", name, numbers, again.Bytes(), content)
			}
		}
	}
}

// TestRounding compares what float32 numbers become in half precision and bfloat16 with what they become in torch, and back.
func TestRounding(t *testing.T) {
	var torch struct {
		F32, F16, BF16 []byte
		EveryF16       string `json:"every_f16"`
		EveryBF16      string `json:"every_bf16"`
	}
	fromReference(t, "numbers.json", &torch)
	numbers := decoded(t, weights.F32, torch.F32)
	if len(numbers) < 3000 {
		t.Fatalf("there are %d numbers, want 3000 and more", len(numbers))
	}
	for d, want := range map[weights.DType][]byte{weights.F32: torch.F32, weights.F16: torch.F16, weights.BF16: torch.BF16} {
		overflows := 0
		width := d.Bits() / 8
		for i, rounded := range decoded(t, d, want) {
			x := numbers[i]
			got, err := encoded(d, x)
			due := want[i*width : (i+1)*width]
			if math.IsInf(float64(rounded), 0) && !math.IsInf(float64(x), 0) {
				overflows++
				check.Error(t, err, `tensor "x": number 0 is `, "too large for "+string(d))
			} else if err != nil || !bytes.Equal(got, due) {
				t.Errorf("%g as %s is %x, error %v; torch has %x", x, d, got, err, due)
			}
		}
		if (overflows == 0) != (d == weights.F32) {
			t.Errorf("%s: %d numbers overflow", d, overflows)
		}
	}
	var all []byte
	for bits := range 1 << 16 {
		all = binary.LittleEndian.AppendUint16(all, uint16(bits))
	}
	for d, want := range map[weights.DType]string{weights.F16: torch.EveryF16, weights.BF16: torch.EveryBF16} {
		var sums []byte
		numbers := decoded(t, d, all)
		for _, x := range numbers {
			bits := math.Float32bits(x)
			if x != x {
				bits = 0x7fc00000
			}
			sums = binary.LittleEndian.AppendUint32(sums, bits)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(sums)); got != want {
			t.Errorf("all %s numbers as float32 have the sum %s, in torch %s", d, got, want)
		}
		if again, err := encoded(d, numbers...); err != nil || !bytes.Equal(again, all) {
			t.Errorf("not all %s numbers come back from float32, NaN among them; error %v", d, err)
		}
	}
}

// encoded returns the bytes of numbers in a file.
func encoded(d weights.DType, numbers ...float32) ([]byte, error) {
	var out bytes.Buffer
	err := weights.Write(&out, []weights.Tensor{of("x", d, len(numbers), numbers)}, nil)
	return out.Bytes()[max(0, out.Len()-len(numbers)*d.Bits()/8):], err
}

// decoded returns the numbers of bytes in a file.
func decoded(t *testing.T, d weights.DType, bytes []byte) []float32 {
	t.Helper()
	header := fmt.Sprintf(`{"x":{"dtype":%q,"shape":[%d],"data_offsets":[0,%d]}}`, d, len(bytes)*8/d.Bits(), len(bytes))
	f, err := weights.Parse(file(header, string(bytes)))
	check.Must(t, err)
	numbers, err := f.Floats("x")
	check.Must(t, err)
	return numbers
}

// file puts a header before the data.
func file(header, data string) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), data...)
}
