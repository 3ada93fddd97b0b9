package house

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// The sizes of CONTRIBUTING.md.
const (
	maxLines    = 350       // of a Go file
	maxLine     = 139       // characters of a line of Go
	maxNotebook = 300_000   // bytes of a notebook
	maxBooks    = 6_000_000 // bytes of all notebooks
	maxTestdata = 5_000_000 // bytes of all testdata folders
)

// aFlag finds a command-line flag in what a library says: gomm's flags mean nothing to a program that imports the library.
var aFlag = regexp.MustCompile(`"[^"]*\s--[a-z][a-z-]*[^"]*"`)

// breaches returns a line for everything in the tree that breaks a rule.
func breaches(tree fs.FS) (found []string, err error) {
	sums := map[string]int64{}
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skipped(name) {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if slices.Contains(strings.Split(path.Dir(name), "/"), "testdata") {
			sums["testdata"] += info.Size()
		}
		switch path.Ext(name) {
		case ".ipynb":
			sums["notebooks"] += info.Size()
			if info.Size() > maxNotebook {
				report("%s has %d bytes; a notebook has at most %d: show fewer or smaller pictures", name, info.Size(), maxNotebook)
			}
		case ".go":
			text, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			checkGo(name, string(text), report)
		}
		return nil
	})
	for _, sum := range []struct {
		what string
		max  int64
	}{{"notebooks", maxBooks}, {"testdata", maxTestdata}} {
		if sums[sum.what] > sum.max {
			report("all %s together have %d bytes; at most %d are allowed", sum.what, sums[sum.what], sum.max)
		}
	}
	return found, err
}

// skipped reports whether a folder holds nothing of ours: what is built, fetched or trained.
func skipped(name string) bool {
	base := path.Base(name)
	return name != "." && (strings.HasPrefix(base, ".") && base != ".ci") || name == "bin" || name == "runs"
}

func checkGo(name, text string, report func(string, ...any)) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > maxLines {
		report("%s has %d lines; a file has at most %d: split it by what it does", name, len(lines), maxLines)
	}
	library := (strings.HasPrefix(name, "mmlib/") || strings.HasPrefix(name, "kernels/")) && !strings.HasSuffix(name, "_test.go")
	for i, line := range lines {
		if n := utf8.RuneCountInString(line); n > maxLine {
			report("%s:%d has %d characters; a line has at most %d", name, i+1, n, maxLine)
		}
		if flag := aFlag.FindString(line); library && flag != "" && !strings.Contains(line, "pip download") &&
			!strings.Contains(line, "XLA_FLAGS") {
			report("%s:%d names a command-line flag, which users of the library do not have: %s", name, i+1, flag)
		}
	}
}

func TestHouse(t *testing.T) {
	found, err := breaches(os.DirFS(filepath.Join("..", "..", "..")))
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range found {
		t.Error(breach)
	}
}

// TestBreaches plants one breach of each rule.
func TestBreaches(t *testing.T) {
	file := func(size int) *fstest.MapFile { return &fstest.MapFile{Data: make([]byte, size)} }
	code := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	books := fstest.MapFS{}
	for i := range 21 {
		books[fmt.Sprintf("notebooks/en/%02d.ipynb", i)] = file(290_000)
	}
	for name, test := range map[string]struct {
		tree fstest.MapFS
		want string // part of the only breach; "" for none
	}{
		"allowed": {fstest.MapFS{
			"a.go":            code(strings.Repeat("x\n", maxLines)),
			"b.go":            code(strings.Repeat("七", maxLine)),
			"cmd/c.go":        code(`"go on by --resume"`),
			"mmlib/d.go":      code(`a-- // "--"`),
			"mmlib/d_test.go": code(`"go on by --resume"`),
			"e/testdata/x":    file(maxTestdata),
			"n.ipynb":         file(maxNotebook),
		}, ""},
		"not ours":        {fstest.MapFS{".venv/a.go": code(strings.Repeat("x\n", 400)), "runs/b.ipynb": file(400_000)}, ""},
		"long file":       {fstest.MapFS{"a.go": code(strings.Repeat("x\n", maxLines+1))}, "a.go has 351 lines"},
		"long line":       {fstest.MapFS{".ci/a.go": code("\n" + strings.Repeat("七", maxLine+1))}, ".ci/a.go:2 has 140 characters"},
		"flag":            {fstest.MapFS{"mmlib/a.go": code(`"go on by --resume"`)}, "mmlib/a.go:1 names a command-line flag"},
		"large notebook":  {fstest.MapFS{"n.ipynb": file(maxNotebook + 1)}, "n.ipynb has 300001 bytes"},
		"large notebooks": {books, "all notebooks together have 6090000 bytes"},
		"large testdata": {fstest.MapFS{"a/testdata/b/x": file(3_000_000), "testdata/y": file(2_000_001)},
			"all testdata together have 5000001"},
	} {
		found, err := breaches(test.tree)
		if err != nil {
			t.Fatal(err)
		}
		if test.want == "" && len(found) > 0 || test.want != "" && (len(found) != 1 || !strings.Contains(found[0], test.want)) {
			t.Errorf("%s: found %q, want %q", name, found, test.want)
		}
	}
}
