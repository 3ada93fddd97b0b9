package plugin

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// fakeLibrary is what the fake wheel holds: it does not compress, so the wheel is as long.
var fakeLibrary = func() []byte {
	b := make([]byte, 40_000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}()

var fakeWheel = func() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("fake/pjrt_c_api_cpu_plugin.so")
	if err == nil {
		_, err = w.Write(fakeLibrary)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}()

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

const fakeAddress = "https://files.example/fake-1.0.whl"

// newFake is an installation of the fake wheel into a new folder, from a server of which every fault can be asked.
func newFake(t *testing.T) (*installation, *server) {
	t.Helper()
	s := &server{content: fakeWheel}
	return fakeIn(t.TempDir(), s), s
}

func fakeIn(dir string, transport http.RoundTripper) *installation {
	in := newInstallation(filepath.Join(dir, "pjrt"), io.Discard)
	in.wheel = wheel{
		project: "fake", version: "1.0", file: "fake-1.0.whl", size: int64(len(fakeWheel)), sum: sum(fakeWheel),
		member: "fake/pjrt_c_api_cpu_plugin.so", librarySize: int64(len(fakeLibrary)), librarySum: sum(fakeLibrary),
		os: "linux", arch: "amd64", major: 2, minor: 27,
	}
	in.system = system{"linux", "amd64", glibcRoot("2.39")}
	in.client = &http.Client{Transport: transport}
	in.indexes = []index{{address: "https://index.example/simple"}}
	in.pause = 0
	return in
}

// fakePage is what an index says of the fake project, whose wheel lies at an address.
func fakePage(address string) string {
	return fmt.Sprintf(`{"meta": {"api-version": "1.1"}, "name": "fake", "files": [
		{"filename": "fake-1.0.tar.gz", "url": "https://files.example/fake-1.0.tar.gz"}, {"filename": "fake-1.0.whl", "url": %q}]}`, address)
}

func glibcRoot(version string) fstest.MapFS {
	banner := "\x7fELF...\x00GNU C Library (Debian GLIBC " + version + "-7) stable release version " + version + ".\nCopyright"
	return fstest.MapFS{"lib/x86_64-linux-gnu/libc.so.6": {Data: []byte(banner)}}
}

// server is a web server, and the index.example that leads to it, without a network.
type server struct {
	index       func(*http.Request) (status int, page string, err error) // nil for an index that is well
	content     []byte
	status      int // instead of 200 or 206
	kind        string
	noRanges    bool
	wrongRange  bool
	chunked     bool  // the length is not announced
	cuts        []int // how many bytes each answer has before it breaks off; answers after these are whole
	stall       bool  // bodies never end
	unreachable error

	sync.Mutex
	asked   []string // Range of each request
	address []string
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "index.example" {
		return s.answerIndex(r)
	}
	s.Lock()
	defer s.Unlock()
	s.asked = append(s.asked, r.Header.Get("Range"))
	s.address = append(s.address, r.URL.String())
	if s.unreachable != nil {
		return nil, s.unreachable
	}
	content, status, header := s.content, http.StatusOK, http.Header{}
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && !s.noRanges {
		n, _ := strconv.Atoi(strings.TrimSuffix(from, "-"))
		status, content = http.StatusPartialContent, content[n:]
		if s.wrongRange {
			n++
		}
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", n, len(s.content)-1, len(s.content)))
	}
	if s.status != 0 {
		status = s.status
	}
	header.Set("Content-Type", s.kind)
	length := int64(len(content))
	if s.chunked {
		length = -1
	}
	var body io.Reader = bytes.NewReader(content)
	if len(s.cuts) > 0 {
		body = io.MultiReader(bytes.NewReader(content[:s.cuts[0]]), failing{syscall.ECONNRESET})
		s.cuts = s.cuts[1:]
	}
	if s.stall {
		body = io.MultiReader(bytes.NewReader(content[:100]), waiting{r.Context().Done()})
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Header: header, Body: io.NopCloser(body), ContentLength: length, Request: r,
	}, nil
}

func (s *server) answerIndex(r *http.Request) (*http.Response, error) {
	status, page, err := http.StatusOK, fakePage(fakeAddress), error(nil)
	if s.index != nil {
		if status, page, err = s.index(r); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Body: io.NopCloser(strings.NewReader(page)), Request: r,
	}, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type waiting struct{ done <-chan struct{} }

func (w waiting) Read([]byte) (int, error) {
	select {
	case <-w.done:
		return 0, fmt.Errorf("request given up")
	case <-time.After(10 * time.Second):
		return 0, fmt.Errorf("nobody gave up the request")
	}
}

// faultyDisk fails like a full or broken disk.
type faultyDisk struct {
	osDisk
	sync.Mutex
	left      int64 // bytes that still fit
	writeErr  error // what comes then
	renameErr error
	free      int64 // what Free says; 0 for unknown
}

func (d *faultyDisk) Open(name string, flag int) (file, error) {
	f, err := d.osDisk.Open(name, flag)
	return &faultyFile{f, d}, err
}

func (d *faultyDisk) Rename(from, to string) error {
	if d.renameErr != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: d.renameErr}
	}
	return d.osDisk.Rename(from, to)
}

func (d *faultyDisk) Free(string) (int64, bool) { return d.free, d.free > 0 }

type faultyFile struct {
	file
	d *faultyDisk
}

func (f *faultyFile) Write(p []byte) (int, error) {
	f.d.Lock()
	defer f.d.Unlock()
	n := min(f.d.left, int64(len(p)))
	f.d.left -= n
	written, err := f.file.Write(p[:n])
	if err == nil && n < int64(len(p)) {
		err = &os.PathError{Op: "write", Path: "disk", Err: f.d.writeErr}
	}
	return written, err
}
