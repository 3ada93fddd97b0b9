package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gomm/kernels/xla/jupyter"
	"gomm/mmlib/data"
)

// machine is what doctor asks of the computer that it runs on. Tests have one of their own.
type machine struct {
	root     bool // sudo is not needed
	lookPath func(program string) (path string, err error)
	output   func(ctx context.Context, program string, arguments ...string) (string, error)
	kernels  func() []jupyter.Installed // gomm's, where Jupyter looks
	tool     func(context.Context, jupyter.Tool) (string, error)
	module   func() (string, error) // the checkout of gomm
	plugin   func() (string, error)
	backend  func(context.Context) (string, error)
	dataset  func(ctx context.Context, name string) (string, error)
}

func thisMachine() *machine {
	return &machine{
		root:     os.Geteuid() == 0,
		lookPath: exec.LookPath,
		output:   programOutput,
		kernels:  findKernels,
		tool:     describeTool,
		module:   findModule,
		plugin:   describePlugin,
		backend:  tryBackend,
		dataset:  describeDataset,
	}
}

// programOutput runs a program and returns its trimmed standard output. The error ends with the last line of its standard error
// output, which says more than an exit status.
func programOutput(ctx context.Context, program string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a first run can be slow; none takes this long
	defer cancel()
	cmd := exec.CommandContext(ctx, program, arguments...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	text, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
		return "", errors.Join(err, errors.New(lines[len(lines)-1]))
	}
	return strings.TrimSpace(string(text)), nil
}

// findKernels lists gomm's kernels wherever Jupyter looks, the checkout's own virtual environment included.
func findKernels() []jupyter.Installed {
	var venvs []string
	if module, err := findModule(); err == nil {
		venvs = append(venvs, filepath.Join(module, venvDir))
	}
	return jupyter.List(jupyter.Dirs(venvs...)...)
}

// describeTool checks a program of the kernel in the checkout.
func describeTool(ctx context.Context, tool jupyter.Tool) (string, error) {
	module, err := findModule()
	if err != nil {
		return "", err
	}
	bin := kernelBin(module)
	return filepath.Join(bin, tool.Name), tool.Check(ctx, module, bin)
}

// describeDataset loads a data set without a network, which checks the sums of all its files.
func describeDataset(ctx context.Context, name string) (string, error) {
	dir, err := data.CacheDir(name)
	if err != nil {
		return "", remedied{err, "set HOME, then run gomm data " + name}
	}
	found, err := loadDataset(ctx, name, data.Options{Cache: dir, Offline: true})
	if err != nil {
		return "", errors.New("not on this machine") // the whole error lists every place that was tried
	}
	return found, nil
}
