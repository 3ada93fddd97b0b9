package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath, Name, Doc, Dir         string
	Standard                           bool
	GoFiles, TestGoFiles, XTestGoFiles []string
	Imports                            []string
	Module                             *struct{ Main bool }
}

// list returns our packages and all that they import, by path. Paths of ours are without the module's name.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	look(t, root)
	golist := func(args ...string) []byte {
		cmd := exec.Command("go", append([]string{"list"}, args...)...)
		cmd.Dir = root
		// Cgo files count, whether this machine has a C compiler or not.
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		return out
	}
	module := strings.TrimSpace(string(golist("-m"))) + "/"
	packages := map[string]pkg{}
	d := json.NewDecoder(bytes.NewReader(golist("-e", "-deps",
		"-json=ImportPath,Name,Doc,Dir,Standard,GoFiles,TestGoFiles,XTestGoFiles,Imports,Module", "./...")))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		for i, path := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(path, module)
		}
		packages[p.ImportPath] = p
	}
}

// look reads the folders of our packages. `go test` keeps a result until a file or folder changes that the test itself looked
// at; what `go list` looks at does not count.
func look(t *testing.T, root string) {
	t.Helper()
	for _, dir := range []string{"cmd", "kernels", "mmlib"} {
		if err := filepath.WalkDir(filepath.Join(root, dir), func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
}

func (p pkg) ours() bool { return p.Module != nil && p.Module.Main }

// matches reports whether a path matches a pattern, see rule.
func matches(pattern, path string) bool {
	switch pattern {
	case anything:
		return true
	case others:
		first, _, _ := strings.Cut(path, "/")
		return strings.Contains(first, ".")
	}
	base, below := strings.CutSuffix(pattern, "/...")
	return path == base || below && strings.HasPrefix(path, base+"/")
}

// check returns every breach of the rules and the bans.
func check(rules []rule, bans []ban, packages map[string]pkg) (breaches []string) {
	for _, p := range packages {
		if !p.ours() {
			continue
		}
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, p.ImportPath) })
		if i < 0 {
			breaches = append(breaches, fmt.Sprintf("%s has no row in the table of mmlib/internal/imports/rules_test.go: add one that says what "+
				"it may import", p.ImportPath))
			continue
		}
		for _, path := range p.Imports {
			allowed := slices.ContainsFunc(rules[i].may, func(pattern string) bool { return matches(pattern, path) })
			if !allowed && !packages[path].Standard {
				breaches = append(breaches, fmt.Sprintf("%s must not import %s; its row, %q, allows %v", p.ImportPath, path, rules[i].packages,
					rules[i].may))
			}
		}
		for _, b := range bans {
			if !matches(b.from, p.ImportPath) {
				continue
			}
			if way := reach(packages, p.ImportPath, b.never); way != nil {
				breaches = append(breaches, fmt.Sprintf("%s must not reach %s, because %s: %s", p.ImportPath, b.never, b.because,
					strings.Join(way, " → ")))
			}
		}
	}
	slices.Sort(breaches)
	return breaches
}

// reach returns the shortest way from a package to one that the pattern matches, or nil. It does not look into standard
// packages.
func reach(packages map[string]pkg, from, pattern string) []string {
	ways, seen := [][]string{{from}}, map[string]bool{from: true}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		p := packages[way[len(way)-1]]
		if p.Standard {
			continue
		}
		for _, path := range p.Imports {
			if seen[path] {
				continue
			}
			seen[path] = true
			longer := append(slices.Clone(way), path)
			if matches(pattern, path) {
				return longer
			}
			ways = append(ways, longer)
		}
	}
	return nil
}

func TestRules(t *testing.T) {
	for _, breach := range check(rules, bans, list(t)) {
		t.Error(breach)
	}
}

