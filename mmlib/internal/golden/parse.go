package golden

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// entry is what the header says of one tensor.
type entry struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets []int  `json:"data_offsets"` // begin and end, counted from the end of the header
}

// width is the number of bytes of one number, by type.
var width = map[string]int{"F32": 4, "I32": 4, "I64": 8}

// Parse reads a whole file in memory.
func Parse(content []byte) (*File, error) {
	if len(content) < 8 {
		return nil, fmt.Errorf("the file has %d bytes, less than the 8 that say how long the header is", len(content))
	}
	length, rest := binary.LittleEndian.Uint64(content), content[8:]
	if length > uint64(len(rest)) {
		return nil, fmt.Errorf("the header should have %d bytes, but only %d follow: the file is cut off or not safetensors", length, len(rest))
	}
	header, data := rest[:length], rest[length:]
	entries, metadata, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	if err := checkLayout(entries, len(data)); err != nil {
		return nil, err
	}
	f := &File{Metadata: metadata, Tensors: make(map[string]Tensor, len(entries))}
	for name, e := range entries {
		f.Tensors[name] = decode(e, data[e.Offsets[0]:e.Offsets[1]])
	}
	return f, nil
}

func parseHeader(header []byte) (entries map[string]entry, metadata map[string]string, err error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(header, &raw); err != nil {
		return nil, nil, fmt.Errorf("the header is not a JSON object: %w", err)
	}
	entries = make(map[string]entry, len(raw))
	for name, message := range raw {
		if name == "__metadata__" {
			if err := json.Unmarshal(message, &metadata); err != nil {
				return nil, nil, fmt.Errorf("__metadata__ is not an object of strings: %w", err)
			}
			continue
		}
		if entries[name], err = parseEntry(message); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	return entries, metadata, nil
}

func parseEntry(message json.RawMessage) (entry, error) {
	var e entry
	decoder := json.NewDecoder(bytes.NewReader(message))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return e, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return e, errors.New("more than one JSON value")
	}
	size, ok := width[e.DType]
	if !ok {
		return e, fmt.Errorf("dtype is %q: golden files hold F32, I32 and I64", e.DType)
	}
	if e.Shape == nil {
		return e, errors.New("shape is missing")
	}
	for _, dim := range e.Shape {
		if dim < 0 || dim > 0 && size > math.MaxInt/dim {
			return e, fmt.Errorf("shape %v is negative or too large", e.Shape)
		}
		size *= dim
	}
	if len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1]-e.Offsets[0] != size {
		return e, fmt.Errorf("data_offsets are %v: shape %v of %s takes %d bytes", e.Offsets, e.Shape, e.DType, size)
	}
	return e, nil
}

// checkLayout sees to it that the tensors lie end to end and fill the data.
func checkLayout(entries map[string]entry, size int) error {
	spans := make([][]int, 0, len(entries))
	for _, e := range entries {
		spans = append(spans, e.Offsets)
	}
	slices.SortFunc(spans, slices.Compare)
	end := 0
	for _, span := range spans {
		if span[0] != end {
			return fmt.Errorf("a tensor begins at byte %d of the data, where %d is due: there is a hole or an overlap", span[0], end)
		}
		end = span[1]
	}
	if end != size {
		return fmt.Errorf("the tensors take %d bytes and the data has %d: the file is cut off or holds more than its header says", end, size)
	}
	return nil
}

func decode(e entry, data []byte) Tensor {
	t := Tensor{Shape: e.Shape}
	n := len(data) / width[e.DType]
	switch e.DType {
	case "F32":
		t.Floats = make([]float32, n)
		for i := range t.Floats {
			t.Floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case "I32":
		t.Ints = make([]int, n)
		for i := range t.Ints {
			t.Ints[i] = int(int32(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case "I64":
		t.Ints = make([]int, n)
		for i := range t.Ints {
			t.Ints[i] = int(binary.LittleEndian.Uint64(data[8*i:]))
		}
	}
	return t
}
