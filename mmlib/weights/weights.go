// Package weights reads and writes safetensors, the files in which trained weights are passed on.
//
// Such a file is eight bytes with the length of a header (little-endian), the header, and the numbers of all tensors. The header is
// JSON: the name of each tensor with the type of its numbers, its shape, and where its bytes begin and end, counted from the end of
// the header. The names of the format's types are the constants here. Numbers are little-endian and row-major:
//
//	{"__metadata__":{"format":"pt"},"bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}
//
// Nothing in a file is code, and nothing in it is believed: the tensors must lie end to end and fill the file, each as large as its
// shape says. This package accepts and refuses what the reference does, the Python package safetensors 0.8.0; [Parse] says where it
// is stricter. A large model comes as several files, the shards, with an index that says which tensor is in which.
//
// [Open] maps a file into memory, where the system can (Linux, macOS, the BSDs), so a tensor is read from the disk when it is asked
// for, and only then copied. Where it cannot, as on Windows, Open reads the whole file.
//
// Floating-point numbers are computed with as float32. F16 (5 bits of exponent, 10 of fraction) and BF16 (8 and 7, the upper half of
// a float32) widen to it exactly; the way back rounds to the nearest, ties to even.
package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
)

// File is an open file, or a file of several shards. Its methods may be called by several goroutines at once.
type File struct {
	path     string // "" for a file in memory
	metadata map[string]string
	tensors  map[string]tensor
	names    []string

	mu     sync.RWMutex // held for reading while the maps are read
	maps   []*mapping   // what Close closes
	closed bool
}

type tensor struct {
	Info
	in         *mapping
	begin, end uint64 // of its bytes in the file
}

// data is to be called while the file cannot be closed.
func (t tensor) data() []byte { return t.in.content[t.begin:t.end] }

// Open opens a *.safetensors file, or a *.safetensors.index.json with its shards in the same folder. The caller closes it. Tensors
// that the index names and the shards lack, or the reverse, are an error that lists all of them.
//
// A file must not be changed while it is open; replace it, as [Save] does. A tensor that lay in a part that was cut off since is an
// error when it is read.
func Open(path string) (*File, error) {
	open := openFile
	if strings.HasSuffix(path, ".index.json") {
		open = openIndex
	}
	f, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return f, nil
}

// Parse reads a whole file in memory. It keeps content and copies a tensor when it is asked for.
//
// It is stricter than the reference in two ways. Two tensors, or two keys of the metadata, of the same name are refused: the reference
// silently takes the last. And a dimension must fit an int, even beside a dimension of 0.
func Parse(content []byte) (*File, error) {
	f, err := newFile("", &mapping{content})
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return f, nil
}

func openFile(path string) (*File, error) {
	m, err := openMapping(path)
	if err != nil {
		return nil, err
	}
	f, err := newFile(path, m)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), m.close())
	}
	f.maps = []*mapping{m}
	return f, nil
}

func newFile(path string, m *mapping) (f *File, err error) {
	f = &File{path: path, tensors: map[string]tensor{}}
	err = guard(func() error {
		entries, metadata, first, err := parse(m.content)
		if err != nil {
			return err
		}
		f.metadata = metadata
		for _, e := range entries {
			f.tensors[e.Name] = tensor{e.Info, m, first + e.begin, first + e.end}
		}
		return nil
	})
	f.names = slices.Sorted(maps.Keys(f.tensors))
	return f, err
}

// guard makes an error of the fault with which a mapped file answers where it was cut off.
func guard(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if _, fault := r.(interface{ Addr() uintptr }); fault {
			err = errors.New("the file was cut off, or the disk failed, while it was open: open it again")
		} else if r != nil {
			panic(r)
		}
	}()
	return read()
}

// Names lists the tensors, sorted.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Info describes the tensor of that name, and reports whether there is one.
func (f *File) Info(name string) (Info, bool) {
	t, ok := f.tensors[name]
	t.Shape = slices.Clone(t.Shape)
	return t.Info, ok
}

// Metadata returns the texts that the header carries besides the tensors; nil where it has none. Of a file of several shards it
// returns what all of them say.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Floats returns the numbers of an F32, F16 or BF16 tensor, row-major; another type is an error.
func (f *File) Floats(name string) (numbers []float32, err error) {
	err = f.read(name, func(t tensor) error {
		numbers, err = floats(t.DType, t.data())
		return err
	})
	return numbers, err
}

// Ints returns the numbers of an integer tensor, row-major; another type, or a number of U64 that int64 does not hold, is an error.
func (f *File) Ints(name string) (numbers []int64, err error) {
	err = f.read(name, func(t tensor) error {
		numbers, err = ints(t.DType, t.data())
		return err
	})
	return numbers, err
}

// Raw returns a copy of a tensor's bytes, whatever its type.
func (f *File) Raw(name string) (bytes []byte, err error) {
	err = f.read(name, func(t tensor) error {
		bytes = append([]byte{}, t.data()...)
		return nil
	})
	return bytes, err
}

// read calls use with the tensor of that name while the file cannot be closed.
func (f *File) read(name string, use func(tensor) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	t, ok := f.tensors[name]
	err := error(nil)
	switch {
	case f.closed:
		err = fs.ErrClosed
	case !ok:
		err = fmt.Errorf("there is none of that name among the file's %d; Names lists them", len(f.tensors))
	default:
		err = guard(func() error { return use(t) })
	}
	if err != nil {
		return f.fail(fmt.Errorf("tensor %q: %w", name, err))
	}
	return nil
}

// fail says in which file an error is.
func (f *File) fail(err error) error {
	if f.path == "" {
		return fmt.Errorf("weights: %w", err)
	}
	return fmt.Errorf("weights: %s: %w", f.path, err)
}

// Close gives the memory back, once what is being read is copied. After it names, shapes and metadata stay, but reading a tensor is
// an error, [fs.ErrClosed], and so is closing again.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail(fs.ErrClosed)
	}
	f.closed = true
	var errs []error
	for _, m := range f.maps {
		errs = append(errs, m.close())
	}
	if err := errors.Join(errs...); err != nil {
		return f.fail(err)
	}
	return nil
}

// openRegular opens a file and returns its size, or says why it is none that can be read.
func openRegular(path string) (*os.File, int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a folder: name a .safetensors file in it, or its .safetensors.index.json", path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file: copy it into one", path)
	case info.Size() != int64(int(info.Size())):
		err = fmt.Errorf("%s has %d bytes, more than a 32-bit system can address", path, info.Size())
	default:
		return file, int(info.Size()), nil
	}
	return nil, 0, errors.Join(err, file.Close())
}
