// Package data says what a source of examples is: named splits, found or made on this machine.
//
// What a model needs of an example, pixels, a class, a caption, it declares itself as a small interface, which the sets of a
// source fit without importing the model. The table of sources is in mmlib/models.
package data

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
)

// The splits of a source. Models learn from Train; checkpoints and settings are chosen on Validation, which is held out of
// the training set; Test gives the number at the very end.
const (
	Train      = "train"
	Validation = "validation"
	Test       = "test"
)

// Set is one split: examples, numbered from 0.
type Set interface {
	Len() int
}

// Source is a data set with its settings: a pointer to a struct, whose fields in JSON are the settings "data.…" of a run.
type Source interface {
	fmt.Stringer // the name of the source in the table, "mnist"

	// Validate names the setting and the value at fault.
	Validate() error

	// Load returns the splits. Train is never empty; Validation and Test may be missing.
	Load(context.Context, Options) (map[string]Set, error)
}

// FileSource is a source that can read a file of the user's own in place of its data: --data FILE.
type FileSource interface {
	Source

	// UseFile makes the source read the file of that path, and reports whether it is one of its kind, by the name alone. If not, the
	// source stays as it is.
	UseFile(path string) bool
}

// Options say where a source looks for its files, and how a model wants to read its pictures.
type Options struct {
	Dir      string    // a folder of the user's, searched first; empty for none
	Cache    string    // the folder that keeps what was found elsewhere; empty for the default
	Offline  bool      // do not use the network
	Progress io.Writer // receives a line for everything worth knowing; nil for none

	// Picture is what the model reads. The source resizes its pictures to it, or refuses it by name. A Size of 0 leaves
	// them as they are; without Mean and Std they are normalised by the source's own.
	Picture picture.Preprocess

	// Classes are what a run has called the classes, with its templates: captions are written from them. Nil for the
	// source's own names.
	Classes captions.Classes
}

// CacheDir is the default cache of a source: gomm/NAME in the user's cache folder (os.UserCacheDir).
func CacheDir(name string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("data: no folder for the cache of %s: %w; set HOME or XDG_CACHE_HOME (on Windows LocalAppData) to a folder", name,
			err)
	}
	return filepath.Join(base, "gomm", name), nil
}
