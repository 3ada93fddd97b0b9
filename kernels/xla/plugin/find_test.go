package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gofrs/flock"
)

// emptyHome is a machine's folders with no plugin of the user in them.
func emptyHome(t *testing.T) (home, cache string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("LocalAppData", filepath.Join(home, "cache"))
	t.Setenv("USERPROFILE", home)
	t.Setenv(pathVariable, "")
	cache, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	return home, cache
}

func all(Kind) bool { return true }

// places without the system's own folders.
func testPlaces() []place {
	return slices.DeleteFunc(places(), func(p place) bool {
		for i, dir := range p.folders {
			if strings.HasPrefix(dir, "/usr/local") {
				p.folders[i] = "/nonexistent"
			}
		}
		return false
	})
}

func TestFindOrder(t *testing.T) {
	home, cache := emptyHome(t)
	expect := func(want ...Plugin) {
		t.Helper()
		if got := search(testPlaces(), all); !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
		}
	}
	expect()

	ours := cpuWheel.library(cache)
	put(t, ours, []byte("cut off"))
	expect() // a wrong size is no plugin
	if err := os.Truncate(ours, cpuWheel.librarySize); err != nil {
		t.Fatal(err)
	}
	expect(Plugin{ours, CPU, FromCache})

	lib, err := goXLALib()
	if err != nil {
		t.Fatal(err)
	}
	tpu := filepath.Join(lib, "go-xla", fileName(TPU))
	cuda := filepath.Join(lib, "go-xla", "nvidia", fileName(CUDA))
	cpu := filepath.Join(lib, "go-xla", "pjrt_c_api_cpu_v0.114.0_plugin.so")
	put(t, tpu, []byte("x"))
	expect(Plugin{tpu, TPU, FromGoXLA}, Plugin{ours, CPU, FromCache})
	put(t, cuda, []byte("x"))
	put(t, cpu, []byte("x"))
	expect(Plugin{cuda, CUDA, FromGoXLA}, Plugin{tpu, TPU, FromGoXLA}, Plugin{cpu, CPU, FromGoXLA})

	folder := filepath.Join(home, "mine")
	mine := filepath.Join(folder, fileName(CPU))
	list := string(filepath.ListSeparator)
	t.Setenv(pathVariable, filepath.Join(home, "none")+list+list+folder)
	expect(Plugin{cuda, CUDA, FromGoXLA}, Plugin{tpu, TPU, FromGoXLA}, Plugin{cpu, CPU, FromGoXLA}) // the variable's folders hold none
	put(t, mine, nil)
	if err := os.Symlink(filepath.Join(home, "gone"), filepath.Join(folder, fileName(CUDA))); err != nil {
		t.Fatal(err)
	}
	expect(Plugin{cuda, CUDA, FromGoXLA}, Plugin{tpu, TPU, FromGoXLA}, Plugin{cpu, CPU, FromGoXLA}) // an empty file, and a link to nowhere
	put(t, mine, []byte("x"))
	expect(Plugin{mine, CPU, FromEnvironment}) // and nothing else
}

