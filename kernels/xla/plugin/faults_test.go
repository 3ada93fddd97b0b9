package plugin

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// mustFail runs an installation that must fail, with these words in its message, and leave only these files.
func mustFail(t *testing.T, in *installation, left []string, words ...string) {
	t.Helper()
	_, err := in.run(context.Background())
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range append(words, "not installed", "pure Go backend") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the message does not say %q: %v", word, err)
		}
	}
	if exists(in.wheel.library(in.dir)) {
		t.Error("a library was installed")
	}
	if exists(in.dir) {
		if got := leftovers(t, in); !slices.Equal(got, left) {
			t.Errorf("left behind %v, want %v", got, left)
		}
	}
}

// Each fault gives an error that names it and its remedy, leaves nothing, and is forgotten when it is over.
func TestServerFaults(t *testing.T) {
	wrong := slices.Clone(fakeWheel)
	wrong[len(wrong)/2]++
	page := []byte("<!doctype html><title>Log in</title>" + strings.Repeat(" ", 100))
	for name, c := range map[string]struct {
		fault func(*server)
		words []string
	}{
		"wrong sum":  {func(s *server) { s.content = wrong }, []string{"SHA-256", sum(fakeWheel), "pip download"}},
		"wrong size": {func(s *server) { s.content = wrong[:5000] }, []string{"announces", "5000 bytes", "pip download"}},
		"forbidden":  {func(s *server) { s.status = http.StatusForbidden }, []string{"files.example answers 403 Forbidden", "pip download"}},
		"not found":  {func(s *server) { s.status = http.StatusNotFound }, []string{"404 Not Found", "fake-1.0.whl"}},
		"busy":       {func(s *server) { s.status = http.StatusServiceUnavailable }, []string{"503", "4 times", Command}},
		"page": {func(s *server) { s.content, s.kind = page, "text/html; charset=utf-8" },
			[]string{"page instead of the file", "HTTPS_PROXY"}},
		"silent page": {func(s *server) { s.content, s.chunked = page, true }, []string{"page instead of the file"}},
		"no network": {func(s *server) { s.unreachable = errUnreachable }, []string{"no connection to files.example", "unreachable",
			"pip download"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, s := newFake(t)
			c.fault(s)
			left := []string(nil)
			if name == "busy" {
				left = []string{"fake-1.0.whl.part"} // empty, ready for the next run
			}
			mustFail(t, in, left, c.words...)
			in.client.Transport = &server{content: fakeWheel}
			mustInstall(t, in)
		})
	}
}

