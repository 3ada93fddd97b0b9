package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Kind is the kind of device that a plugin drives.
type Kind string

// The kinds that are known, the fastest first.
const (
	CUDA Kind = "cuda"
	TPU  Kind = "tpu"
	CPU  Kind = "cpu"
)

// Kinds lists the kinds in the order in which they are preferred.
func Kinds() []Kind { return []Kind{CUDA, TPU, CPU} }

// Where a plugin was found.
const (
	FromEnvironment = "PJRT_PLUGIN_LIBRARY_PATH"
	FromGoXLA       = "go-xla's folder"
	FromCache       = "gomm's cache"
)

// pathVariable is the environment variable with folders of plugins, as go-xla knows it.
const pathVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// Plugin is a plugin that is installed.
type Plugin struct {
	Path string // absolute
	Kind Kind
	From string // FromEnvironment, FromGoXLA or FromCache
}

// Find returns the best plugin that is installed, or false when there is none. It only looks at names and sizes and is quick;
// [Check] also verifies the content.
func Find() (path string, kind Kind, ok bool) {
	if all := Installed(); len(all) > 0 {
		return all[0].Path, all[0].Kind, true
	}
	return "", "", false
}

// Installed lists the plugins that can be used here, at most one of each kind, the best first.
func Installed() []Plugin {
	return search(places(), present)
}

// FindKind returns the plugin of one kind, whether or not its device seems to be present.
func FindKind(kind Kind) (path string, ok bool) {
	for _, p := range search(places(), func(k Kind) bool { return k == kind }) {
		return p.Path, true
	}
	return "", false
}

// place is folders that are asked together.
type place struct {
	from    string
	folders []string
	only    string // the one file that counts, and its size; "" for any that is named like a plugin
	size    int64
}

// places lists where plugins may lie, in order. Folders of the environment come first.
func places() []place {
	var list []place
	if dirs := slices.DeleteFunc(filepath.SplitList(os.Getenv(pathVariable)), func(s string) bool { return s == "" }); len(dirs) > 0 {
		list = append(list, place{from: FromEnvironment, folders: dirs})
	}
	list = append(list, place{from: FromGoXLA, folders: goXLAFolders()})
	if dir, err := Dir(); err == nil && cpuWheel.os == runtime.GOOS && cpuWheel.arch == runtime.GOARCH {
		file := cpuWheel.library(dir)
		list = append(list, place{from: FromCache, folders: []string{filepath.Dir(file)}, only: file, size: cpuWheel.librarySize})
	}
	return list
}

// goXLAFolders are the folders of go-xla's installer: the user's, then the system's; CUDA has a folder of its own in them.
func goXLAFolders() []string {
	var folders []string
	if lib, err := goXLALib(); err == nil {
		folders = append(folders, filepath.Join(lib, "go-xla"), filepath.Join(lib, "go-xla", "nvidia"))
	}
	return append(folders, "/usr/local/lib/go-xla", "/usr/local/lib/go-xla/nvidia")
}

// search returns the first plugin of each kind asked for. Plugins from the environment exclude all others, so that
// whoever sets the variable decides.
func search(places []place, want func(Kind) bool) []Plugin {
	found := map[Kind]Plugin{}
	for _, p := range places {
		for _, kind := range Kinds() {
			if _, have := found[kind]; have || !want(kind) {
				continue
			}
			if path, ok := p.find(kind); ok {
				found[kind] = Plugin{path, kind, p.from}
			}
		}
		if p.from == FromEnvironment && len(found) > 0 {
			break
		}
	}
	var list []Plugin
	for _, kind := range Kinds() {
		if p, ok := found[kind]; ok {
			list = append(list, p)
		}
	}
	return list
}

// find returns the plugin of one kind in a place. The plain name comes before names with a version in them.
func (p place) find(kind Kind) (string, bool) {
	for _, dir := range p.folders {
		plain := filepath.Join(dir, fileName(kind))
		paths := []string{plain}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
		for _, path := range paths {
			if got, ok := KindOf(path); !ok || got != kind || (p.only != "" && path != p.only) {
				continue
			}
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() || info.Size() == 0 || (p.only != "" && info.Size() != p.size) {
				continue
			}
			if absolute, err := filepath.Abs(path); err == nil {
				return absolute, true
			}
		}
	}
	return "", false
}

// pluginNames are the ways in which plugins are named; the first group is the kind, perhaps with a version.
var pluginNames = []*regexp.Regexp{
	regexp.MustCompile(`^pjrt_c_api_(.+)_plugin\.(so|dylib|dll)$`),
	regexp.MustCompile(`^pjrt[-_]plugin[-_](.+)\.(so|dylib|dll)$`),
}

// KindOf returns the kind of a plugin, by its file's name: pjrt_c_api_cpu_plugin.so is for CPUs. It returns false for a name that is not
// a plugin's, or of a kind that is not known here.
func KindOf(path string) (Kind, bool) {
	for _, name := range pluginNames {
		if m := name.FindStringSubmatch(filepath.Base(path)); m != nil {
			for _, kind := range Kinds() {
				// "cuda", "cuda13", "cpu_v0.83.4"
				if rest, ok := strings.CutPrefix(m[1], string(kind)); ok && strings.Trim(rest, "_v.0123456789") == "" {
					return kind, true
				}
			}
		}
	}
	return "", false
}

// fileName is the plain name of a plugin on this system.
func fileName(kind Kind) string {
	extension := "so"
	switch runtime.GOOS {
	case "darwin":
		extension = "dylib"
	case "windows":
		extension = "dll"
	}
	return fmt.Sprintf("pjrt_c_api_%s_plugin.%s", kind, extension)
}
