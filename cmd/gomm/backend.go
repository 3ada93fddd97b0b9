package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gomm/kernels/xla"
	"gomm/kernels/xla/plugin"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
)

// describePlugin says which XLA plugin would be used, after a look at its sum.
func describePlugin() (string, error) {
	if !xla.Built {
		return "", remedied{errors.New("this gomm is built without XLA"), "make build, where there is a C compiler"}
	}
	status := plugin.Check()
	if !status.OK {
		return "", remedied{errors.New(status.Problem), status.Remedy}
	}
	sum := "installed"
	if status.Verified {
		sum = "sum right"
	}
	return fmt.Sprintf("%s, %s, from %s (%s)", status.Kind, sum, status.From, status.Path), nil
}

// fetchAccelerator installs the plugin of a GPU or TPU, which go-xla's installer keeps in a folder of its own.
func fetchAccelerator(
	fetch func(context.Context, plugin.Options) (string, error),
) func(context.Context, string, io.Writer) (string, error) {
	return func(ctx context.Context, dir string, log io.Writer) (string, error) {
		if dir != "" {
			return "", usagef("data: --dir is not for the plugins of GPUs and TPUs, which have a folder of their own; got %q", dir)
		}
		return fetch(ctx, plugin.Options{Progress: log})
	}
}

// fetchPlugin installs the CPU plugin, unless one is installed that is not ours to replace.
func fetchPlugin(ctx context.Context, dir string, log io.Writer) (string, error) {
	if dir == "" {
		for _, p := range plugin.Installed() {
			if p.From != plugin.FromCache { // ours is verified, and replaced when it is damaged
				return fmt.Sprintf("%s, installed already, in %s", p.Path, p.From), nil
			}
		}
	}
	path, err := plugin.Fetch(ctx, plugin.Options{Dir: dir, Progress: log})
	if err != nil {
		return "", err
	}
	return "sum right, " + path, nil
}

// tryBackend opens the backend that every command would use, and lets it compute something. Why it is not XLA, if it is
// not, belongs to the answer.
func tryBackend(ctx context.Context) (string, error) {
	var notices bytes.Buffer
	defer func(w io.Writer) { xla.Notices = w }(xla.Notices)
	xla.Notices = &notices
	backend, err := xla.Open()
	if err != nil {
		return "", err
	}
	took, err := sumOfSquares(backend)
	if err != nil {
		return "", fmt.Errorf("%s opens but does not compute: %w", xla.Describe(backend), err)
	}
	found := fmt.Sprintf("%s, compiled and ran a graph in %v", xla.Describe(backend), took.Round(100*time.Microsecond))
	if notices.Len() > 0 {
		found += "; " + strings.TrimPrefix(notices.String(), "gomm: ")
	}
	return found, ctx.Err()
}

// sumOfSquares compiles a small graph, runs it, and checks the result.
func sumOfSquares(backend compute.Backend) (time.Duration, error) {
	start := time.Now()
	exec, err := graph.NewExec(backend, func(x *graph.Node) *graph.Node {
		return graph.ReduceAllSum(graph.Mul(x, x))
	})
	if err != nil {
		return 0, err
	}
	defer exec.Finalize()
	out, err := exec.Call([]float32{1, 2, 3})
	if err != nil {
		return 0, err
	}
	if got, want := out[0].Value(), float32(14); got != want {
		return 0, fmt.Errorf("1² + 2² + 3² is %v there, not %v", got, want)
	}
	return time.Since(start), nil
}
