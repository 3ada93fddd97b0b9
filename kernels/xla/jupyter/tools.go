package jupyter

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Tool is a program that the kernel is made of.
type Tool struct {
	Name    string
	Need    string // what it is for
	module  string // that it belongs to
	pkg     string // to build
	version string // "" for the one that gomm's go.mod names
	patched bool   // see patch.go
}

// Tools are GoNB and what it calls. gopls is not in go.mod, where it would clash with GoNB's own golang.org/x/tools.
func Tools() []Tool {
	return []Tool{
		{Name: "gonb", Need: "runs the cells", module: "github.com/janpfeifer/gonb", pkg: "github.com/janpfeifer/gonb",
			patched: true},
		{Name: "goimports", Need: "adds the imports that a cell leaves out", module: "golang.org/x/tools",
			pkg: "golang.org/x/tools/cmd/goimports"},
		{Name: "gopls", Need: "completes and explains code", module: "golang.org/x/tools/gopls", pkg: "golang.org/x/tools/gopls",
			version: "v0.23.0"},
	}
}

// BuildTools builds the tools that are not yet in a folder in their right version, from the network where the module cache does not
// have them, and writes the script that GoNB finds as go (see [goScript]). It says on log what it does.
func BuildTools(ctx context.Context, module, bin string, log io.Writer) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return fmt.Errorf("jupyter: %w", err)
	}
	for _, tool := range Tools() {
		if tool.Check(ctx, module, bin) == nil {
			continue
		}
		fmt.Fprintf(log, "building %s, which %s\n", tool.Name, tool.Need)
		if err := tool.build(ctx, module, bin); err != nil {
			return fmt.Errorf("jupyter: building %s: %w", tool.Name, err)
		}
	}
	script, err := goScript(ctx, module)
	if err != nil {
		return fmt.Errorf("jupyter: %w", err)
	}
	// Whole and renamed: a running kernel may be reading the old one.
	path := filepath.Join(bin, "go")
	if err := os.WriteFile(path+"~", []byte(script), 0o755); err != nil {
		return fmt.Errorf("jupyter: %w", err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		return fmt.Errorf("jupyter: %w", err)
	}
	return nil
}

// goScript is what the kernel calls as go. Before each cell GoNB runs "go get", which knows nothing of go.work: it asks the network
// for packages that the checkout has, and fails where there is none. So where all packages of a cell are here, go get has nothing
// to do; everything else goes to the real go. Asking costs a tenth of a second, so it is not asked twice about the same imports.
func goScript(ctx context.Context, module string) (string, error) {
	goroot, err := goCommand(ctx, module, nil, "env", "GOROOT")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`#!/bin/sh
# gomm's kernel calls this as go: see kernels/xla/jupyter/tools.go.
go=%s
if [ -n "${GONB_TMP_DIR:-}" ] && [ "$PWD" = "$GONB_TMP_DIR" ]; then
	case "$*" in "get" | "get -t")
		imports=$(sed -n '/^import/,/^)/p' main*.go 2>/dev/null)
		[ "$imports" = "$(cat imports.have 2>/dev/null)" ] && exit 0
		"$go" list -deps -test . >/dev/null 2>&1 && echo "$imports" >imports.have && exit 0 ;;
	esac
fi
exec "$go" "$@"
`, shellQuote(filepath.Join(goroot, "bin", "go"))), nil
}

// shellQuote makes a word of a path for the shell.
func shellQuote(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// Check says what is wrong with the tool in a folder, if anything.
func (t Tool) Check(ctx context.Context, module, bin string) error {
	path := filepath.Join(bin, t.Name)
	info, err := buildinfo.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no %s in %s", t.Name, bin)
	}
	if err != nil {
		return fmt.Errorf("%s is not a program of Go: %w", path, err)
	}
	want := t.version
	if want == "" {
		if want, err = goCommand(ctx, module, nil, "list", "-m", "-f", "{{.Version}}", t.module); err != nil {
			return err
		}
	}
	if got := moduleVersion(info, t.module); got != want {
		return fmt.Errorf("%s is version %s of %s, not %s", path, got, t.module, want)
	}
	if !t.patched {
		return nil
	}
	sum, err := patchSum()
	if err != nil {
		return err
	}
	if got, err := os.ReadFile(path + ".patches"); err != nil || string(got) != sum {
		return fmt.Errorf("%s has other patches than this checkout's", path)
	}
	return nil
}

func moduleVersion(info *buildinfo.BuildInfo, module string) string {
	if info.Main.Path == module {
		return info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version
		}
	}
	return "unknown"
}

// build makes the program in a folder of its own first: an interrupted build leaves nothing behind.
func (t Tool) build(ctx context.Context, module, bin string) error {
	temp, err := os.MkdirTemp(bin, ".build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	switch {
	case t.patched:
		err = t.buildPatched(ctx, module, temp)
	case t.version != "":
		_, err = goCommand(ctx, temp, []string{"GOBIN=" + temp, "GOFLAGS="}, "install", t.pkg+"@"+t.version)
	default:
		_, err = goCommand(ctx, module, nil, "build", "-buildvcs=false", "-o", filepath.Join(temp, t.Name), t.pkg)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(temp, t.Name), filepath.Join(bin, t.Name)); err != nil || !t.patched {
		return err
	}
	sum, err := patchSum()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(bin, t.Name+".patches"), []byte(sum), 0o644)
}

// goCommand runs go in a folder; the error holds what it complained of.
func goCommand(ctx context.Context, dir string, env []string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
