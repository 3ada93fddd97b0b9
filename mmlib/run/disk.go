package run

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
)

// temporary begins the names of files and folders that are not finished; [Resume] sweeps what a killed process left.
const temporary = ".tmp-"

// disk is how this package changes files: every change passes through here, so that tests can make any one of them
// fail, or be the last thing that the process did. Before, if set, is asked before each operation.
type disk struct {
	before func(operation, path string) error
}

func (d disk) allow(operation, path string) error {
	if d.before == nil {
		return nil
	}
	return d.before(operation, path)
}

func (d disk) mkdir(path string) error {
	if err := d.allow("mkdir", path); err != nil {
		return err
	}
	return os.MkdirAll(path, 0o777)
}

func (d disk) rename(from, to string) error {
	if err := d.allow("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// remove deletes a file, or a folder with all that is in it.
func (d disk) remove(path string) error {
	if err := d.allow("remove", path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// syncDir makes the names in a folder durable: a rename is on the disk only when its folder is. Windows has no such call.
func (d disk) syncDir(path string) error {
	if err := d.allow("sync", path); err != nil || runtime.GOOS == "windows" {
		return err
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// file is a file being written, with the sum of what went into it.
type file struct {
	*os.File
	disk disk
	sum  hash.Hash
	size int64
}

func (d disk) create(path string) (*file, error) {
	if err := d.allow("create", path); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &file{File: f, disk: d, sum: sha256.New()}, nil
}

// Write writes half of p when tests stop it: a full disk and a kill do the same.
func (f *file) Write(p []byte) (int, error) {
	if err := f.disk.allow("write", f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	n, err := f.File.Write(p)
	f.sum.Write(p[:n])
	f.size += int64(n)
	return n, err
}

// finish makes the contents durable and closes the file.
func (f *file) finish() error {
	defer f.Close()
	if err := f.disk.allow("sync", f.Name()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// written describes what was written.
func (f *file) written() File {
	return File{Size: f.size, SHA256: hex.EncodeToString(f.sum.Sum(nil))}
}

func (d disk) write(path string, data []byte) (File, error) {
	f, err := d.create(path)
	if err != nil {
		return File{}, err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return File{}, err
	}
	return f.written(), f.finish()
}

// replace puts data in the place of the file at path: at any moment a reader finds the old contents or the new, whole.
func (d disk) replace(path string, data []byte) error {
	dir, base := filepath.Split(filepath.Clean(path))
	if dir == "" {
		dir = "."
	}
	unfinished := filepath.Join(dir, fmt.Sprintf("%s%s-%016x", temporary, base, rand.Uint64()))
	if _, err := d.write(unfinished, data); err != nil {
		_ = d.remove(unfinished)
		return err
	}
	if err := d.rename(unfinished, path); err != nil {
		_ = d.remove(unfinished)
		return err
	}
	return d.syncDir(dir)
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, err
}

func names(entries []fs.DirEntry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.Name()
	}
	return list
}