func TestFindNeedsTheDevice(t *testing.T) {
	home, _ := emptyHome(t)
	t.Setenv(pathVariable, home)
	put(t, filepath.Join(home, fileName(TPU)), []byte("x"))
	put(t, filepath.Join(home, fileName(CPU)), []byte("x"))
	path, kind, ok := Find()
	if want := CPU; !hasTPU() && (kind != want || !ok || path != filepath.Join(home, fileName(CPU))) {
		t.Errorf("%s %s %v", path, kind, ok)
	}
	if path, ok := FindKind(TPU); !ok || path != filepath.Join(home, fileName(TPU)) {
		t.Errorf("asked for by name: %s %v", path, ok)
	}
	if path, ok := FindKind("gpu"); ok {
		t.Errorf("found %s", path)
	}
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]Kind{
		"/a/pjrt_c_api_cpu_plugin.so":              CPU,
		"/a/pjrt_c_api_cpu_v0.83.4_plugin.so":      CPU,
		"pjrt_c_api_cuda13_plugin.so":              CUDA,
		"/cuda/pjrt_c_api_cpu_plugin.dylib":        CPU,
		"/a/pjrt-plugin-tpu.so":                    TPU,
		"/a/pjrt_c_api_rocm_plugin.so":             "",
		"/a/pjrt_c_api_cpux_plugin.so":             "",
		"/a/pjrt_c_api_cpu_plugin.so.tmp":          "",
		"/a/pjrt_c_api_cpu_plugin.so/README":       "",
		"/pjrt_c_api_cpu_plugin.so/libpjrt_cpu.so": "",
	} {
		if got, ok := KindOf(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	in, _ := newFake(t)
	s := check(nil, in.system, in.wheel)
	if s.OK || s.Remedy != Command || s.Problem == "" {
		t.Errorf("nothing installed: %+v", s)
	}
	s = check(nil, system{"plan9", "amd64", in.system.root}, in.wheel)
	if s.OK || !strings.Contains(s.Problem, "plan9") || !strings.Contains(s.Remedy, "Go backend") {
		t.Errorf("no plugin for the system: %+v", s)
	}
	mustInstall(t, in)
	library := in.wheel.library(in.dir)
	s = check([]Plugin{{library, CPU, FromCache}}, in.system, in.wheel)
	if !s.OK || !s.Verified || s.Problem != "" || s.Path != library {
		t.Errorf("installed: %+v", s)
	}
	put(t, library, bytes.Repeat([]byte{1}, len(fakeLibrary)))
	s = check([]Plugin{{library, CPU, FromCache}}, in.system, in.wheel)
	if s.OK || s.Verified || !strings.Contains(s.Problem, library) || s.Remedy != Command {
		t.Errorf("damaged: %+v", s)
	}
	s = check([]Plugin{{library, CPU, FromGoXLA}}, in.system, in.wheel)
	if !s.OK || s.Verified {
		t.Errorf("from elsewhere: %+v", s)
	}
}

func TestAccelerators(t *testing.T) {
	write := func(goXLA string) error {
		path := filepath.Join(goXLA, "nvidia", fileName(CUDA))
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("x"), 0o755))
	}
	for name, c := range map[string]struct {
		install func(string) error
		words   string // of the error; "" for none
	}{
		"fine":        {write, ""},
		"unsupported": {nil, "linux/amd64"},
		"no network":  {func(dir string) error { return errors.Join(os.MkdirAll(dir+"/nvidia/cu13", 0o755), errUnreachable) }, "HTTPS_PROXY"},
		"full":        {func(string) error { return fmt.Errorf("writing: %w", syscall.ENOSPC) }, "is full"},
		"panic":       {func(string) error { panic("no such user") }, "no such user"},
		"nothing":     {func(string) error { return nil }, "is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "go-xla")
			var said bytes.Buffer
			a := accelerator{CUDA, "nvidia", c.install}
			path, err := a.fetchInto(context.Background(), dir, Options{Progress: &said})
			if c.words == "" {
				if err != nil || path != filepath.Join(dir, "nvidia", fileName(CUDA)) || !strings.Contains(said.String(), "cuda") {
					t.Errorf("%q, %v, said %q", path, err, &said)
				}
				a.install = func(string) error { return errors.New("installed twice") }
				if _, err := a.fetchInto(context.Background(), dir, Options{Progress: &said}); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
			if exists(filepath.Join(dir, "nvidia")) {
				t.Error("half of an installation is left")
			}
		})
	}
}

func TestAcceleratorCancel(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	a := accelerator{TPU, "", func(string) error { close(started); <-release; return errors.New("late") }}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-started; cancel() }()
	dir := t.TempDir()
	if _, err := a.fetchInto(ctx, dir, Options{Progress: &bytes.Buffer{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(release)
	lock := flock.New(filepath.Join(dir, "tpu.lock")) // the installer has ended when it is free
	if err := errors.Join(lock.Lock(), lock.Unlock()); err != nil {
		t.Error(err)
	}
}

func TestRealAcceleratorsKnowTheirSystem(t *testing.T) {
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		return // here they would fetch gigabytes
	}
	for _, fetch := range []func(context.Context, Options) (string, error){FetchCUDA, FetchTPU} {
		if _, err := fetch(context.Background(), Options{}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%v", err)
		}
	}
}
