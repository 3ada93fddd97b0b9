package main

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"path/filepath"
	"strings"

	"gomm/kernels/xla/plugin"
)

// minGo is the oldest Go that builds gomm: the line "go" of go.mod.
const minGo = "go1.26.5"

// check is one thing that gomm can use.
type check struct {
	name     string
	need     string                                          // what it is for
	required bool                                            // nothing works without it
	find     func(context.Context, *machine) (string, error) // what is there and where, or an error that says what is wrong
	fix      func(*machine) string                           // the command to run when it is missing
}

// checks is what doctor looks for, in this order.
var checks = []check{
	{"Go", "builds gomm and runs the lessons", true, findGo, always("get Go 1.26.5 or newer from https://go.dev/dl/")},
	{"C compiler", "builds gomm with XLA", false, findCompiler, install("gcc libc6-dev", "gcc")},
	{"make", "runs the Makefile", false, findTool("make", "--version"), install("make", "make")},
	{"git", "fetches gomm itself", false, findTool("git", "--version"), install("git", "git")},
	{"XLA plugin", "makes training about five times faster", false,
		func(_ context.Context, m *machine) (string, error) { return m.plugin() }, always(plugin.Command)},
	{"backend", "computes", true,
		func(ctx context.Context, m *machine) (string, error) { return m.backend(ctx) },
		always("GOMLX_BACKEND=go gomm doctor, which does without XLA")},
	dataCheck(demoData, "the demo trains on it"),
	dataCheck("fashion-mnist", "the same with clothes"),
	{"Python", "runs Jupyter; 3.10 or newer with venv", false, findPython, install("python3 python3-venv", "python3")},
	{"Jupyter", "shows the notebooks", false, findJupyter, always("make .venv")},
	{"kernel", "runs the notebooks' Go", false, findKernel, always("gomm kernel install")},
}

// remedied is an error that knows a better fix than its check does.
type remedied struct {
	error
	fix string
}

func always(command string) func(*machine) string {
	return func(*machine) string { return command }
}

// install returns this system's command for installing packages, given their names on Debian and elsewhere.
func install(debian, others string) func(*machine) string {
	return func(m *machine) string {
		sudo := ""
		if _, err := m.lookPath("sudo"); err == nil && !m.root {
			sudo = "sudo "
		}
		for _, manager := range []struct{ program, command string }{
			{"apt-get", sudo + "apt-get install -y " + debian},
			{"dnf", sudo + "dnf install -y " + others},
			{"apk", sudo + "apk add " + others},
			{"pacman", sudo + "pacman -S " + others},
			{"brew", "brew install " + others},
		} {
			if _, err := m.lookPath(manager.program); err == nil {
				return manager.command
			}
		}
		return "install " + others + " with your system's package manager"
	}
}

// findTool looks for a program on the PATH and returns the first line that it prints when asked for its version.
func findTool(name string, arguments ...string) func(context.Context, *machine) (string, error) {
	return func(ctx context.Context, m *machine) (string, error) {
		path, err := m.lookPath(name)
		if err != nil {
			return "", fmt.Errorf("no %s on the PATH", name)
		}
		text, err := m.output(ctx, path, arguments...)
		if err != nil {
			return "", fmt.Errorf("%s does not run: %w", path, err)
		}
		first, _, _ := strings.Cut(text, "\n")
		return fmt.Sprintf("%s (%s)", first, path), nil
	}
}

func findGo(ctx context.Context, m *machine) (string, error) {
	found, err := findTool("go", "env", "GOVERSION")(ctx, m)
	if err != nil {
		return "", err
	}
	if got, _, _ := strings.Cut(found, " "); version.Compare(got, minGo) < 0 {
		return "", fmt.Errorf("%s is older than %s", found, minGo)
	}
	return found, nil
}

// findCompiler looks for the compiler that cgo calls.
func findCompiler(ctx context.Context, m *machine) (string, error) {
	compiler := "gcc"
	if path, err := m.lookPath("go"); err == nil {
		if text, err := m.output(ctx, path, "env", "CC"); err == nil && len(strings.Fields(text)) > 0 {
			compiler = strings.Fields(text)[0] // CC may hold flags as well
		}
	}
	return findTool(compiler, "--version")(ctx, m)
}

func dataCheck(name, need string) check {
	return check{name, need, false, findData(name), always("gomm data " + name)}
}

func findData(name string) func(context.Context, *machine) (string, error) {
	return func(ctx context.Context, m *machine) (string, error) { return m.dataset(ctx, name) }
}

// findPython looks for a Python that can make virtual environments: Debian's needs a package of its own for that.
func findPython(ctx context.Context, m *machine) (string, error) {
	path, err := m.lookPath("python3")
	if err != nil {
		return "", fmt.Errorf("no python3 on the PATH")
	}
	text, err := m.output(ctx, path, "-c", "import sys; print(sys.version_info >= (3, 10), sys.version.split()[0])")
	if err != nil {
		return "", fmt.Errorf("%s does not run: %w", path, err)
	}
	enough, found, _ := strings.Cut(text, " ")
	if enough != "True" {
		return "", fmt.Errorf("%s is Python %s, older than 3.10", path, found)
	}
	if _, err := m.output(ctx, path, "-c", "import venv, ensurepip"); err != nil {
		return "", fmt.Errorf("%s, Python %s, lacks the module venv or ensurepip", path, found)
	}
	return fmt.Sprintf("Python %s with venv (%s)", found, path), nil
}

// findJupyter looks in the project's own virtual environment first, then on the PATH.
func findJupyter(ctx context.Context, m *machine) (string, error) {
	names := []string{"jupyter-lab"}
	if module, err := m.module(); err == nil {
		names = []string{filepath.Join(module, venvDir, "bin", "jupyter-lab"), "jupyter-lab"}
	}
	for _, name := range names {
		path, err := m.lookPath(name)
		if err != nil {
			continue
		}
		text, err := m.output(ctx, path, "--version")
		if err != nil {
			return "", fmt.Errorf("%s does not run: %w", path, err)
		}
		return fmt.Sprintf("JupyterLab %s (%s)", text, path), nil
	}
	return "", fmt.Errorf("no jupyter-lab in %s/bin or on the PATH", venvDir)
}

// findKernel looks for a kernel of this checkout that Jupyter knows.
func findKernel(_ context.Context, m *machine) (string, error) {
	module, err := m.module()
	if err != nil {
		return "", err
	}
	var found, others []string
	for _, k := range m.kernels() {
		if k.Module == module {
			found = append(found, fmt.Sprintf("%q (%s)", k.Name, k.Dir))
		} else {
			others = append(others, fmt.Sprintf("%s, of the checkout %s", k.Dir, k.Module))
		}
	}
	switch {
	case len(found) > 0:
		return strings.Join(found, ", "), nil
	case len(others) > 0:
		return "", fmt.Errorf("none for this checkout; there is %s", strings.Join(others, "; "))
	}
	return "", errors.New("no kernel of gomm is known to Jupyter")
}