// TestCheckFindsBreaches plants one breach of each kind: a test of the rules that cannot fail is worth nothing.
func TestCheckFindsBreaches(t *testing.T) {
	for name, test := range map[string]struct {
		imports map[string][]string
		breach  string // part of the only message; "" for none
	}{
		"good":            {map[string][]string{"mmlib/loss": {"fmt", "github.com/gomlx/gomlx/core/graph"}}, ""},
		"no row":          {map[string][]string{"mmlib/tools": {"fmt"}}, "mmlib/tools has no row"},
		"data with graph": {map[string][]string{"mmlib/data/text": {"mmlib/task"}}, "mmlib/data/text must not import mmlib/task"},
		"nn upwards":      {map[string][]string{"mmlib/nn/attention": {"mmlib/nn/transformer"}}, "must not import mmlib/nn/transformer"},
		"paper to paper":  {map[string][]string{"mmlib/models/clip": {"mmlib/models/parti"}}, "must not import mmlib/models/parti"},
		"paper to data":   {map[string][]string{"mmlib/models/clip": {"mmlib/data/mnist"}}, "must not import mmlib/data/mnist"},
		"a prefix only":   {map[string][]string{"mmlib/loss": {"github.com/gomlx/gomlxextra"}}, "must not import github.com/gomlx/gomlxextra"},
		"direct cgo":      {map[string][]string{"bench/x": {"C"}}, ""},
		"cgo further down": {map[string][]string{"mmlib/loss": {"github.com/gomlx/compute/x"}, "github.com/gomlx/compute/x": {"C"}},
			"mmlib/loss → github.com/gomlx/compute/x → C"},
		"cgo of net": {map[string][]string{"mmlib/data/mnist": {"net"}, "net": {"C"}}, ""},
		"infer to train": {
			map[string][]string{"mmlib/infer": {"mmlib/run"}, "mmlib/run": {"github.com/gomlx/gomlx/y"},
				"github.com/gomlx/gomlx/y": {"mmlib/train"}},
			"mmlib/infer must not reach mmlib/train",
		},
		"cmd to paper": {map[string][]string{"cmd/gomm": {"mmlib/models/clip"}}, "cmd/gomm must not import mmlib/models/clip"},
		"cmd to source": {map[string][]string{"cmd/gomm": {"mmlib/data/mnist", "github.com/spf13/cobra"}},
			"cmd/gomm must not import mmlib/data/mnist"},
		"experiment to paper": {
			map[string][]string{"mmlib/experiment": {"mmlib/models", "mmlib/models/clip"}}, "mmlib/experiment must not import mmlib/models/clip",
		},
		"experiment to source": {
			map[string][]string{"mmlib/experiment": {"mmlib/data", "mmlib/data/mnist"}}, "mmlib/experiment must not import mmlib/data/mnist",
		},
		"trainer to paper": {map[string][]string{"mmlib/train": {"mmlib/models/clip"}}, "mmlib/train must not import mmlib/models/clip"},
		"kernels to mmlib": {map[string][]string{"kernels/xla/plugin": {"mmlib"}}, "kernels/xla/plugin must not import mmlib;"},
	} {
		t.Run(name, func(t *testing.T) {
			breaches := check(rules, bans, fake(test.imports))
			if test.breach == "" && len(breaches) > 0 {
				t.Errorf("breaches where there are none: %q", breaches)
			}
			if found := strings.Join(breaches, "\n"); !strings.Contains(found, test.breach) {
				t.Errorf("found %q; want %q", found, test.breach)
			}
		})
	}
}

// fake makes packages of their imports. A path with a dot is of others, one without any "/" is standard.
func fake(imports map[string][]string) map[string]pkg {
	packages := map[string]pkg{"fmt": {ImportPath: "fmt", Standard: true}}
	for path, list := range imports {
		p := pkg{ImportPath: path, Imports: list, Standard: !strings.Contains(path, "/")}
		if !p.Standard && !strings.Contains(path, ".") {
			p.Module = &struct{ Main bool }{true}
		}
		packages[path] = p
	}
	return packages
}

// TestDocumented: every package has a comment, and every one that others can import an example whose output is checked.
func TestDocumented(t *testing.T) {
	for path, p := range list(t) {
		if !p.ours() || len(p.GoFiles) == 0 {
			continue
		}
		if p.Doc == "" {
			t.Errorf("%s has no package comment", path)
		}
		forOthers := p.Name != "main" && !strings.Contains(path, "internal/") && !strings.HasPrefix(path, "cmd/")
		onlyDoc := slices.Equal(p.GoFiles, []string{"doc.go"})
		if forOthers && !onlyDoc && !hasExample(t, p) {
			t.Errorf("%s has no Example with an // Output: comment; add one in %s", path, filepath.Join(path, "example_test.go"))
		}
	}
}

func hasExample(t *testing.T, p pkg) bool {
	t.Helper()
	var files []*ast.File
	for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Error(err)
			continue
		}
		files = append(files, f)
	}
	return slices.ContainsFunc(doc.Examples(files...), func(e *doc.Example) bool { return e.Output != "" })
}

// TestMap: the map of the library in mmlib/doc.go has every package, and none that is not there.
func TestMap(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	plan, _, _ := strings.Cut(string(text), "# Axis letters")
	onMap := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^//\t([a-z/]+) {2,}`).FindAllStringSubmatch(plan, -1) {
		onMap["mmlib/"+row[1]] = true
	}
	packages := list(t)
	for path, p := range packages {
		if p.ours() && strings.HasPrefix(path, "mmlib/") && !strings.Contains(path, "/internal/") && !onMap[path] {
			t.Errorf("%s is not on the map in mmlib/doc.go; add a line for it", path)
		}
	}
	for path := range onMap {
		if _, ok := packages[path]; !ok {
			t.Errorf("the map in mmlib/doc.go shows %s, which does not exist", path)
		}
	}
}
