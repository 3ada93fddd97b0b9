package weights

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Tensor is one to be written. Data is called once, when its turn comes, so that only one tensor need be in memory. It returns
// []float32 for F32, F16 and BF16, []int64 for I32 and I64, or []byte, little-endian, for any type.
type Tensor struct {
	Info
	Data func() (any, error)
}

// Save writes a file and replaces the one at path, if there is one. The file is written under a temporary name beside it, synced and
// renamed: at any moment a reader finds the old file or the new one, whole, and after an error nothing new is left.
func Save(path string, tensors []Tensor, metadata map[string]string) error {
	if err := save(path, tensors, metadata); err != nil {
		return fmt.Errorf("weights: %s: %w", path, err)
	}
	return nil
}

func save(path string, tensors []Tensor, metadata map[string]string) (err error) {
	dir, base := filepath.Split(filepath.Clean(path))
	if dir == "" {
		dir = "."
	}
	unfinished := filepath.Join(dir, fmt.Sprintf(".tmp-%s-%016x", base, rand.Uint64()))
	file, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	renamed := false
	defer func() { // also when Data panics
		if !renamed {
			file.Close()
			err = errors.Join(err, os.Remove(unfinished))
		}
	}()
	if err := write(file, tensors, metadata); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	renamed = true
	return syncDir(dir)
}

// syncDir makes the names in a folder durable. Windows has no such call.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Write writes a file to w: the bytes that the reference writes for these tensors, in whatever order they are given. (Several keys
// of metadata it writes in a random order, and this package sorted.) Nil metadata is left out.
//
// A number that its type can only hold as infinity, or an integer beyond I32, is an error.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	if err := write(w, tensors, metadata); err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	return nil
}

func write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	tensors = slices.Clone(tensors)
	slices.SortFunc(tensors, func(a, b Tensor) int { return inFile(a.Info, b.Info) })
	header, err := makeHeader(tensors, metadata)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	if err := binary.Write(out, binary.LittleEndian, uint64(len(header))); err != nil {
		return err
	}
	if _, err := out.Write(header); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := writeData(out, t); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	return out.Flush()
}

// makeHeader describes the tensors in their order, and is padded so that the data begins at a multiple of 8.
func makeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	out := []byte{'{'}
	if metadata != nil {
		out = append(appendQuoted(out, metadataKey), ":{"...)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, fmt.Errorf("metadata %q: %q is not UTF-8", key, metadata[key])
			}
			if i > 0 {
				out = append(out, ',')
			}
			out = appendQuoted(append(appendQuoted(out, key), ':'), metadata[key])
		}
		out = append(out, '}')
	}
	seen := map[string]bool{}
	var begin uint64
	for _, t := range tensors {
		_, size, err := t.size()
		switch {
		case err != nil:
		case begin+size > math.MaxInt:
			err = errors.New("the file is too large")
		case t.Name == metadataKey || !utf8.ValidString(t.Name):
			err = fmt.Errorf("a tensor cannot have this name: it is %s, or not UTF-8", metadataKey)
		case seen[t.Name]:
			err = errors.New("two tensors have this name")
		case t.Data == nil:
			err = errors.New("it has no Data")
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		seen[t.Name] = true
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendEntry(out, t.Info, begin, begin+size)
		begin += size
	}
	out = append(out, '}')
	for len(out)%8 != 0 {
		out = append(out, ' ')
	}
	if len(out) > maxHeader {
		return nil, fmt.Errorf("the header has %d bytes, more than the %d allowed: write several files", len(out), maxHeader)
	}
	return out, nil
}

func appendEntry(out []byte, i Info, begin, end uint64) []byte {
	out = appendQuoted(out, i.Name)
	out = fmt.Appendf(out, `:{"dtype":"%s","shape":[`, i.DType)
	for j, dim := range i.Shape {
		if j > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(dim), 10)
	}
	return fmt.Appendf(out, `],"data_offsets":[%d,%d]}`, begin, end)
}

// writeData writes a tensor's numbers in pieces: there is no second copy of it in memory.
func writeData(w io.Writer, t Tensor) error {
	elements, size, err := t.size()
	if err != nil {
		return err
	}
	data, err := t.Data()
	if err != nil {
		return err
	}
	fits := func(n int, due uint64, what string) error {
		if uint64(n) != due {
			return fmt.Errorf("its Data gave %d %s: shape %v of %s takes %d", n, what, t.Shape, t.DType, due)
		}
		return nil
	}
	switch data := data.(type) {
	case []byte:
		if err := fits(len(data), size, "bytes"); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	case []float32:
		if t.DType == F32 || t.DType == F16 || t.DType == BF16 {
			if err := fits(len(data), elements, "numbers"); err != nil {
				return err
			}
			return writeNumbers(w, t.DType, data, narrow)
		}
	case []int64:
		if t.DType == I32 || t.DType == I64 {
			if err := fits(len(data), elements, "numbers"); err != nil {
				return err
			}
			return writeNumbers(w, t.DType, data, narrowInts)
		}
	}
	return fmt.Errorf("its Data gave %T for dtype %s: F32, F16 and BF16 take []float32, I32 and I64 take []int64, and all take []byte",
		data, t.DType)
}

func writeNumbers[T any](w io.Writer, d DType, numbers []T, encode func([]byte, DType, []T, int) ([]byte, error)) error {
	const piece = 1 << 13
	buffer := make([]byte, 0, 8*min(piece, len(numbers)))
	for first := 0; first < len(numbers); first += piece {
		encoded, err := encode(buffer, d, numbers[first:min(first+piece, len(numbers))], first)
		if err != nil {
			return err
		}
		if _, err := w.Write(encoded); err != nil {
			return err
		}
	}
	return nil
}
