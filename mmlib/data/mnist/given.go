package mnist

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// owned reads from a folder of the user's. Its files may be named and arranged as the original, Kaggle, torchvision or TensorFlow
// have them, compressed or not, or be Keras' one file mnist.npz.
func (d dataset) owned(dir string) reader {
	return func(f file) ([]byte, string, error) {
		for _, place := range append([]string{"."}, d.folders...) {
			for _, path := range f.paths(filepath.Join(dir, filepath.FromSlash(place))) {
				raw, err := readFile(path, f)
				if !errors.Is(err, fs.ErrNotExist) {
					return raw, path, err
				}
			}
		}
		path := filepath.Join(dir, d.npz)
		if info, err := os.Stat(path); d.npz != "" && err == nil && info.Mode().IsRegular() {
			raw, err := readNPZ(path, f, slices.Index(d.files[:], f))
			if err != nil {
				err = fmt.Errorf("%s cannot be read: %w", path, err)
			}
			return raw, path, err
		}
		return nil, "", fmt.Errorf("%s has no %s.gz: %w", dir, f.name, fs.ErrNotExist)
	}
}

// paths lists where a file may be in a folder: as train-images-idx3-ubyte or, on Kaggle, train-images.idx3-ubyte, compressed or not, or
// in a folder of such a name, as some unpackers make it.
func (f file) paths(dir string) []string {
	dotted := strings.Replace(f.name, "-idx", ".idx", 1)
	names := []string{f.name + ".gz", f.name, dotted + ".gz", dotted}
	var paths []string
	for _, outer := range append([]string{"."}, names...) {
		if info, err := os.Stat(filepath.Join(dir, outer)); err != nil || !info.IsDir() {
			continue
		}
		for _, inner := range names {
			paths = append(paths, filepath.Join(dir, outer, inner))
		}
	}
	return paths
}

// readNPZ reads one of the four arrays of mnist.npz and puts the header of an IDX file before it. That the array has the right type
// and shape is seen by the sum of the result.
func readNPZ(path string, f file, i int) ([]byte, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	array, err := archive.Open([numFiles]string{"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"}[i])
	if err != nil {
		return nil, err
	}
	defer array.Close()
	var header struct { // of an .npy file, then a description of the array
		Magic   [6]byte
		Version [2]byte
		Length  uint16
	}
	if err := binary.Read(array, binary.LittleEndian, &header); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, array, int64(header.Length)); err != nil {
		return nil, err
	}
	data, err := readAll(array, f)
	if err != nil {
		return nil, err
	}
	idx := []uint32{magicLabels, uint32(f.size - 8)}
	if i == trainImages || i == testImages {
		idx = []uint32{magicImages, uint32((f.size - 16) / Pixels), Side, Side}
	}
	var content bytes.Buffer
	err = binary.Write(&content, binary.BigEndian, idx)
	content.Write(data)
	return content.Bytes(), err
}
