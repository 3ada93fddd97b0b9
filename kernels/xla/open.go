package xla

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute"

	"gomm/kernels/xla/plugin"
)

// Notices is where [Open] says, in one line and once in a process, that it uses a slower backend than it could and why.
var Notices io.Writer = os.Stderr

var (
	mu     sync.Mutex // guards what follows
	opened = map[string]compute.Backend{}
	said   = map[string]bool{}
)

// Open returns the backend that the environment asks for, or else the best that is installed; the package comment has the rules. The
// backend is shared by all who call Open: do not finalize it.
func Open() (compute.Backend, error) {
	mu.Lock()
	defer mu.Unlock()
	config := strings.TrimSpace(os.Getenv(compute.ConfigEnvVar))
	if config == "" {
		return openBest()
	}
	b, err := openConfig(config)
	if err != nil {
		return nil, fmt.Errorf("%s=%q: %w", compute.ConfigEnvVar, config, err)
	}
	return b, nil
}

// openBest tries the installed plugins, the best first, and falls back to the Go backend. What did not work is said in one line.
func openBest() (compute.Backend, error) {
	var problems []string
	if Built {
		installed := plugin.Installed()
		for _, p := range installed {
			b, err := shared("xla", withDefaults(p.Path, nil))
			if err == nil {
				notice(Describe(b), problems)
				return b, nil
			}
			problems = append(problems, fmt.Sprintf("the %s plugin %s cannot be used: %v", p.Kind, p.Path, err))
		}
		if len(installed) == 0 {
			problems = []string{"no XLA plugin is installed; XLA is several times faster, get it with: " + plugin.Command}
		}
	} else {
		problems = []string{"gomm is built without XLA, which is several times faster; build it with a C compiler and without the tag noxla"}
	}
	notice("the pure Go backend", problems)
	return shared("go", "")
}

// openConfig opens what GOMLX_BACKEND names: a backend, and after a colon its options.
func openConfig(config string) (compute.Backend, error) {
	name, options, _ := strings.Cut(config, ":")
	switch known := compute.List(); {
	case !Built && isXLA(name):
		return nil, fmt.Errorf("this gomm is built without XLA; build it with a C compiler and without the tag noxla, or choose %s=go",
			compute.ConfigEnvVar)
	case !slices.Contains(known, name):
		slices.Sort(known)
		return nil, fmt.Errorf("unknown backend %q; known are: %s", name, strings.Join(known, ", "))
	case !isXLA(name):
		return shared(name, options)
	}
	parts := strings.Split(options, ",")
	path, err := resolve(parts[0])
	if err != nil {
		return nil, err
	}
	return shared("xla", withDefaults(path, parts[1:]))
}

// isXLA reports whether a backend is XLA, which go-xla also knows by the names of the languages that it compiles.
func isXLA(name string) bool {
	return slices.Contains([]string{"xla", "stablehlo", "hlo", "shlo"}, name)
}

// resolve turns the name of a plugin into the path of one that is installed. A path stays as it is, and so does a name that only
// go-xla may know.
func resolve(name string) (string, error) {
	path, ok := name, true
	switch {
	case name == "":
		path, _, ok = plugin.Find()
	case slices.Contains(plugin.Kinds(), plugin.Kind(name)):
		path, ok = plugin.FindKind(plugin.Kind(name))
	case strings.ContainsAny(name, "/"+string(filepath.Separator)):
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("no such plugin: %w", err)
		}
		return filepath.Abs(name)
	}
	if ok {
		return path, nil
	}
	if name == "" || name == string(plugin.CPU) {
		return "", fmt.Errorf("no XLA plugin is installed; get one with: %s", plugin.Command)
	}
	return "", fmt.Errorf("no XLA plugin for %q is installed; get it with: gomm data %s", name, name)
}

// withDefaults joins a plugin and its options to go-xla's form, and adds what we want unless the caller has said otherwise.
func withDefaults(path string, options []string) string {
	kind, _ := plugin.KindOf(path)
	given := func(o string) bool {
		return strings.HasPrefix(o, "preallocate") || strings.HasPrefix(o, "nopreallocate")
	}
	if (kind == plugin.CUDA || path == string(plugin.CUDA)) && !slices.ContainsFunc(options, given) {
		options = append(slices.Clone(options), "preallocate=false")
	}
	return strings.Join(append([]string{path}, options...), ",")
}

// shared returns the backend for a choice, made at the first time.
func shared(name, options string) (compute.Backend, error) {
	key := name + ":" + options
	if b, ok := opened[key]; ok && !b.IsFinalized() {
		return b, nil
	}
	b, err := construct(name, options)
	if err != nil {
		return nil, err
	}
	opened[key] = b
	return b, nil
}

// construct makes a backend. Backends panic for some mistakes; here every failure is an error.
func construct(name, options string) (b compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("backend %s: %v", name, r)
		}
	}()
	if name == "go" {
		return newGo(options)
	}
	if isXLA(name) {
		path, _, _ := strings.Cut(options, ",")
		if err := errors.Join(checkPath(path), plugin.Verify(path)); err != nil {
			return nil, err
		}
	}
	return compute.NewWithConfig(name + ":" + options)
}

// checkPath refuses a path that go-xla would misread: it takes every plugin with "cuda" or "nvidia" anywhere in its path for CUDA's.
func checkPath(path string) error {
	kind, _ := plugin.KindOf(path)
	lower := strings.ToLower(path)
	if kind != "" && kind != plugin.CUDA && (strings.Contains(lower, "cuda") || strings.Contains(lower, "nvidia")) {
		return fmt.Errorf("the path %s of a %s plugin contains \"cuda\" or \"nvidia\", by which it would be taken for a CUDA plugin; copy it "+
			"to a folder without these words and set PJRT_PLUGIN_LIBRARY_PATH to that",
			path, kind)
	}
	return nil
}

// notice says once which backend is used, and why not a better one, if there are reasons.
func notice(backend string, problems []string) {
	text := fmt.Sprintf("gomm: running on %s: %s", backend, strings.Join(problems, "; "))
	if len(problems) == 0 || said[text] {
		return
	}
	said[text] = true
	fmt.Fprintln(Notices, strings.ReplaceAll(text, "\n", " "))
}
