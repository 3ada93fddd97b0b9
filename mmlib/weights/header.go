package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

const (
	lengthBytes = 8           // the length of the header stands in front of it
	maxHeader   = 100_000_000 // bytes, as in the reference
	metadataKey = "__metadata__"
)

// entry is what the header says of one tensor.
type entry struct {
	Info
	begin, end uint64 // of its bytes, counted from the end of the header
}

// parse takes a whole file apart: the header's entries in the order of their data, the metadata, and where the data begins.
//
// It follows the reference, safetensors 0.8.0, where that is laxer than its README. So white space may stand before the header, an
// entry may have unknown fields, which are ignored, and it may be written as an array, ["F32",[2],[0,8]]; metadata may be null;
// a dtype may be an object, {"F32":null}. It is stricter in two places. Two tensors, or two keys of the metadata, of the same name
// are refused: the reference lets the last of them win. And a dimension must fit Go's int.
func parse(content []byte) (entries []entry, metadata map[string]string, first uint64, err error) {
	if len(content) < lengthBytes {
		return nil, nil, 0, fmt.Errorf("it has %d bytes, less than the %d that give the length of the header", len(content), lengthBytes)
	}
	length, rest := binary.LittleEndian.Uint64(content), content[lengthBytes:]
	if length > maxHeader {
		return nil, nil, 0, fmt.Errorf("the header should have %d bytes, more than the %d allowed: this is not safetensors", length, maxHeader)
	}
	if length > uint64(len(rest)) {
		return nil, nil, 0, fmt.Errorf("the header should have %d bytes, but only %d follow: the file is cut off or not safetensors",
			length, len(rest))
	}
	header, data := rest[:length], rest[length:]
	if !utf8.Valid(header) {
		return nil, nil, 0, errors.New("the header is not UTF-8: the file is damaged or not safetensors")
	}
	if entries, metadata, err = parseHeader(header); err != nil {
		return nil, nil, 0, fmt.Errorf("the header: %w", err)
	}
	return entries, metadata, lengthBytes + length, checkLayout(entries, uint64(len(data)))
}

func parseHeader(header []byte) (entries []entry, metadata map[string]string, err error) {
	s := &scanner{text: header}
	seen := map[string]bool{}
	err = s.object(func(name string) error {
		if seen[name] {
			return s.errorf("the name %q stands twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			metadata, err = parseMetadata(s)
			return err
		}
		e, err := parseEntry(s)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		e.Name = name
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return entries, metadata, s.end()
}

// parseMetadata reads an object of strings, or null.
func parseMetadata(s *scanner) (map[string]string, error) {
	if s.next() == 'n' {
		return nil, s.word("null")
	}
	metadata := map[string]string{}
	err := s.object(func(key string) error {
		if _, ok := metadata[key]; ok {
			return s.errorf("the key %q stands twice", key)
		}
		value, err := s.quoted()
		metadata[key] = value
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s is not an object of strings: %w", metadataKey, err)
	}
	return metadata, nil
}

// fields are those of an entry, in the order in which an array has them.
var fields = []string{"dtype", "shape", "data_offsets"}

func parseEntry(s *scanner) (e entry, err error) {
	parsers := []func() error{
		func() (err error) { e.DType, err = parseDType(s); return },
		func() (err error) { e.Shape, err = parseShape(s); return },
		func() (err error) { e.begin, e.end, err = parseOffsets(s); return },
	}
	var found [3]bool
	if s.next() == '[' {
		i := -1
		err = s.array(func() error {
			if i++; i >= len(parsers) {
				return s.errorf("the array has more than %d elements, %q", len(fields), fields)
			}
			found[i] = true
			return parsers[i]()
		})
	} else {
		err = s.object(func(key string) error {
			i := slices.Index(fields, key)
			if i < 0 {
				return s.skip()
			}
			if found[i] {
				return s.errorf("%s stands twice", key)
			}
			found[i] = true
			return parsers[i]()
		})
	}
	if err != nil {
		return e, err
	}
	for i, ok := range found {
		if !ok {
			return e, s.errorf("%s is missing", fields[i])
		}
	}
	_, size, err := e.size()
	if err != nil {
		return e, err
	}
	if e.end < e.begin || e.end-e.begin != size {
		return e, fmt.Errorf("data_offsets are [%d %d]: shape %v of %s takes %d bytes", e.begin, e.end, e.Shape, e.DType, size)
	}
	return e, nil
}

// parseDType reads "F32" or {"F32":null}.
func parseDType(s *scanner) (d DType, err error) {
	if s.next() == '{' {
		keys := 0
		err = s.object(func(key string) error {
			if keys++; keys > 1 {
				return s.errorf("the object has several keys")
			}
			d = DType(key)
			return s.word("null")
		})
	} else {
		var name string
		name, err = s.quoted()
		d = DType(name)
	}
	if err == nil && d.Bits() == 0 {
		err = s.errorf("%q is none of the format's %q", d, dtypes)
	}
	if err != nil {
		return "", fmt.Errorf("dtype: %w", err)
	}
	return d, nil
}

func parseShape(s *scanner) ([]int, error) {
	shape := []int{}
	err := s.array(func() error {
		n, err := s.whole()
		if err == nil && n > math.MaxInt {
			err = s.errorf("%d is too large", n)
		}
		shape = append(shape, int(n))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("shape: %w", err)
	}
	return shape, nil
}

func parseOffsets(s *scanner) (begin, end uint64, err error) {
	var offsets []uint64
	err = s.array(func() error {
		n, err := s.whole()
		offsets = append(offsets, n)
		return err
	})
	if err == nil && len(offsets) != 2 {
		err = s.errorf("there are %d numbers, not a begin and an end", len(offsets))
	}
	if err != nil {
		return 0, 0, fmt.Errorf("data_offsets: %w", err)
	}
	return offsets[0], offsets[1], nil
}

// checkLayout sorts the tensors by their place and sees to it that they lie end to end and fill the data.
func checkLayout(entries []entry, size uint64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		return slices.Compare([]uint64{a.begin, a.end}, []uint64{b.begin, b.end})
	})
	var end uint64
	for _, e := range entries {
		if e.begin != end {
			return fmt.Errorf("tensor %q begins at byte %d of the data, where %d is due: there is a hole or an overlap", e.Name, e.begin, end)
		}
		end = e.end
	}
	if end != size {
		return fmt.Errorf("the tensors take %d bytes and the data has %d: the file is cut off or holds more than its header says", end, size)
	}
	return nil
}
