package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/gomlx/go-xla/installer"
)

// goXLALib is the folder in which go-xla's installer makes its own, "go-xla".
func goXLALib() (string, error) { return installer.DefaultHomeLibPath() }

// present reports whether a device of a kind seems to be in this machine. Opening a plugin without its device takes long to fail.
func present(kind Kind) bool {
	switch kind {
	case CUDA:
		return installer.HasNvidiaGPU()
	case TPU:
		return hasTPU()
	}
	return true
}

// FetchCUDA installs the plugin for NVIDIA's GPUs, with CUDA's libraries, by go-xla's installer: some gigabytes, into go-xla's own
// folder. The installer shows its progress on the standard output. When the context ends FetchCUDA returns at once; the
// installer itself cannot be stopped and goes on for as long as the process lives.
func FetchCUDA(ctx context.Context, o Options) (string, error) {
	return accelerator{CUDA, "nvidia", installCUDA}.fetch(ctx, o)
}

// FetchTPU installs the plugin for Google's TPUs, as [FetchCUDA] does for GPUs.
func FetchTPU(ctx context.Context, o Options) (string, error) {
	return accelerator{TPU, "", installTPU}.fetch(ctx, o)
}

// accelerator is a plugin that go-xla installs into a subfolder of its own.
type accelerator struct {
	kind    Kind
	folder  string
	install func(goXLA string) error
}

func (a accelerator) fetch(ctx context.Context, o Options) (string, error) {
	lib, err := goXLALib()
	if err != nil {
		return "", fmt.Errorf("no folder for the %s plugin: %w; set HOME", a.kind, err)
	}
	path, err := a.fetchInto(ctx, filepath.Join(lib, "go-xla"), o)
	if err != nil {
		return "", fmt.Errorf("the XLA plugin for %s is not installed: %w (gomm works without it)", a.kind, err)
	}
	return path, nil
}

func (a accelerator) fetchInto(ctx context.Context, goXLA string, o Options) (string, error) {
	if a.install == nil {
		return "", fmt.Errorf("%w: %s plugins exist for linux/amd64 alone", ErrUnsupported, a.kind)
	}
	path := filepath.Join(goXLA, a.folder, fileName(a.kind))
	if size(path) > 0 { // it is put there by a rename, after all that it needs
		return path, nil
	}
	done := make(chan error, 1)
	go func() { done <- a.locked(ctx, goXLA, path, o) }()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case err := <-done:
		return path, err
	}
}

// locked installs while no other process of ours does, and clears away what a failure leaves.
func (a accelerator) locked(ctx context.Context, goXLA, path string, o Options) (err error) {
	if err := os.MkdirAll(goXLA, 0o755); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(goXLA, string(a.kind)+".lock"))
	if _, err := lock.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return fmt.Errorf("cannot lock %s: %w", lock.Path(), err)
	}
	defer lock.Unlock()
	if size(path) > 0 {
		return nil
	}
	fmt.Fprintf(o.progress(), "fetching the XLA plugin for %s into %s\n", a.kind, filepath.Dir(path))
	if err := a.guarded(goXLA); err != nil {
		if a.folder != "" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(goXLA, a.folder)))
		}
		return explain(err, goXLA)
	}
	if size(path) == 0 {
		return fmt.Errorf("go-xla's installer ended without an error, but %s is not there", path)
	}
	return nil
}

func (a accelerator) guarded(goXLA string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("go-xla's installer: %v", r)
		}
	}()
	return a.install(goXLA)
}

// explain adds a remedy to an error of go-xla's installer.
func explain(err error, dir string) error {
	if noSpace(err) {
		return fmt.Errorf("the disk of %s is full: %w; make room (CUDA's libraries need about 10 GB, downloads included) and try again", dir,
			err)
	}
	return fmt.Errorf("%w; check the network or set HTTPS_PROXY. A plugin from elsewhere, such as an installed JAX's, also serves: "+
		"link it as pjrt_c_api_cuda_plugin.so into a folder and set %s to that folder", err, pathVariable)
}
