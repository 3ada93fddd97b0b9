package run

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// index is the JSON file of GoMLX's checkpoint format (package ml/model/checkpoint): where each variable lies in the binary
// file. That file is the variables' bytes, one after another. GoMLX writes them in the order in which they were created;
// here it is the order of their paths, so that equal states are equal files. Params stay empty: they are in config.json.
type index struct {
	Params    []struct{}
	Variables []entry
	BinFormat string
}

type entry struct {
	ParameterName string // "var:" and the path
	Dimensions    []int
	DType         dtypes.DType
	Pos, Length   int
}

const (
	namePrefix = "var:"
	rngState   = "/" + model.RNGStateVariableName
)

// variable is one variable of a store, with its value.
type variable struct {
	path      string
	value     *tensors.Tensor
	trainable bool
}

// transient reports whether a variable is not state: GoMLX's running means of metrics, whose paths differ from run to run.
func transient(path string) bool {
	top := topLevel(path)
	return top == "metrics" || top == "trainer"
}

// IsWeight reports whether a variable is part of the model, and not of its training: no optimizer's moments, no learning
// rate, no step count, no random state.
func IsWeight(path string) bool {
	switch top := topLevel(path); top {
	case "optimizers", "acc_grads", "global_step", model.RNGStateVariableName:
		return false
	default:
		return !transient(path) && !strings.HasSuffix(top, "Optimizer")
	}
}

func topLevel(path string) string {
	top, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return top
}

// variables returns the store's state in path order. Values spread over several devices are merged.
func variables(s *model.Store) ([]variable, error) {
	if s == nil {
		return nil, errors.New("run: the store is nil")
	}
	var list []variable
	for v := range s.IterVariables() {
		if transient(v.Path()) {
			continue
		}
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("run: the store is not initialised: %w", err)
		}
		list = append(list, variable{path: v.Path(), value: value, trainable: v.Trainable})
	}
	slices.SortFunc(list, func(a, b variable) int { return cmp.Compare(a.path, b.path) })
	return list, nil
}

// Digest is the SHA-256 of the trainable weights in path order: of each its path, type, dimensions and bytes. Two training runs
// that took the same steps have the same digest. Every variable must have its value.
func Digest(s *model.Store) (string, error) {
	list, err := variables(s)
	if err != nil {
		return "", err
	}
	return digest(list)
}

func digest(list []variable) (string, error) {
	sum := sha256.New()
	for _, v := range list {
		if !v.trainable || !IsWeight(v.path) {
			continue
		}
		shape := v.value.Shape()
		fmt.Fprintf(sum, "%s %s %v\n", v.path, shape.DType, shape.Dimensions)
		if _, err := writeBytes(sum, v); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// writeBytes writes the bytes of a variable and returns their number.
func writeBytes(w io.Writer, v variable) (n int, err error) {
	if v.value.Shape().Size() == 0 {
		return 0, nil
	}
	access := v.value.ConstBytes(func(data []byte) { n, err = w.Write(data) })
	if access != nil {
		return 0, fmt.Errorf("run: reading the value of %s: %w", v.path, access)
	}
	return n, err
}

// writeState writes variables in GoMLX's format into dir and returns what it wrote.
func writeState(d disk, dir, base string, list []variable) (map[string]File, error) {
	bin, err := d.create(filepath.Join(dir, base+".bin"))
	if err != nil {
		return nil, err
	}
	defer bin.Close()
	x := index{BinFormat: "uncompressed"}
	position := 0
	for _, v := range list {
		n, err := writeBytes(bin, v)
		if err != nil {
			return nil, err
		}
		shape := v.value.Shape()
		x.Variables = append(x.Variables, entry{namePrefix + v.path, shape.Dimensions, shape.DType, position, n})
		position += n
	}
	if err := bin.finish(); err != nil {
		return nil, err
	}
	data, err := encode(x)
	if err != nil {
		return nil, err
	}
	written, err := d.write(filepath.Join(dir, base+".json"), data)
	if err != nil {
		return nil, err
	}
	return map[string]File{base + ".bin": bin.written(), base + ".json": written}, nil
}

// readState reads the variables whose paths keep accepts, and checks both files against c, the manifest. Nothing is returned
// unless all of both files is as it was written.
func readState(dir string, c Checkpoint, keep func(path string) bool) ([]variable, error) {
	name := filepath.Join(dir, baseName(c.Step))
	data, err := os.ReadFile(name + ".json")
	if err != nil {
		return nil, err
	}
	if err := c.check(name+".json", int64(len(data)), sha256.Sum256(data)); err != nil {
		return nil, err
	}
	var x index
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", name+".json", err)
	}
	f, err := os.Open(name + ".bin")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	r := io.TeeReader(bufio.NewReaderSize(f, 1<<20), sum)
	list, size, err := readVariables(r, x.Variables, keep)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", name+".bin", err)
	}
	rest, err := io.Copy(io.Discard, r)
	if err != nil {
		return nil, err
	}
	if err := c.check(name+".bin", size+rest, [sha256.Size]byte(sum.Sum(nil))); err != nil {
		return nil, err
	}
	for i, v := range list {
		// A random state that the optimizer may change makes a resumed run another one: it is never trainable.
		list[i].trainable = v.path != rngState && !slices.Contains(c.NotTrainable, v.path)
	}
	return list, nil
}

func readVariables(r io.Reader, entries []entry, keep func(path string) bool) (list []variable, size int64, err error) {
	for _, e := range entries {
		path := strings.TrimPrefix(e.ParameterName, namePrefix)
		shape := shapes.Make(e.DType, e.Dimensions...)
		size += int64(e.Length)
		if !keep(path) || shape.Size() == 0 {
			if _, err := io.CopyN(io.Discard, r, int64(e.Length)); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", path, err)
			}
			if !keep(path) {
				continue
			}
		}
		v := variable{path: path, value: tensors.FromShape(shape)}
		if shape.Size() > 0 {
			if err := readBytes(r, v); err != nil {
				return nil, 0, err
			}
		}
		list = append(list, v)
	}
	return list, size, nil
}

func readBytes(r io.Reader, v variable) error {
	var err error
	access := v.value.MutableBytes(func(data []byte) { _, err = io.ReadFull(r, data) })
	if err := errors.Join(access, err); err != nil {
		return fmt.Errorf("%s: %w", v.path, err)
	}
	return nil
}

// put gives the variables to the store: all of them, or on an error none. Variables that the store has keep their place,
// the others are created; the model's graph then finds them by their paths. With flags, Trainable is restored as well.
func put(s *model.Store, list []variable, flags bool) error {
	for _, v := range list {
		if old := s.GetVariable(v.path); old != nil && !old.Shape().Equal(v.value.Shape()) {
			return fmt.Errorf("%s is %s in the checkpoint but %s in this model: the model's settings must be those of the run's config.json",
				v.path, v.value.Shape(), old.Shape())
		}
	}
	for _, v := range list {
		to := s.GetVariable(v.path)
		var err error
		if to == nil {
			to, err = s.CreateVariable(v.path, v.value)
		} else {
			err = to.SetValue(v.value)
		}
		if err != nil {
			return fmt.Errorf("setting %s: %w", v.path, err)
		}
		if flags {
			to.SetTrainable(v.trainable)
		}
	}
	return nil
}
