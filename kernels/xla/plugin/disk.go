package plugin

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// disk is what an installation does to the file system; tests give one with faults.
type disk interface {
	Open(name string, flag int) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	Free(dir string) (bytes int64, known bool)
}

type file interface {
	io.ReadWriteSeeker
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// osDisk is the real one.
type osDisk struct{}

// Open also makes the folder.
func (osDisk) Open(name string, flag int) (file, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(name, flag, 0o755) // a shared library is executable
}

// Rename gives a file its final name, and makes that last; Windows has no call for it.
func (osDisk) Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil || runtime.GOOS == "windows" {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func (osDisk) Remove(name string) error { return os.Remove(name) }

func (osDisk) Free(dir string) (int64, bool) { return freeBytes(dir) }

// noSpace reports whether an error means that the disk, or the user's share of it, is full.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// diskError explains a failure to write.
func (in *installation) diskError(err error) error {
	if noSpace(err) {
		return in.fullError(err.Error())
	}
	return fmt.Errorf("%w; check that you may write to %s, or set XDG_CACHE_HOME to a folder where you may", err, in.dir)
}

func (in *installation) fullError(detail string) error {
	return fmt.Errorf("the disk of %s is full: %s. The installation needs %s there; make room, or set XDG_CACHE_HOME to a folder on "+
		"another disk",
		in.dir, detail, megabytes(in.wheel.size+in.wheel.librarySize))
}

// room returns an error when the disk cannot hold what is still to be written.
func (in *installation) room(bytes int64) error {
	free, known := in.disk.Free(in.dir)
	if !known || free >= bytes {
		return nil
	}
	return in.fullError(fmt.Sprintf("%s free, %s needed", megabytes(free), megabytes(bytes)))
}

func megabytes(bytes int64) string {
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
