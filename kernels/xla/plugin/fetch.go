package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Command is what a person types to get the CPU plugin; messages name it.
const Command = "gomm data plugin"

// Options of [Fetch], [FetchCUDA] and [FetchTPU]. The zero value is what most callers want.
type Options struct {
	// Dir is the folder to install into; "" is [Dir], where [Find] looks. FetchCUDA and FetchTPU always use go-xla's own.
	Dir string
	// Progress is where the progress is shown: a bar on a terminal, plain lines elsewhere. Nil is os.Stderr; io.Discard is silence.
	Progress io.Writer
}

func (o Options) progress() io.Writer {
	if o.Progress == nil {
		return os.Stderr
	}
	return o.Progress
}

// Fetch installs the pinned CPU plugin and returns the path of its library. One that is installed and intact is left as it is;
// a damaged one is replaced. It may be called by several processes at once. An interrupted download goes on from where
// it stopped at the next call.
func Fetch(ctx context.Context, o Options) (string, error) {
	dir := o.Dir
	if dir == "" {
		var err error
		if dir, err = Dir(); err != nil {
			return "", err
		}
	}
	return newInstallation(dir, o.progress()).run(ctx)
}

// installation is one run of Fetch, with all that tests replace.
type installation struct {
	wheel    wheel
	dir      string
	system   system
	disk     disk
	client   *http.Client
	indexes  []index
	progress io.Writer
	patience time.Duration // without a byte or an answer
	pause    time.Duration // before a cut download goes on
}

func newInstallation(dir string, progress io.Writer) *installation {
	transport := http.DefaultTransport.(*http.Transport).Clone() // it honours HTTPS_PROXY
	transport.ResponseHeaderTimeout = 30 * time.Second
	return &installation{
		wheel:    cpuWheel,
		dir:      dir,
		system:   thisSystem(),
		disk:     osDisk{},
		client:   &http.Client{Transport: transport},
		indexes:  indexes(),
		progress: progress,
		patience: time.Minute,
		pause:    2 * time.Second,
	}
}

func (in *installation) run(ctx context.Context) (string, error) {
	path, err := in.install(ctx)
	if err != nil {
		return "", fmt.Errorf("the XLA plugin is not installed: %w (gomm works without it, on the slower pure Go backend)", err)
	}
	return path, nil
}

func (in *installation) install(ctx context.Context) (string, error) {
	if err := in.system.supports(in.wheel); err != nil {
		return "", err
	}
	library := in.wheel.library(in.dir)
	if in.wheel.examine(library) == nil {
		return library, nil // no need to write, which a folder for all users may not allow
	}
	unlock, err := in.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if in.wheel.examine(library) == nil {
		return library, nil // by the process that held the lock
	}
	if given := in.wheel.given(in.dir); exists(given) {
		if err := verify(given, in.wheel.size, in.wheel.sum); err != nil {
			return "", fmt.Errorf("%w; remove the file, or put a sound copy in its place", err)
		}
		if err := in.unpack(ctx, given, library); err != nil {
			return "", err
		}
		return library, nil
	}
	part := in.wheel.part(in.dir)
	if err := in.download(ctx, part); err != nil {
		return "", err
	}
	if err := in.unpack(ctx, part, library); err != nil {
		return "", err
	}
	_ = in.remove(part) // it has done its work; that it lies there is no harm
	return library, nil
}

// lock waits until no other process installs the same wheel.
func (in *installation) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(in.dir, 0o755); err != nil {
		return nil, in.diskError(err)
	}
	l := flock.New(in.wheel.lock(in.dir))
	locked, err := l.TryLock()
	if err == nil && !locked {
		fmt.Fprintf(in.progress, "another process is fetching %s; waiting for it\n", in.wheel.file)
		_, err = l.TryLockContext(ctx, 100*time.Millisecond)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("while waiting for another process that holds %s: %w", l.Path(), err)
	}
	if err != nil {
		return nil, in.diskError(fmt.Errorf("cannot lock %s: %w", l.Path(), err))
	}
	return func() { _ = l.Unlock() }, nil // closing the file, at the latest at exit, releases it too
}

// remove deletes a file that may be missing.
func (in *installation) remove(name string) error {
	if err := in.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return in.diskError(err)
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