func TestIndexFaults(t *testing.T) {
	answer := func(status int, page string) func(*http.Request) (int, string, error) {
		return func(*http.Request) (int, string, error) { return status, page, nil }
	}
	for name, c := range map[string]struct {
		index func(*http.Request) (int, string, error)
		words []string
	}{
		"no network": {func(*http.Request) (int, string, error) { return 0, "", errUnreachable },
			[]string{"no connection to index.example", "HTTPS_PROXY", "pip download"}},
		"a page":       {answer(200, "<html><a href=/login>Log in</a>"), []string{"the package index index.example answers with a page"}},
		"cut JSON":     {answer(200, fakePage("x")[:50]), []string{"answers with a page"}},
		"not listed":   {answer(200, `{"files": []}`), []string{"index.example does not list fake-1.0.whl", "withdrawn"}},
		"not known":    {answer(404, "Not Found"), []string{"index.example does not list fake-1.0.whl", "withdrawn"}},
		"no address":   {answer(200, fakePage("%zz/fake-1.0.whl")), []string{"does not list fake-1.0.whl"}},
		"forbidden":    {answer(403, "no"), []string{"index.example answers 403 Forbidden for fake", "pip download"}},
		"out of order": {answer(502, "no"), []string{"index.example answers 502 Bad Gateway", "pip download"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, s := newFake(t)
			s.index = c.index
			mustFail(t, in, nil, c.words...)
			if len(s.asked) > 0 {
				t.Error("a request was made")
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		in, s := newFake(t)
		in.patience = 10 * time.Millisecond
		s.index = func(r *http.Request) (int, string, error) { <-r.Context().Done(); return 0, "", r.Context().Err() }
		mustFail(t, in, nil, "index.example has not answered within 10ms")
	})
	t.Run("no address of an index", func(t *testing.T) {
		in, _ := newFake(t)
		in.indexes = []index{{"simple", "PIP_INDEX_URL"}}
		mustFail(t, in, nil, "index simple of PIP_INDEX_URL is not an address such as https://pypi.org/simple")
	})
	t.Run("password", func(t *testing.T) {
		in, s := newFake(t)
		in.indexes = []index{{"https://ana:secret@index.example/simple", "PIP_INDEX_URL"}}
		s.index = answer(403, "no")
		if _, err := in.run(context.Background()); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	})
	t.Run("the second has it", func(t *testing.T) {
		in, s := newFake(t)
		in.indexes = []index{{address: "https://index.example/first"}, {address: "https://index.example/second"}}
		s.index = func(r *http.Request) (int, string, error) {
			if strings.HasPrefix(r.URL.Path, "/first") {
				return 404, "", nil
			}
			return 200, fakePage(fakeAddress), nil
		}
		mustInstall(t, in)
	})
}

// A download that is cut goes on where it stopped: in the same run, and in the next.
func TestCutDownload(t *testing.T) {
	in, s := newFake(t)
	s.cuts = []int{1000, 2000, 3000, 4000, 5000}
	mustFail(t, in, []string{"fake-1.0.whl.part"}, "cut after", "connection reset", "4 times", "goes on where it stopped")
	mustInstall(t, in)
	want := []string{"", "bytes=1000-", "bytes=3000-", "bytes=6000-", "bytes=10000-", "bytes=15000-"}
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
}

func TestCutWithoutError(t *testing.T) {
	in, s := newFake(t)
	s.content, s.chunked = fakeWheel[:20_000], true // ends early, and the server does not say how long it should have been
	in.patience = time.Minute
	_, err := in.run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "cut after") {
		t.Errorf("%v", err)
	}
	s.content = fakeWheel
	mustInstall(t, in)
}

func TestStalledDownload(t *testing.T) {
	in, s := newFake(t)
	in.patience = 30 * time.Millisecond
	s.stall = true
	mustFail(t, in, []string{"fake-1.0.whl.part"}, "nothing came for 30ms")
	s.stall = false
	mustInstall(t, in)
}

// Whatever lies where the unfinished download is expected, the installation comes to its end.
func TestOddParts(t *testing.T) {
	bad := slices.Clone(fakeWheel[:5000])
	bad[77]++
	for name, c := range map[string]struct {
		part  []byte
		fault func(*server)
		asked []string
	}{
		"good":              {fakeWheel[:5000], nil, []string{"bytes=5000-"}},
		"complete":          {fakeWheel, nil, nil},
		"empty":             {nil, nil, []string{""}},
		"bad":               {bad, nil, []string{"bytes=5000-", ""}},
		"too long":          {append(slices.Clone(fakeWheel), 1, 2, 3), nil, []string{""}},
		"as long but wrong": {make([]byte, len(fakeWheel)), nil, []string{""}},
		"server ignores it": {fakeWheel[:5000], func(s *server) { s.noRanges = true }, []string{"bytes=5000-"}},
		"wrong range":       {fakeWheel[:5000], func(s *server) { s.wrongRange = true }, []string{"bytes=5000-", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			in, s := newFake(t)
			put(t, in.wheel.part(in.dir), c.part)
			if c.fault != nil {
				c.fault(s)
			}
			mustInstall(t, in)
			if !slices.Equal(s.asked, c.asked) {
				t.Errorf("asked for %q, want %q", s.asked, c.asked)
			}
		})
	}
}

func TestRangeNotSatisfiable(t *testing.T) {
	in, s := newFake(t)
	put(t, in.wheel.part(in.dir), fakeWheel[:5000])
	s.status = http.StatusRequestedRangeNotSatisfiable
	mustFail(t, in, nil, "416")
	if want := []string{"bytes=5000-", ""}; !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
}

func TestDiskFaults(t *testing.T) {
	wheelSize := int64(len(fakeWheel))
	for name, c := range map[string]struct {
		disk  *faultyDisk
		words []string
	}{
		"full at once":         {&faultyDisk{left: 0, writeErr: syscall.ENOSPC}, []string{"is full", "XDG_CACHE_HOME"}},
		"full in the download": {&faultyDisk{left: 9000, writeErr: syscall.ENOSPC}, []string{"is full", "writing the download"}},
		"full in unpacking":    {&faultyDisk{left: wheelSize + 100, writeErr: syscall.ENOSPC}, []string{"is full", "unpacking"}},
		"over quota":           {&faultyDisk{left: 9000, writeErr: syscall.EDQUOT}, []string{"is full"}},
		"known to be full":     {&faultyDisk{left: 1 << 30, free: 50_000}, []string{"0.1 MB free, 0.1 MB needed", "is full"}},
		"broken":               {&faultyDisk{left: 9000, writeErr: syscall.EIO}, []string{"input/output error", "may write to"}},
		"no final name":        {&faultyDisk{left: 1 << 30, renameErr: syscall.EACCES}, []string{"permission denied", "may write to"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, _ := newFake(t)
			in.disk = c.disk
			left := []string(nil)
			if name == "full in unpacking" || name == "no final name" {
				left = []string{"fake-1.0.whl.part"} // complete and verified: no second download
			}
			mustFail(t, in, left, append(c.words, in.dir)...)
			in.disk = osDisk{}
			mustInstall(t, in)
		})
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	in, _ := newFake(t)
	put(t, filepath.Dir(in.dir)+"/pjrt", nil) // a file
	_, err := in.run(context.Background())
	if err == nil || !strings.Contains(err.Error(), in.dir) || !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v", err)
	}
}

func TestSystems(t *testing.T) {
	musl := fstest.MapFS{"lib/ld-musl-x86_64.so.1": {}}
	for name, c := range map[string]struct {
		system
		words []string // none: supported
	}{
		"old glibc":   {system{"linux", "amd64", glibcRoot("2.17")}, []string{"glibc 2.17", "2.27 or newer", "container"}},
		"just new":    {system{"linux", "amd64", glibcRoot("2.27")}, nil},
		"glibc 3":     {system{"linux", "amd64", glibcRoot("3.0")}, nil},
		"musl":        {system{"linux", "amd64", musl}, []string{"musl", "Debian"}},
		"no idea":     {system{"linux", "amd64", fstest.MapFS{}}, nil},
		"mac":         {system{"darwin", "arm64", fstest.MapFS{}}, []string{"darwin/arm64", "linux/amd64", pathVariable}},
		"linux arm64": {system{"linux", "arm64", glibcRoot("2.39")}, []string{"linux/arm64"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, s := newFake(t)
			in.system = c.system
			if c.words == nil {
				mustInstall(t, in)
				return
			}
			mustFail(t, in, nil, c.words...)
			if _, err := in.run(context.Background()); !errors.Is(err, ErrUnsupported) {
				t.Errorf("not ErrUnsupported: %v", err)
			}
			if len(s.asked) > 0 || exists(in.dir) {
				t.Error("something was done all the same")
			}
		})
	}
}

func TestRealGlibc(t *testing.T) {
	for _, place := range libcPlaces {
		if _, err := os.Stat("/" + place); err == nil {
			if major, minor, found := thisSystem().glibc(); !found || major != 2 || minor < 10 {
				t.Errorf("glibc %d.%d, %v, by /%s", major, minor, found, place)
			}
			return
		}
	}
}
