package book_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"gomm/mmlib/data"
	"gomm/mmlib/data/book"
	"gomm/mmlib/internal/check"
)

// TestSplit: the parts are the text, whole lines of it, of nearly the sizes asked for.
func TestSplit(t *testing.T) {
	text := strings.Repeat("Ein Satz über Licht, 光.\nand another one of some length\n", 200)
	parts, err := book.Split(text)
	check.Must(t, err)
	if strings.Join(parts[:], "") != text {
		t.Error("the parts are not the text")
	}
	n := utf8.RuneCountInString(text)
	for i, share := range []float64{0.8, 0.1, 0.1} {
		if got := float64(utf8.RuneCountInString(parts[i])) / float64(n); got < share-0.01 || got > share+0.01 {
			t.Errorf("part %d has %.3f of the characters, want %g", i, got, share)
		}
		if !strings.HasSuffix(parts[i], "\n") {
			t.Errorf("part %d ends within a line", i)
		}
	}
	if parts, err = book.Split("\ufeff" + text); err != nil || strings.Join(parts[:], "") != text {
		t.Errorf("a byte order mark is not taken off: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	load := func(name, content string) error {
		path := filepath.Join(dir, name)
		check.Must(t, os.WriteFile(path, []byte(content), 0o600))
		s := book.Default()
		if !s.UseFile(path) {
			t.Fatalf("%s is not taken for a text", name)
		}
		_, err := s.Load(context.Background(), data.Options{})
		return err
	}
	check.Error(t, load("empty.txt", " \n"), "empty.txt", "is empty")
	check.Error(t, load("short.md", "a few words\n"), "short.md", "12 characters", "at least 2000")
	check.Error(t, load("latin1.txt", strings.Repeat("gr\xfcn\n", 1000)), "latin1.txt", "not a UTF-8 text", "byte 2 is 0xfc", "iconv")
	check.Error(t, load("line.txt", strings.Repeat("word\n", 1000)+strings.Repeat("word ", 500)+"\n"), "line.txt", "one line")
	s := book.Default()
	s.File = filepath.Join(dir, "none.txt")
	_, err := s.Load(context.Background(), data.Options{})
	check.Error(t, err, "data.file", "none.txt")
	s.Validation = -1
	check.Error(t, s.Validate(), "validation is -1")
	s = &book.Source{Name: "novel"}
	check.Error(t, s.Validate(), `name is "novel"`)
	if s.UseFile("picture.png") || s.File != "" {
		t.Error("a picture is taken for a text")
	}
}

// TestSum: a text that has changed since the run was made is refused.
func TestSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.txt")
	check.Must(t, os.WriteFile(path, []byte(strings.Repeat("a line of text\n", 300)), 0o600))
	s := book.Default()
	s.UseFile(path)
	splits, err := s.Load(context.Background(), data.Options{})
	check.Must(t, err)
	s.SHA256 = splits[data.Train].(*book.Set).Sum()
	_, err = s.Load(context.Background(), data.Options{})
	check.Must(t, err)
	check.Must(t, os.WriteFile(path, []byte(strings.Repeat("another line\n", 300)), 0o600))
	_, err = s.Load(context.Background(), data.Options{})
	check.Error(t, err, "has changed", "data.sha256")
}

// TestNoToolchain: without Go and without the book the error says what to do; another text in its place is refused.
func TestNoToolchain(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GOROOT", dir)
	_, err := book.Default().Load(context.Background(), data.Options{})
	check.Error(t, err, "Opticks", dir, "data.file=FILE.txt")
	check.Must(t, os.WriteFile(filepath.Join(dir, "Isaac.Newton-Opticks.txt"), []byte(strings.Repeat("Light is\n", 500)), 0o600))
	s := book.Default()
	_, err = s.Load(context.Background(), data.Options{Dir: dir})
	check.Error(t, err, "not the text of Newton's Opticks", "SHA-256", "data.file=FILE.txt")
	s.File, s.Validation = filepath.Join(dir, "Isaac.Newton-Opticks.txt"), 100
	splits, err := s.Load(context.Background(), data.Options{})
	check.Must(t, err)
	if n := splits[data.Validation].Len(); n != 100 {
		t.Errorf("validation has %d characters, want 100", n)
	}
}

// TestNoneHeldOut: without a validation split its text is for training, and the test split is the same.
func TestNoneHeldOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.txt")
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, "line %d of a text\n", i)
	}
	check.Must(t, os.WriteFile(path, []byte(lines.String()), 0o600))
	load := func(validation int) (texts []string) {
		s := book.Default()
		s.File, s.Validation = path, validation
		splits, err := s.Load(context.Background(), data.Options{})
		check.Must(t, err)
		for _, name := range []string{data.Train, data.Validation, data.Test} {
			if set, ok := splits[name]; ok {
				texts = append(texts, set.(*book.Set).Text())
			}
		}
		return texts
	}
	three, two := load(100_000), load(0)
	if len(three) != 3 || len(two) != 2 || two[0] != three[0]+three[1] || two[1] != three[2] {
		t.Errorf("%d and %d splits: the first of the two must be the first two of the three", len(three), len(two))
	}
}
