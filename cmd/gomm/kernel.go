package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/modfile"

	"gomm/kernels/xla/jupyter"
	"gomm/kernels/xla/plugin"
)

// venvDir is the folder of the project's own virtual environment, in the checkout.
const venvDir = ".venv"

func newKernelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "kernel",
		Short: "Manage gomm's Jupyter kernel: install, remove, status",
		Long: `Kernel makes "Go · gomm (XLA)" known to Jupyter: GoNB, which runs Go in notebooks, started so that
import "gomm/mmlib/…" works in every notebook and computes with XLA.`,
		Example: `  gomm kernel install             for the Jupyter of this checkout's .venv
  gomm kernel install --user      for every Jupyter of yours, VS Code's too
  gomm kernel status
  gomm kernel remove`,
	}
	c.AddCommand(newKernelInstall(), newKernelRemove(), newKernelStatus())
	return c
}

// kernelPlace says where a kernel is, from the flags.
type kernelPlace struct {
	name, prefix, module string
	user                 bool
}

func (p *kernelPlace) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&p.name, "name", jupyter.DefaultName, "the kernel's name, by which notebooks ask for it")
	flags.StringVar(&p.prefix, "prefix", "", "virtual environment whose Jupyter it is for (default: "+venvDir+" of the checkout, if there "+
		"is one)")
	flags.BoolVar(&p.user, "user", false, "for every Jupyter of this user")
	flags.StringVar(&p.module, "module", "", "the checkout of gomm (default: the one around the current folder)")
	c.MarkFlagsMutuallyExclusive("user", "prefix")
	_ = c.MarkFlagDirname("prefix")
	_ = c.MarkFlagDirname("module")
}

// data is the data folder of the Jupyter that is meant.
func (p *kernelPlace) data(module string) (string, error) {
	switch {
	case p.user:
		return jupyter.UserDir()
	case p.prefix != "":
		prefix, err := filepath.Abs(p.prefix)
		return jupyter.EnvironmentDir(prefix), err
	}
	if venv := filepath.Join(module, venvDir); isDir(venv) {
		return jupyter.EnvironmentDir(venv), nil
	}
	return jupyter.UserDir()
}

// checkout is gomm's folder.
func (p *kernelPlace) checkout() (string, error) {
	if p.module == "" {
		return findModule()
	}
	module, err := filepath.Abs(p.module)
	if err != nil {
		return "", err
	}
	if !isModule(module) {
		return "", usagef("--module %s: there is no go.mod of gomm in it", p.module)
	}
	return module, nil
}

