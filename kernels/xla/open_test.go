package xla

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla/plugin"
)

// fresh forgets what earlier tests opened and said, gives GOMLX_BACKEND a value, and returns what Open says.
func fresh(t *testing.T, backend string) *bytes.Buffer {
	t.Helper()
	lines := new(bytes.Buffer)
	writer, before, words := Notices, opened, said
	Notices, opened, said = lines, map[string]compute.Backend{}, map[string]bool{}
	t.Cleanup(func() { Notices, opened, said = writer, before, words })
	t.Setenv(compute.ConfigEnvVar, backend)
	return lines
}

// noPlugins makes every place where plugins are looked for empty; false if the system's own folders hold one.
func noPlugins(t *testing.T) bool {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	_, _, found := plugin.Find()
	return !found
}

// twoAndTwo compiles 2 + 2 and runs it.
func twoAndTwo(t *testing.T, b compute.Backend) {
	t.Helper()
	sum, err := graph.CallOnce(b, func(x *graph.Node) *graph.Node { return graph.Add(x, x) }, float32(2))
	if err != nil {
		t.Fatal(err)
	}
	if got := sum.Value(); got != float32(4) {
		t.Errorf("2 + 2 = %v on %s", got, Describe(b))
	}
}

// Whatever is installed here, Open gives a backend that computes, again and again, and always the same one.
func TestOpen(t *testing.T) {
	said := fresh(t, os.Getenv(compute.ConfigEnvVar))
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	twoAndTwo(t, b)
	again, err := Open()
	if err != nil || again != b {
		t.Errorf("the second Open gives another backend, %v", err)
	}
	path, kind, found := plugin.Find()
	t.Logf("%s; plugin %s", Describe(b), path)
	if os.Getenv(compute.ConfigEnvVar) != "" || !Built || !found {
		return
	}
	if !strings.HasPrefix(Describe(b), "xla:"+string(kind)) || said.Len() > 0 {
		t.Errorf("a %s plugin is installed, but Open gives %s and says %q", kind, Describe(b), said)
	}
	if kind == plugin.CPU && b.NumDevices() != 4 {
		t.Errorf("%d devices, want 4", b.NumDevices())
	}
}

// The names that GOMLX_BACKEND has for the installed CPU plugin.
func TestXLAByName(t *testing.T) {
	path, found := plugin.FindKind(plugin.CPU)
	if !Built || !found {
		t.Skip("no XLA here")
	}
	for _, backend := range []string{"xla:cpu", "stablehlo:cpu", "xla:" + path, "xla:cpu,shared_buffers=false"} {
		fresh(t, backend)
		b, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Describe(b), "xla:cpu (4 devices)"; got != want {
			t.Errorf("%s: %s, want %s", backend, got, want)
		}
		twoAndTwo(t, b)
		b.Finalize()
		again, err := Open()
		if err != nil || again == b || Describe(b) != "no backend" {
			t.Fatalf("%s: after somebody finalized it: %s, %v", backend, Describe(again), err)
		}
		twoAndTwo(t, again)
		again.Finalize()
	}
}

func TestGoBackend(t *testing.T) {
	for backend, parallelism := range map[string]string{
		"go":                              "(parallelism=-1)",
		"go:":                             "(parallelism=-1)",
		" go ":                            "(parallelism=-1)",
		"go:ops_sequential":               "(parallelism=-1)",
		"go:parallelism=1":                "(parallelism=1)",
		"go:ops_parallel,parallelism=2":   "(parallelism=2)",
		"go:parallelism=-1,ops_parallel":  "(parallelism=-1)",
		"go:parallelism=0,ops_sequential": "(parallelism=0)",
	} {
		t.Run(backend, func(t *testing.T) {
			said := fresh(t, backend)
			printed := captureStdout(t)
			b, err := Open()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(b.Description(), parallelism) || Describe(b) != "go" {
				t.Errorf("%s, %s, want %s", Describe(b), b.Description(), parallelism)
			}
			twoAndTwo(t, b)
			if out := printed(); out != "" || said.Len() > 0 {
				t.Errorf("printed %q, said %q", out, said)
			}
		})
	}
}

// captureStdout collects the standard output until the function that it returns is called.
func captureStdout(t *testing.T) func() string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	return func() string {
		os.Stdout = stdout
		w.Close()
		out, err := io.ReadAll(r)
		if err != nil {
			t.Error(err)
		}
		return string(out)
	}
}

