package mnist

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// kind distinguishes the sources whose damaged files need different care.
type kind int

const (
	given  kind = iota // the user's own folder
	cached             // ours
	elsewhere
)

// source is a place that may have the files.
type source struct {
	kind kind
	read reader
}

// reader returns a file as it lies in a source, compressed or not, and where that is. An error that is fs.ErrNotExist means
// that the source is fine but lacks the file.
type reader func(f file) (raw []byte, where string, err error)

// sources lists the places to look at, in order.
func (d dataset) sources(ctx context.Context, dir, cache string, offline bool) []source {
	var list []source
	if dir != "" {
		list = append(list, source{given, d.owned(dir)})
	}
	if cache != "" {
		list = append(list, source{cached, folder(cache)})
	}
	if d.module != "" {
		list = append(list, source{elsewhere, module(ctx, d.module, offline)})
	}
	if d.system != "" {
		list = append(list, source{elsewhere, folder(d.system)})
	}
	if !offline {
		for _, base := range d.mirrors {
			list = append(list, source{elsewhere, mirror(ctx, base)})
		}
	}
	return list
}

// folder reads from a folder, a compressed file before one that is not.
func folder(dir string) reader {
	return func(f file) ([]byte, string, error) {
		for _, name := range []string{f.name + ".gz", f.name} {
			path := filepath.Join(dir, name)
			raw, err := readFile(path, f)
			if !errors.Is(err, fs.ErrNotExist) {
				return raw, path, err
			}
		}
		return nil, "", fmt.Errorf("%s has no %s.gz: %w", dir, f.name, fs.ErrNotExist)
	}
}

// readFile reads a file of a data set; a folder in its place is no such file.
func readFile(path string, f file) ([]byte, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if info, err := r.Stat(); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	raw, err := readAll(r, f)
	if err != nil {
		err = fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return raw, err
}

// readAll reads a file, but not much more than the whole content uncompressed, so that a wrong one cannot fill the memory.
func readAll(r io.Reader, f file) ([]byte, error) {
	limit := f.size + 1<<16
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("more than %d bytes, too long for %s", limit, f.name)
	}
	return raw, err
}

// module reads from the folder data of a Go module, which the go command fetches, checks against the public checksum
// database, and keeps.
func module(ctx context.Context, version string, offline bool) reader {
	download := sync.OnceValues(func() (string, error) { return downloadModule(ctx, version, offline) })
	return func(f file) ([]byte, string, error) {
		dir, err := download()
		if err != nil {
			return nil, "", fmt.Errorf("the Go module %s: %w", version, err)
		}
		return folder(filepath.Join(dir, "data"))(f)
	}
}

// downloadModule returns the folder of a module. It runs outside any module or workspace, whose settings do not matter.
func downloadModule(ctx context.Context, version string, offline bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", version)
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if offline {
		cmd.Env = append(cmd.Env, "GOPROXY=off")
	}
	if _, err := os.UserHomeDir(); err != nil && os.Getenv("GOPATH") == "" {
		cmd.Env = append(cmd.Env, "GOPATH="+filepath.Join(os.TempDir(), "gomm-go")) // the go command needs one
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	var answer struct{ Dir, Error string }
	if json.Unmarshal(stdout, &answer) == nil && answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	if err != nil {
		return "", fmt.Errorf("%w %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return answer.Dir, nil
}

// A download that takes longer is given up, and so is a server that does not answer.
const (
	downloadTimeout = 10 * time.Minute
	answerTimeout   = 30 * time.Second
)

// mirror reads from an HTTPS address.
func mirror(ctx context.Context, base string) reader {
	return func(f file) ([]byte, string, error) {
		url := base + f.name + ".gz"
		raw, err := get(ctx, url, f)
		if err != nil {
			err = fmt.Errorf("%s: %w", url, err)
		}
		return raw, url, err
	}
}

var client = newClient()

func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = answerTimeout
	return &http.Client{Transport: t, Timeout: downloadTimeout}
}

func get(ctx context.Context, url string, f file) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	// Else the transport asks for compression and undoes it, which would hide that the file is cut off.
	request.Header.Set("Accept-Encoding", "identity")
	response, err := client.Do(request)
	if err != nil {
		return nil, errors.Unwrap(err) // without the address, which the caller names
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	return readAll(response.Body, f)
}