func newKernelInstall() *cobra.Command {
	var p kernelPlace
	var display, backend string
	var force bool
	c := &cobra.Command{
		Use:   "install",
		Short: "Build GoNB and its helpers, and install the kernel",
		Long: `Install builds GoNB and what it calls (goimports, gopls) into the checkout's folder bin/kernel, unless they are there, writes the
kernel where Jupyter finds it, and compiles the library once, so that the first cell of a notebook need not.

The kernel belongs to the checkout: notebooks import the library as it stands there, with your changes. Each checkout can have
its own, in its own .venv, or under its own --name.`,
		Example: `  gomm kernel install
  gomm kernel install --user --name gomm-work --display "Go · my gomm"
  gomm kernel install --backend go            cells compute without XLA`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			module, err := p.checkout()
			if err != nil {
				return err
			}
			data, err := p.data(module)
			if err != nil {
				return err
			}
			k := jupyter.Kernel{Name: p.name, Display: display, Module: module, Bin: kernelBin(module)}
			if err := jupyter.BuildTools(c.Context(), module, k.Bin, c.ErrOrStderr()); err != nil {
				return err
			}
			if backend == "" {
				backend = bestBackend()
			}
			if k.Display == "" {
				k.Display = displayName(backend)
			}
			if k.Env, err = jupyter.Environment(c.Context(), k.Bin, backend); err != nil {
				return err
			}
			dir, err := k.Install(data, force)
			if errors.Is(err, jupyter.ErrOther) {
				return fmt.Errorf("%w\nchoose another name by --name, or replace it by --force", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(c.ErrOrStderr(), "compiling the library, so that the first cell need not")
			if err := jupyter.Warm(c.Context(), k); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "kernel %q (%s): %s\n", k.Name, k.Display, dir)
			return nil
		},
	}
	p.add(c)
	flags := c.Flags()
	flags.StringVar(&display, "display", "", `what people see (default: "Go · gomm (XLA)")`)
	flags.StringVar(&backend, "backend", "", "GOMLX_BACKEND of the cells (default: xla if a plugin is installed, else go)")
	flags.BoolVar(&force, "force", false, "replace another kernel of that name")
	_ = c.RegisterFlagCompletionFunc("backend", cobra.FixedCompletions([]string{"xla", "xla:cpu", "xla:cuda", "xla:tpu", "go"},
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

func newKernelRemove() *cobra.Command {
	var p kernelPlace
	c := &cobra.Command{
		Use:   "remove",
		Short: "Remove the kernel from Jupyter; the tools in bin/kernel stay",
		Example: `  gomm kernel remove
  gomm kernel remove --user --name gomm-work`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			module, err := p.checkout()
			if err != nil && !p.user && p.prefix == "" { // else the place is known without a checkout
				return err
			}
			data, err := p.data(module)
			if err != nil {
				return err
			}
			dir, err := jupyter.Remove(data, p.name)
			if err == nil {
				fmt.Fprintf(c.OutOrStdout(), "removed %s\n", dir)
			}
			return err
		},
	}
	p.add(c)
	return c
}

func newKernelStatus() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show which gomm kernels Jupyter knows, and what is missing",
		Example: `  gomm kernel status
  gomm kernel status --json | jq .ok`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return doctor(c.Context(), c.OutOrStdout(), kernelChecks, thisMachine(), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write one JSON object instead of lines")
	return c
}

// kernelBin is the folder of a checkout with the programs that its kernel is made of: one of their own, for a go is among them.
func kernelBin(module string) string { return filepath.Join(module, "bin", "kernel") }

// bestBackend is what cells shall compute with when nobody says: XLA, if a plugin is installed.
func bestBackend() string {
	if _, _, ok := plugin.Find(); ok {
		return "xla"
	}
	return "go"
}

// displayName names the kernel by what it computes with.
func displayName(backend string) string {
	if strings.HasPrefix(backend, "xla") {
		return "Go · gomm (XLA)"
	}
	return "Go · gomm (Go backend)"
}

// findModule looks for the checkout of gomm around the current folder, then around the program itself.
func findModule() (string, error) {
	var from []string
	if dir, err := os.Getwd(); err == nil {
		from = append(from, dir)
	}
	if program, err := os.Executable(); err == nil {
		from = append(from, filepath.Dir(program))
	}
	for _, dir := range from {
		for {
			if isModule(dir) {
				return dir, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", errors.New("there is no checkout of gomm around the current folder: go there, or name it by --module")
}

// isModule reports whether a folder holds gomm's go.mod, by whichever name the module goes.
func isModule(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && modfile.ModulePath(text) == modulePath() && isDir(filepath.Join(dir, "mmlib", "notebook"))
}

// modulePath is the name of the module that this program was built from.
func modulePath() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return info.Main.Path
	}
	return "gomm"
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// kernelChecks is what `gomm kernel status` looks for.
var kernelChecks = append(toolChecks(),
	check{"XLA plugin", "cells compute with the Go backend without it, several times slower", false,
		func(_ context.Context, m *machine) (string, error) { return m.plugin() }, always(plugin.Command)},
	check{"Jupyter", "shows the notebooks", false, findJupyter, always("make .venv")},
	check{"kernel", "Jupyter does not know the kernel without it", true, findKernel, always("gomm kernel install")},
)

// toolChecks looks for the programs that the kernel is made of.
func toolChecks() []check {
	var list []check
	for _, tool := range jupyter.Tools() {
		list = append(list, check{tool.Name, tool.Need, tool.Name != "gopls",
			func(ctx context.Context, m *machine) (string, error) { return m.tool(ctx, tool) }, always("gomm kernel install")})
	}
	return list
}
