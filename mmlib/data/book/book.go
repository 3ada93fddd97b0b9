// Package book is a text as a source of examples: one file of plain text, such as a book, from which a language model learns what
// comes next. By default it is Newton's Opticks (fourth edition, 1730), 567,038 characters, which every Go toolchain carries; any
// other file may take its place.
//
// The text is cut in three where it stands, without shuffling, so that nothing of a held-out page is known from training: the first
// 80 % of its characters are for training, the next 10 % for validation, the last 10 % for the test. Cuts are at ends of lines.
//
// A tokenizer is made from the training split alone: what a model learns from is its own business.
package book

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"gomm/mmlib/data"
)

// Name is the source's name in the table of sources.
const Name = "book"

// file is Opticks below the root of a Go toolchain, and opticksSum its SHA-256.
var file = filepath.Join("src", "testdata", "Isaac.Newton-Opticks.txt")

const opticksSum = "d4a9ac22462b35e7821a4f2706c211093da678620a8f9997989ee7cf8d507bbd"

// Shortest is how many characters a text must have: each of the held-out tenths is then a paragraph at least.
const Shortest = 2000

// Source is a text with its settings: the settings "data.…" of a run.
type Source struct {
	Name string `json:"name"` // "book"
	File string `json:"file"` // the text's file; empty: Newton's Opticks of the Go toolchain

	// Validation is the most characters of the validation split, from its beginning, that are used: a checkpoint should not wait for
	// the measurement of a library. 0 is for a last training, whose settings and number of steps were chosen before: nothing is held
	// out for validation then, and the first 90 % of the text are for training.
	Validation int `json:"validation"`

	// SHA256 is the sum of File, in hexadecimal, filled in when a run is made: so that a run which is resumed or measured finds the
	// text that it was trained on. Empty: any text, or Newton's Opticks, whose sum is known.
	SHA256 string `json:"sha256,omitempty"`
}

// Default returns the source with the settings that it has by default.
func Default() *Source { return &Source{Name: Name, Validation: 100_000} }

// String is the name of the data set.
func (s *Source) String() string { return s.Name }

// UseFile implements [data.FileSource]: files whose names end in .txt or .md are texts.
func (s *Source) UseFile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".txt", ".text", ".md":
		s.File, s.SHA256 = path, ""
		return true
	}
	return false
}

// Validate names the setting and the value at fault.
func (s *Source) Validate() error {
	switch {
	case s.Name != Name:
		return fmt.Errorf("name is %q: it must be %q", s.Name, Name)
	case s.Validation < 0:
		return fmt.Errorf("validation is %d: it must be a number of characters, or 0 to hold none out", s.Validation)
	}
	return nil
}

// Load implements [data.Source]: it reads the text and cuts it. o.Dir may be a folder that holds Isaac.Newton-Opticks.txt, for a
// machine without a Go toolchain.
func (s *Source) Load(ctx context.Context, o data.Options) (map[string]data.Set, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("data.%w", err)
	}
	path := s.File
	if path == "" {
		var err error
		if path, err = opticks(ctx, o.Dir); err != nil {
			return nil, err
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("book: the text cannot be read (data.file): %w", err)
	}
	hash := sha256.Sum256(content)
	sum := hex.EncodeToString(hash[:])
	switch {
	case s.File == "" && sum != opticksSum:
		return nil, fmt.Errorf("book: %s is not the text of Newton's Opticks that comes with Go: its SHA-256 is %.12s…, not %.12s…; "+
			"to learn from it all the same, name it: data.file=FILE.txt", path, sum, opticksSum)
	case s.File != "" && s.SHA256 != "" && sum != s.SHA256:
		return nil, fmt.Errorf("book: %s has changed since the run was made: its SHA-256 is %.12s…, and data.sha256 is %.12s…: "+
			"restore it, or begin another run", path, sum, s.SHA256)
	}
	parts, err := Split(string(content))
	if err != nil {
		return nil, fmt.Errorf("book: %s %w", path, err)
	}
	set := func(text string) data.Set { return &Set{text: text, sum: sum} }
	if s.Validation == 0 {
		return map[string]data.Set{data.Train: set(parts[0] + parts[1]), data.Test: set(parts[2])}, nil
	}
	return map[string]data.Set{data.Train: set(parts[0]), data.Validation: set(first(parts[1], s.Validation)), data.Test: set(parts[2])}, nil
}

// first is the beginning of a text of at most n characters.
func first(text string, n int) string {
	for at := range text {
		if n == 0 {
			return text[:at]
		}
		n--
	}
	return text
}

// opticks finds the book: in dir, if that is given, or in the Go toolchain.
func opticks(ctx context.Context, dir string) (string, error) {
	var tried []string
	look := func(path string) bool {
		tried = append(tried, path)
		_, err := os.Stat(path)
		return err == nil
	}
	if dir != "" {
		if path := filepath.Join(dir, filepath.Base(file)); look(path) {
			return path, nil
		}
	}
	root := os.Getenv("GOROOT")
	if root == "" {
		if out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output(); err == nil {
			root = strings.TrimSpace(string(out))
		}
	}
	if root != "" {
		if path := filepath.Join(root, file); look(path) {
			return path, nil
		}
	} else {
		tried = append(tried, "no Go toolchain, as 'go env GOROOT' tells nothing")
	}
	return "", fmt.Errorf("book: Newton's Opticks, which comes with Go, is not on this machine (%s): install Go, or name a text of your "+
		"own: data.file=FILE.txt", strings.Join(tried, ", "))
}

// Split cuts a text in three: 80, 10 and 10 % of its characters, each cut at the end of the line that it falls into. A text that is
// empty, no UTF-8 or shorter than [Shortest] is an error.
func Split(text string) ([3]string, error) {
	var parts [3]string
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.TrimSpace(text) == "" {
		return parts, errors.New("is empty: there is nothing to learn from it")
	}
	if !utf8.ValidString(text) {
		at := 0
		for at < len(text) {
			r, size := utf8.DecodeRuneInString(text[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return parts, fmt.Errorf("is not a UTF-8 text: byte %d is 0x%02x; convert it, e.g. with iconv -t UTF-8", at, text[at])
	}
	n := utf8.RuneCountInString(text)
	if n < Shortest {
		return parts, fmt.Errorf("has %d characters: a text to learn from needs at least %d", n, Shortest)
	}
	cut := func(characters int) int {
		at := len(first(text, characters))
		if line := strings.IndexByte(text[at:], '\n'); line >= 0 {
			return at + line + 1
		}
		return at // the last line is all that is left
	}
	a, b := cut(n*8/10), cut(n*9/10)
	if parts = [3]string{text[:a], text[a:b], text[b:]}; a == b || b == len(text) {
		return parts, errors.New("has its last fifth in one line: break its lines, as the text is cut in three at the ends of lines")
	}
	return parts, nil
}

// Set is one split of a text.
type Set struct{ text, sum string }

// Len is the number of its characters.
func (s *Set) Len() int { return utf8.RuneCountInString(s.text) }

// Text is the split itself.
func (s *Set) Text() string { return s.text }

// Sum is the SHA-256 of the file that the split is of, in hexadecimal.
func (s *Set) Sum() string { return s.sum }