func TestMistakes(t *testing.T) {
	if !noPlugins(t) {
		t.Log("the system has a plugin of its own: its absence cannot be tested")
		return
	}
	missing, missingCUDA := plugin.Command, "gomm data cuda"
	if !Built {
		missing, missingCUDA = "built without XLA", "built without XLA"
	}
	for backend, words := range map[string]string{
		"tpu":                `unknown backend "tpu"; known are: go`,
		"torch:cpu":          `unknown backend "torch"`,
		":cpu":               `unknown backend ""`,
		"go:parallelism=all": `parallelism="all" is not a whole number`,
		"go:fast":            `unknown configuration option "fast"`,
		"xla":                missing,
		"xla:cpu":            missing,
		"xla:cuda":           missingCUDA,
		"xla:/no/such.so":    map[bool]string{true: "/no/such.so: no such file", false: missing}[Built],
	} {
		fresh(t, backend)
		b, err := Open()
		if err == nil {
			t.Errorf("%s: no error but %s", backend, Describe(b))
			continue
		}
		if !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), `GOMLX_BACKEND="`+backend+`"`) {
			t.Errorf("%s: the message does not say %q: %v", backend, words, err)
		}
	}
}

// Without a plugin there is one line, once, and the Go backend computes.
func TestWithoutPlugin(t *testing.T) {
	if !noPlugins(t) {
		t.Log("the system has a plugin of its own: its absence cannot be tested")
		return
	}
	said := fresh(t, "")
	for range 2 {
		b, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		if Describe(b) != "go" || !strings.HasSuffix(b.Description(), "(parallelism=-1)") {
			t.Errorf("%s, %s", Describe(b), b.Description())
		}
		twoAndTwo(t, b)
	}
	want := plugin.Command
	if !Built {
		want = "C compiler"
	}
	if strings.Count(said.String(), "\n") != 1 || !strings.Contains(said.String(), "pure Go backend") ||
		!strings.Contains(said.String(), want) {
		t.Errorf("said %q", said)
	}
}

// A file that is not a plugin does not keep anybody from working.
func TestBrokenPlugin(t *testing.T) {
	if !Built {
		t.Skip("plugins are not opened in this build")
	}
	dir := t.TempDir()
	broken := filepath.Join(dir, "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(broken, []byte("not a library"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)
	said := fresh(t, "")
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	twoAndTwo(t, b)
	if line := said.String(); Describe(b) != "go" || strings.Count(line, "\n") != 1 ||
		!strings.HasPrefix(line, "gomm: running on the pure Go backend: the cpu plugin "+broken+" cannot be used") {
		t.Errorf("%s, said %q", Describe(b), line)
	}
	fresh(t, "xla:cpu")
	if b, err := Open(); err == nil { // asked for by name: no other will do
		t.Errorf("no error but %s", Describe(b))
	}
}

func TestPanicsAreErrors(t *testing.T) {
	compute.Register("panicking", func(string) (compute.Backend, error) { panic("out of order") })
	fresh(t, "panicking:x")
	if b, err := Open(); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("%v, %v", b, err)
	}
}

func TestDefaultsOfCUDA(t *testing.T) {
	const cuda, cpu = "/x/pjrt_c_api_cuda_plugin.so", "/x/pjrt_c_api_cpu_plugin.so"
	for _, c := range []struct {
		path    string
		options []string
		want    string
	}{
		{cuda, nil, cuda + ",preallocate=false"},
		{cuda, []string{"tf32=false"}, cuda + ",tf32=false,preallocate=false"},
		{cuda, []string{"preallocate=true"}, cuda + ",preallocate=true"},
		{cuda, []string{"nopreallocate"}, cuda + ",nopreallocate"},
		{cpu, nil, cpu},
	} {
		if got := withDefaults(c.path, c.options); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestMisleadingPath(t *testing.T) {
	for path, ok := range map[string]bool{
		"/home/nvidia/pjrt_c_api_cpu_plugin.so":  false,
		"/home/CUDA/pjrt_c_api_tpu_plugin.so":    false,
		"/home/ana/pjrt_c_api_cpu_plugin.so":     true,
		"/home/nvidia/pjrt_c_api_cuda_plugin.so": true,
	} {
		if err := checkPath(path); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
}
