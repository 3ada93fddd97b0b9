package jupyter

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gomlx/compute"

	"gomm/kernels/xla"
)

// Environment is what a kernel's cells are compiled and run under: the folder of tools and that of go first on PATH, the backend
// ("xla" or "go", with options as in package xla; "" lets [xla.Open] choose), and what makes both fast.
func Environment(ctx context.Context, bin, backend string) (map[string]string, error) {
	goroot, err := goCommand(ctx, bin, nil, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	path := []string{bin, filepath.Join(goroot, "bin")}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) && dir != path[0] && dir != path[1] {
			path = append(path, dir)
		}
	}
	env := map[string]string{
		"PATH": strings.Join(path, string(filepath.ListSeparator)),
		// gomm fetches plugins only when it is told to; go-xla would do so by itself.
		"GOMLX_NO_AUTO_INSTALL": "1",
		"GOEXPERIMENT":          experiment(ctx, bin),
	}
	if backend != "" {
		env[compute.ConfigEnvVar] = backend
	}
	if runtime.GOOS == "linux" {
		env[xla.TunablesVar] = xla.Tunables
	}
	// Where Go keeps what it built and fetched: whoever starts Jupyter may have another environment.
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOFLAGS",
		"GOTOOLCHAIN", "CC"} {
		if value := os.Getenv(name); value != "" {
			env[name] = value
		}
	}
	env["GOFLAGS"] = quickLink(env["GOFLAGS"])
	return env, nil
}

// quickLink adds to a user's GOFLAGS that cells are linked without debug information, which takes half the time: linking is
// most of what a cell costs. Panics keep their lines.
func quickLink(flags string) string {
	if strings.Contains(flags, "-ldflags") {
		return flags // whoever links otherwise knows why
	}
	return strings.TrimSpace(flags + " -ldflags=-w")
}

// experiment is the GOEXPERIMENT that the Makefile builds with, so that both share a build cache: that of the environment, or SIMD
// where the toolchain has it, with which the pure Go backend is twice as fast.
func experiment(ctx context.Context, dir string) string {
	if value, set := os.LookupEnv("GOEXPERIMENT"); set {
		return value
	}
	if runtime.GOARCH != "amd64" {
		return ""
	}
	value, err := goCommand(ctx, dir, []string{"GOEXPERIMENT=simd"}, "env", "GOEXPERIMENT")
	if err != nil {
		return "" // a toolchain without it
	}
	return value
}

// Warm compiles what cells of the lessons import, so that the first cell need not.
func Warm(ctx context.Context, k Kernel) error {
	var env []string
	for name, value := range k.Env {
		env = append(env, name+"="+value)
	}
	_, err := goCommand(ctx, k.Module, env, "build", "./mmlib/...", "./kernels/xla/...")
	return err
}
