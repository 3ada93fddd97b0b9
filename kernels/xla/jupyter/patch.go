package jupyter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Where GoNB is at fault it is built from a patched copy: one small patch for each fault, in the order of their names. What each
// is for stands in bench/upstream.
//
//go:embed gonb/*.patch
var patches embed.FS

// patchSum identifies the patches, so that a changed one leads to a new build.
func patchSum() (string, error) {
	h := sha256.New()
	err := eachPatch(func(name string, text []byte) error {
		fmt.Fprintf(h, "%s\n%s", name, text)
		return nil
	})
	return fmt.Sprintf("%x\n", h.Sum(nil)), err
}

func eachPatch(f func(name string, text []byte) error) error {
	files, err := fs.Glob(patches, "gonb/*.patch") // sorted
	if err != nil {
		return err
	}
	for _, name := range files {
		text, err := patches.ReadFile(name)
		if err != nil {
			return err
		}
		if err := f(name, text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// buildPatched builds GoNB with the patches, in the versions of go.mod, into a folder for the build.
func (t Tool) buildPatched(ctx context.Context, module, temp string) error {
	source, err := goCommand(ctx, module, nil, "list", "-m", "-f", "{{.Dir}}", t.module)
	if err != nil {
		return err
	}
	if source == "" {
		if _, err = goCommand(ctx, module, nil, "mod", "download", t.module); err != nil {
			return err
		}
		if source, err = goCommand(ctx, module, nil, "list", "-m", "-f", "{{.Dir}}", t.module); err != nil {
			return err
		}
	}
	copied := filepath.Join(temp, "source")
	if err := copyTree(copied, source); err != nil {
		return err
	}
	if err := eachPatch(func(_ string, text []byte) error { return applyPatch(copied, text) }); err != nil {
		return fmt.Errorf("%s has changed: %w", t.module, err)
	}
	// The same go.mod, but for where this module lies.
	modfile := filepath.Join(temp, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return err
		}
		if name == "go.mod" {
			text = fmt.Appendf(text, "\nreplace %s => %s\n", t.module, copied)
		}
		if err := os.WriteFile(filepath.Join(temp, name), text, 0o644); err != nil {
			return err
		}
	}
	_, err = goCommand(ctx, module, []string{"GOFLAGS=", "GOWORK=off"}, "build", "-modfile="+modfile, "-buildvcs=false",
		"-o", filepath.Join(temp, t.Name), t.pkg)
	return err
}

// copyTree copies a module's files, which are read-only where they come from.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
}

// applyPatch changes the files of a tree. Every line must be where the patch says.
func applyPatch(tree string, patch []byte) error {
	files, _, err := gitdiff.Parse(bytes.NewReader(patch))
	if err != nil {
		return err
	}
	for _, f := range files {
		if !filepath.IsLocal(f.NewName) || f.IsDelete || f.IsRename {
			return fmt.Errorf("it does more than change or add %q", f.NewName)
		}
		path := filepath.Join(tree, filepath.FromSlash(f.NewName))
		old, err := os.ReadFile(path)
		if f.IsNew {
			old, err = nil, os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := gitdiff.Apply(&out, strings.NewReader(string(old)), f); err != nil {
			return fmt.Errorf("%s: %w", f.NewName, err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
