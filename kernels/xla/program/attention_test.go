package program

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gomm/kernels/xla/plugin"
)

// plain is softmax(Q·Kᵀ/√d_k)·V in loops, in float64.
func plain(a Attention, q, k, v []float32) []float64 {
	z := make([]float64, a.L*a.K)
	for i := range a.L {
		weights := make([]float64, a.S)
		for j := range a.S {
			for c := range a.K {
				weights[j] += float64(q[i*a.K+c]) * float64(k[j*a.K+c]) / math.Sqrt(float64(a.K))
			}
		}
		highest, sum := slices.Max(weights), 0.0
		for j := range weights {
			weights[j] = math.Exp(weights[j] - highest)
			sum += weights[j]
		}
		for j := range weights {
			for c := range a.K {
				z[i*a.K+c] += weights[j] / sum * float64(v[j*a.K+c])
			}
		}
	}
	return z
}

// random fills n values from [-scale, scale).
func random(r *rand.Rand, n int, scale float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = scale * (2*r.Float32() - 1)
	}
	return x
}

// sizes has each side at 1, sides that all differ, in several orders, and sizes that fill no vector of the CPU.
var sizes = []Attention{
	{1, 1, 1}, {1, 3, 4}, {2, 1, 4}, {2, 3, 1}, {2, 3, 4}, {4, 2, 3}, {3, 4, 2}, {17, 31, 13}, {64, 128, 64},
}

func TestRun(t *testing.T) {
	if !runs {
		t.Skip("no XLA here, or no plugin")
	}
	r := rand.New(rand.NewPCG(4, 2))
	for _, a := range sizes {
		q, k, v := random(r, a.L*a.K, 1), random(r, a.S*a.K, 1), random(r, a.S*a.K, 1)
		compare(t, a, q, k, v)
	}
}

// Scores of ±1e4 overflow exp unless the maximum is taken off.
func TestRunLargeScores(t *testing.T) {
	if !runs {
		t.Skip("no XLA here, or no plugin")
	}
	a := Attention{L: 3, S: 3, K: 4}
	v := random(rand.New(rand.NewPCG(4, 2)), 12, 1)
	q := []float32{100, 100, 0, 0, -100, -100, 0, 0, 100, -100, 0, 0}
	k := []float32{100, 100, 0, 0, 50, 50, 0, 0, -100, -100, 0, 0}
	compare(t, a, q, k, v)
}

func compare(t *testing.T, a Attention, q, k, v []float32) {
	t.Helper()
	z, err := a.Run(q, k, v)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	want := plain(a, q, k, v)
	if len(z) != len(want) {
		t.Fatalf("%+v: %d values, want %d", a, len(z), len(want))
	}
	for i := range z {
		if d := math.Abs(float64(z[i]) - want[i]); !(d <= 1e-6) {
			t.Errorf("%+v: z[%d] = %g, want %g", a, i, z[i], want[i])
		}
	}
}

func TestStableHLO(t *testing.T) {
	for _, a := range sizes {
		text, err := a.StableHLO()
		if err != nil {
			t.Fatalf("%+v: %v", a, err)
		}
		head := fmt.Sprintf("@main(%%q: tensor<%dx%[3]dxf32>, %%k: tensor<%[2]dx%[3]dxf32>, %%v: tensor<%[2]dx%[3]dxf32>)"+
			" -> tensor<%[1]dx%[3]dxf32>", a.L, a.S, a.K)
		if !strings.Contains(text, head) {
			t.Errorf("%+v: no %s in\n%s", a, head, text)
		}
		for range 20 {
			if again, _ := a.StableHLO(); again != text {
				t.Fatalf("%+v: two texts:\n%s\n%s", a, text, again)
			}
		}
	}
}

func TestBadInput(t *testing.T) {
	x := make([]float32, 12)
	for _, c := range []struct {
		a       Attention
		q, k, v []float32
		want    string
	}{
		{Attention{0, 3, 4}, nil, x, x, "L=0, S=3, K=4"},
		{Attention{2, -1, 4}, x[:8], nil, nil, "S=-1"},
		{Attention{2, 3, 0}, nil, nil, nil, "K=0"},
		{Attention{2, 3, 4}, x[:7], x, x, "q has 7 values; it must have 2 rows of 4"},
		{Attention{2, 3, 4}, x[:8], x[:8], x, "k has 8 values; it must have 3 rows of 4"},
		{Attention{2, 3, 4}, x[:8], x, nil, "v has 0 values; it must have 3 rows of 4"},
		{Attention{math.MaxInt/4 + 1, 3, 4}, nil, x, x, "q has 0 values"}, // L·K overflows
	} {
		if z, err := c.a.Run(c.q, c.k, c.v); z != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, error %v; want an error with %q", c.a, z, err, c.want)
		}
	}
	if text, err := (Attention{L: 2, S: 3}).StableHLO(); text != "" || err == nil {
		t.Errorf("StableHLO with K=0: %q, %v", text, err)
	}
}

// noPlugins makes every place where plugins are looked for empty.
func noPlugins(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
}

// Without XLA, without a plugin, or with a file that is none, Run says so.
func TestRunWithout(t *testing.T) {
	x := make([]float32, 12)
	a := Attention{L: 3, S: 3, K: 4}
	if !runs {
		if _, err := a.Run(x, x, x); err == nil {
			t.Error("no XLA here, or no plugin, and no error")
		}
		return
	}
	noPlugins(t)
	if path, _, found := plugin.Find(); found {
		t.Skipf("the system has a plugin in %s", path)
	}
	if _, err := a.Run(x, x, x); err == nil || !strings.Contains(err.Error(), plugin.Command) {
		t.Errorf("no plugin: error %v; want one that names %q", err, plugin.Command)
	}
	dir := t.TempDir()
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)
	file := filepath.Join(dir, "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(file, []byte("not a library"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Run(x, x, x); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("broken plugin: error %v; want one that names %s", err, file)
	}
}

// XLA's errors come back as errors: this program is none.
func TestRunBadProgram(t *testing.T) {
	if !runs {
		t.Skip("no XLA here, or no plugin")
	}
	x := make([]float32, 1)
	if z, err := (Attention{1, 1, 1}).run("module @attention {", x, x, x); z != nil || err == nil {
		t.Errorf("%v, error %v", z, err)
	}
}

func TestOptimized(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a] folder") // a pattern, if it were taken for one
	if _, err := Optimized(dir); err == nil || !strings.Contains(err.Error(), "XLA_FLAGS=\"--xla_dump_to="+dir) {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for i, name := range []string{ // of an earlier process, the newest, and others
		"module_0042.attention.cpu_after_optimizations.txt",
		"module_0007.attention.sm_9.0_gpu_after_optimizations.txt",
		"module_0043.attention.cpu_after_optimizations-buffer-assignment.txt",
		"module_0044.attention.before_optimizations.txt",
		"module_0045.other.cpu_after_optimizations.txt",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, start, start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := Optimized(dir); err != nil || !strings.HasPrefix(text, "module_0007") {
		t.Errorf("%q, %v", text, err)
	}
}
