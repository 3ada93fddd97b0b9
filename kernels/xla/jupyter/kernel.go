package jupyter

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// DefaultName is what notebooks of the lessons ask for.
const DefaultName = "gomm"

// Kernel is what Jupyter needs to know of the kernel.
type Kernel struct {
	Name    string            // of its folder, by which notebooks ask for it
	Display string            // what people see
	Module  string            // the folder of gomm's go.mod, absolute
	Bin     string            // the folder of gonb and its helpers, absolute
	Env     map[string]string // the environment of the kernel and of the cells
}

// spec is the file kernel.json; https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs
type spec struct {
	Argv          []string          `json:"argv"`
	DisplayName   string            `json:"display_name"`
	Language      string            `json:"language"`
	InterruptMode string            `json:"interrupt_mode"`
	Env           map[string]string `json:"env"`
	Metadata      metadata          `json:"metadata"`
}

type metadata struct {
	Gomm *ours `json:"gomm,omitempty"` // only our kernels have it
}

type ours struct {
	Module string `json:"module"`
	Bin    string `json:"bin"`
}

//go:embed logo-svg.svg logo-64x64.png logo-32x32.png
var logos embed.FS

// ErrOther is in the error of Install when the name belongs to something else.
var ErrOther = errors.New("the name is taken")

var kernelName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// place is a kernel's folder below a data folder; nothing but a name leads there, above all not "..".
func place(data, name string) (dir string, err error) {
	if !kernelName.MatchString(name) {
		return "", fmt.Errorf("jupyter: a kernel cannot be called %q: use letters, digits, '_', and behind the first also '.' and '-'", name)
	}
	return filepath.Join(data, "kernels", name), nil
}

// Install writes the kernel's folder below a data folder of Jupyter, such as .venv/share/jupyter, and returns it. It replaces
// the kernel of the same checkout, all of it or nothing; a kernel of that name that is another checkout's, or not gomm's, it
// replaces only by force.
func (k Kernel) Install(data string, force bool) (dir string, err error) {
	dir, err = place(data, k.Name)
	if err != nil {
		return "", err
	}
	for what, path := range map[string]string{"module": k.Module, "folder of tools": k.Bin} {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("jupyter: the %s is %q: it must be an absolute path, as a kernel is started anywhere", what, path)
		}
	}
	if old, err := Read(dir); !errors.Is(err, fs.ErrNotExist) && !force {
		switch {
		case err != nil:
			return "", fmt.Errorf("jupyter: %s holds another kernel (%w): choose another name, or force it: %w", dir, err, ErrOther)
		case old.Module != k.Module:
			return "", fmt.Errorf("jupyter: %s is the kernel of the checkout %s: choose another name, or force it: %w", dir, old.Module,
				ErrOther)
		}
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("jupyter: %w", err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".gomm-")
	if err != nil {
		return "", fmt.Errorf("jupyter: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := k.write(temp); err != nil {
		return "", fmt.Errorf("jupyter: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("jupyter: the old kernel: %w", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return "", fmt.Errorf("jupyter: %w", err)
	}
	return dir, nil
}

func (k Kernel) write(dir string) error {
	text, err := json.MarshalIndent(spec{
		Argv: []string{filepath.Join(k.Bin, "gonb"), "--kernel", "{connection_file}", "-go_work=" + k.Module,
			// GoNB logs what it does to stderr, which in a console stands between the results.
			"-logtostderr=false", "-log_file=" + os.DevNull, "-stderrthreshold=FATAL"},
		DisplayName:   k.Display,
		Language:      "go",
		InterruptMode: "message",
		Env:           k.Env,
		Metadata:      metadata{&ours{k.Module, k.Bin}},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	files, err := logos.ReadDir(".")
	if err != nil {
		return err
	}
	for _, file := range files {
		logo, err := logos.ReadFile(file.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file.Name()), logo, 0o644); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o755) // MkdirTemp makes it the owner's alone
}

// Read reads a kernel's folder; the error is fs.ErrNotExist when there is none, and another when the kernel is not gomm's.
func Read(dir string) (Kernel, error) {
	path := filepath.Join(dir, "kernel.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return Kernel{}, err
	}
	var s spec
	if err := json.Unmarshal(text, &s); err != nil {
		return Kernel{}, fmt.Errorf("jupyter: %s: %w", path, err)
	}
	if s.Metadata.Gomm == nil {
		return Kernel{}, fmt.Errorf("jupyter: %s is not a kernel of gomm", path)
	}
	return Kernel{Name: filepath.Base(dir), Display: s.DisplayName, Module: s.Metadata.Gomm.Module, Bin: s.Metadata.Gomm.Bin, Env: s.Env}, nil
}

// Remove removes a kernel's folder below a data folder. It refuses what is not gomm's.
func Remove(data, name string) (dir string, err error) {
	dir, err = place(data, name)
	if err != nil {
		return "", err
	}
	if _, err := Read(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return dir, fmt.Errorf("jupyter: there is no kernel %q in %s: %w", name, filepath.Dir(dir), fs.ErrNotExist)
		}
		return dir, err
	}
	return dir, os.RemoveAll(dir)
}

// Installed is a kernel of gomm and its folder.
type Installed struct {
	Kernel
	Dir string
}

// List finds gomm's kernels in data folders of Jupyter.
func List(data ...string) []Installed {
	var found []Installed
	for _, folder := range data {
		dirs, _ := filepath.Glob(filepath.Join(folder, "kernels", "*")) // fails for a malformed pattern only
		slices.Sort(dirs)
		for _, dir := range dirs {
			if k, err := Read(dir); err == nil {
				found = append(found, Installed{k, dir})
			}
		}
	}
	return found
}
