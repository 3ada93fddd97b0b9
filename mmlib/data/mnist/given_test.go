package mnist

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/internal/check"
)

// likeMNIST is the tiny data set under the names of MNIST's files, and their contents, not compressed.
func likeMNIST(t *testing.T) (d dataset, contents [numFiles][]byte) {
	t.Helper()
	d, stored := tiny()
	for i, f := range d.files {
		content, err := f.unpack(stored[f.name+".gz"])
		if err != nil {
			t.Fatal(err)
		}
		contents[i] = content
		d.files[i].name = datasets[0].files[i].name
	}
	d.folders, d.npz = datasets[0].folders, datasets[0].npz
	return d, contents
}

// Whoever has the files has them under one of these names.
func TestUsualNames(t *testing.T) {
	for _, form := range []struct{ source, path string }{ // %[1]s is train-images or t10k-labels, %[2]s idx3-ubyte or idx1-ubyte
		{"the original", "%[1]s-%[2]s.gz"},
		{"the original, unpacked", "%[1]s-%[2]s"},
		{"Kaggle", "%[1]s.%[2]s"},
		{"Kaggle's folders", "%[1]s-%[2]s/%[1]s-%[2]s"},
		{"an unpacker's folders", "%[1]s-%[2]s.gz/%[1]s.%[2]s"},
		{"torchvision's root", "MNIST/raw/%[1]s-%[2]s"},
		{"torchvision's root, compressed", "MNIST/raw/%[1]s-%[2]s.gz"},
		{"torchvision's folder", "raw/%[1]s-%[2]s"},
		{"TensorFlow", "MNIST_data/%[1]s-%[2]s.gz"},
		{"a folder of data sets", "mnist/%[1]s-%[2]s.gz"},
	} {
		t.Run(form.source, func(t *testing.T) {
			d, contents := likeMNIST(t)
			dir := t.TempDir()
			for i, f := range d.files {
				before, after, _ := strings.Cut(f.name, "-idx")
				path := filepath.Join(dir, filepath.FromSlash(fmt.Sprintf(form.path, before, "idx"+after)))
				content := contents[i]
				if strings.HasSuffix(path, ".gz") {
					content = compress(content)
				}
				place(t, path, content)
			}
			if report := mustLoad(t, d, Options{Dir: dir, Cache: t.TempDir(), Offline: true}); report != "" {
				t.Errorf("reported %q", report)
			}
		})
	}
}

func place(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Kaggle's archive has empty folders beside the files for some; and what lies in the way is no file.
func TestFoldersInTheWay(t *testing.T) {
	d, contents := likeMNIST(t)
	dir := t.TempDir()
	for i, f := range d.files {
		place(t, filepath.Join(dir, f.name, "read me"), nil)
		place(t, filepath.Join(dir, strings.Replace(f.name, "-idx", ".idx", 1)), contents[i])
	}
	mustLoad(t, d, Options{Dir: dir, Cache: t.TempDir(), Offline: true})
}

// The two data sets' files have the same names: torchvision's root may hold both.
func TestTorchvisionRoot(t *testing.T) {
	d, contents := likeMNIST(t)
	fashion := d
	fashion.name, fashion.folders, fashion.npz = "fashion", datasets[1].folders, ""
	dir := t.TempDir()
	for i, f := range d.files {
		place(t, filepath.Join(dir, "MNIST", "raw", f.name), contents[i])
		other := append(bytes.Clone(contents[i][:len(contents[i])-1]), 9)
		place(t, filepath.Join(dir, "FashionMNIST", "raw", f.name), other)
		sum := sha256.Sum256(other)
		fashion.files[i].sum = hex.EncodeToString(sum[:])
	}
	mustLoad(t, d, Options{Dir: dir, Cache: t.TempDir(), Offline: true})
	if _, test, err := fashion.load(Options{Dir: dir, Cache: t.TempDir(), Offline: true}); err != nil || test.Class(0) != 9 {
		t.Errorf("%v", err)
	}
}

// Keras has all four in one file; a damaged one is an error that names it.
func TestKeras(t *testing.T) {
	d, contents := likeMNIST(t)
	write := func(change func([]byte)) (dir string) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i, name := range []string{"x_train", "y_train", "x_test", "y_test"} {
			data := contents[i][8:]
			if strings.HasPrefix(name, "x") {
				data = contents[i][16:]
			}
			data = bytes.Clone(data)
			change(data)
			description := "{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n"
			w, err := z.Create(name + ".npy")
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(w, "\x93NUMPY\x01\x00%c\x00%s%s", len(description), description, data)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		dir = t.TempDir()
		place(t, filepath.Join(dir, "mnist.npz"), b.Bytes())
		return dir
	}
	mustLoad(t, d, Options{Dir: write(func([]byte) {}), Cache: t.TempDir(), Offline: true})
	damaged := write(func(data []byte) { data[0]++ })
	_, _, err := d.load(Options{Dir: damaged, Cache: t.TempDir(), Offline: true})
	check.Error(t, err, filepath.Join(damaged, "mnist.npz"), "is not the original")
	place(t, filepath.Join(damaged, "mnist.npz"), []byte("no zip"))
	_, _, err = d.load(Options{Dir: damaged, Cache: t.TempDir(), Offline: true})
	check.Error(t, err, filepath.Join(damaged, "mnist.npz"), "cannot be read")
}

// Without a folder for the cache the data set is still had; the message names what a user can set.
func TestNoHome(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, "")
	}
	_, err := data.CacheDir(MNIST)
	check.Error(t, err, "set HOME or XDG_CACHE_HOME")
	d, stored := tiny()
	d.system = write(t, stored)
	if report := mustLoad(t, d, Options{}); !strings.Contains(report, "going on without a cache") {
		t.Errorf("reported %q", report)
	}
}
