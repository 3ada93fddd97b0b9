package jupyter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func kernel(module string) Kernel {
	return Kernel{Name: "gomm", Display: "Go · gomm (XLA)", Module: module, Bin: filepath.Join(module, "bin"),
		Env: map[string]string{"GOMLX_BACKEND": "xla"}}
}

// TestInstall: what Jupyter reads is all there, and what it says is what was meant.
func TestInstall(t *testing.T) {
	data := filepath.Join(t.TempDir(), "share", "jupyter")
	dir, err := kernel("/src/gomm").Install(data, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(data, "kernels", "gomm"); dir != want {
		t.Errorf("installed in %s, want %s", dir, want)
	}
	text, err := os.ReadFile(filepath.Join(dir, "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Argv        []string
		DisplayName string `json:"display_name"`
		Language    string
		Env         map[string]string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	argv := []string{"/src/gomm/bin/gonb", "--kernel", "{connection_file}", "-go_work=/src/gomm",
		"-logtostderr=false", "-log_file=/dev/null", "-stderrthreshold=FATAL"}
	if !slices.Equal(got.Argv, argv) || got.DisplayName != "Go · gomm (XLA)" || got.Language != "go" || got.Env["GOMLX_BACKEND"] != "xla" {
		t.Errorf("kernel.json says %s", text)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"} {
		if !slices.ContainsFunc(files, func(f fs.DirEntry) bool { return f.Name() == want }) {
			t.Errorf("no %s in %v", want, files)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the folder has mode %v, error %v; others must be able to read it", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(data, "kernels", ".gomm-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestTwoCheckouts: they do not take each other's kernel away, and a kernel that is not gomm's is left alone.
func TestTwoCheckouts(t *testing.T) {
	data := t.TempDir()
	first, second := kernel("/a/gomm"), kernel("/b/gomm")
	if _, err := first.Install(data, false); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Install(data, false); err != nil {
		t.Errorf("once more: %v", err)
	}
	if _, err := second.Install(data, false); !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), "/a/gomm") {
		t.Errorf("a second checkout under the same name: error %v", err)
	}
	second.Name = "gomm-b"
	if _, err := second.Install(data, false); err != nil {
		t.Fatal(err)
	}
	if list := List(data); len(list) != 2 || list[0].Module != "/a/gomm" || list[1].Module != "/b/gomm" {
		t.Errorf("kernels %+v", list)
	}
	second.Name = "gomm"
	if _, err := second.Install(data, true); err != nil {
		t.Errorf("by force: %v", err)
	}

	foreign := filepath.Join(data, "kernels", "gonb")
	if err := errors.Join(os.MkdirAll(foreign, 0o755), os.WriteFile(filepath.Join(foreign, "kernel.json"), []byte(`{"argv": ["gonb"]}`),
		0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := Remove(data, "gonb"); err == nil || !strings.Contains(err.Error(), "is not a kernel of gomm") {
		t.Errorf("removing another's kernel: error %v", err)
	}
	if k := kernel("/a/gomm"); true {
		k.Name = "gonb"
		if _, err := k.Install(data, false); !errors.Is(err, ErrOther) {
			t.Errorf("installing over another's kernel: error %v", err)
		}
	}
	for _, name := range []string{"gomm", "gomm-b"} {
		if _, err := Remove(data, name); err != nil {
			t.Error(err)
		}
	}
	if _, err := Remove(data, "gomm"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing twice: error %v", err)
	}
	if list := List(data); len(list) != 0 {
		t.Errorf("left: %+v", list)
	}
}

func TestInstallRefuses(t *testing.T) {
	data := t.TempDir()
	for _, name := range []string{"a b", "", ".", "..", "../x", "a/b", "-x"} {
		bad := kernel("/src/gomm")
		bad.Name = name
		want := fmt.Sprintf("cannot be called %q", name)
		if _, err := bad.Install(data, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("installing %q: error %v", name, err)
		}
		if _, err := Remove(data, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("removing %q: error %v", name, err)
		}
	}
	if _, err := kernel("gomm").Install(t.TempDir(), false); err == nil || !strings.Contains(err.Error(), "absolute path") {
		t.Errorf("error %v", err)
	}
}

func TestDirs(t *testing.T) {
	t.Setenv("JUPYTER_PATH", "/extra")
	t.Setenv("JUPYTER_DATA_DIR", "/user")
	if got := Dirs("/venv")[:3]; !slices.Equal(got, []string{"/extra", "/user", "/venv/share/jupyter"}) {
		t.Errorf("Jupyter looks in %v", got)
	}
}

// TestEnvironment: the tools come first on PATH, then go, and what is not absolute is left out.
func TestEnvironment(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+string(filepath.ListSeparator)+"relative")
	t.Setenv("GOFLAGS", "-trimpath")
	bin := t.TempDir()
	env, err := Environment(context.Background(), bin, "xla")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.SplitList(env["PATH"])
	if path[0] != bin || filepath.Base(path[1]) != "bin" || slices.Contains(path, "relative") {
		t.Errorf("PATH is %v", path)
	}
	if env["GOMLX_BACKEND"] != "xla" || env["GOMLX_NO_AUTO_INSTALL"] != "1" || env["GOFLAGS"] != "-trimpath -ldflags=-w" {
		t.Errorf("environment %v", env)
	}
	if env, err = Environment(context.Background(), bin, ""); err != nil || env["GOMLX_BACKEND"] != "" {
		t.Errorf("no backend chosen: %v, error %v", env, err)
	}
}

// TestToolCheck: a missing tool, a foreign file and a program of another version are told apart.
func TestToolCheck(t *testing.T) {
	bin, tool := t.TempDir(), Tool{Name: "gopls", module: "golang.org/x/tools/gopls", version: "v0.23.0"}
	if err := tool.Check(context.Background(), "", bin); err == nil || !strings.Contains(err.Error(), "no gopls in") {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(bin, "gopls")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := tool.Check(context.Background(), "", bin); err == nil || !strings.Contains(err.Error(), "is not a program of Go") {
		t.Errorf("error %v", err)
	}
	self, err := os.Executable() // a program of Go that is no gopls
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.Symlink(self, path)); err != nil {
		t.Fatal(err)
	}
	if err := tool.Check(context.Background(), "", bin); err == nil ||
		!strings.Contains(err.Error(), "is version unknown of golang.org/x/tools/gopls, not v0.23.0") {
		t.Errorf("error %v", err)
	}
}

// TestGoScript: what GoNB calls as go does not go to the network for packages that are here, and for all else is the real go.
func TestGoScript(t *testing.T) {
	script, err := goScript(context.Background(), ".")
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	path := filepath.Join(bin, "go")
	files := map[string]string{
		path:                           script,
		filepath.Join(dir, "go.mod"):   "module cell\n\ngo 1.26\n",
		filepath.Join(dir, "main.go"):  "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println() }\n",
		filepath.Join(dir, "other.go"): "package main\n\nimport _ \"example.com/nowhere\"\n",
	}
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOFLAGS", "")
	t.Setenv("GONB_TMP_DIR", dir)
	call := func(arguments ...string) error {
		cmd := exec.Command(path, arguments...)
		cmd.Dir = dir
		return cmd.Run()
	}
	if err := call("get"); err == nil {
		t.Error("a package that is nowhere was got")
	}
	if err := os.Remove(filepath.Join(dir, "other.go")); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"get"}, {"get", "-t"}, {"version"}, {"build", "-o", filepath.Join(dir, "cell"), "."}} {
		if err := call(arguments...); err != nil {
			t.Errorf("go %v: %v", arguments, err)
		}
	}
	if err := call("get", "example.com/nowhere"); err == nil {
		t.Error("go get of a package by name was skipped")
	}
	// About the same imports go is not asked again, not even where it would complain; about others it is.
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := call("get"); err != nil {
		t.Errorf("go was asked again about the same imports: %v", err)
	}
	other := "package main\n\nimport \"os\"\n\nfunc main() { os.Exit(0) }\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := call("get"); err == nil {
		t.Error("go was not asked about a new import")
	}
}

// TestQuickLink: cells are linked without debug information, and what a user has in GOFLAGS stays.
func TestQuickLink(t *testing.T) {
	for flags, want := range map[string]string{
		"": "-ldflags=-w", "-mod=mod": "-mod=mod -ldflags=-w", "-ldflags=-s": "-ldflags=-s", "-race -ldflags=-X=a=b": "-race -ldflags=-X=a=b",
	} {
		if got := quickLink(flags); got != want {
			t.Errorf("GOFLAGS %q becomes %q, want %q", flags, got, want)
		}
	}
	env, err := Environment(context.Background(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(env["GOFLAGS"], "-ldflags") {
		t.Errorf("the kernel's GOFLAGS are %q", env["GOFLAGS"])
	}
}
