package plugin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mustInstall runs an installation and checks all that it should leave.
func mustInstall(t *testing.T, in *installation) {
	t.Helper()
	path, err := in.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if want := in.wheel.library(in.dir); path != want {
		t.Errorf("path %s, want %s", path, want)
	}
	content, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(content, fakeLibrary) {
		t.Errorf("the library is not what was in the wheel (%v)", err)
	}
	if left := leftovers(t, in); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// leftovers lists what lies in the folder besides the lock and an installed library with its record.
func leftovers(t *testing.T, in *installation) (names []string) {
	t.Helper()
	err := filepath.WalkDir(in.dir, func(path string, d os.DirEntry, err error) error {
		library := in.wheel.library(in.dir)
		if err == nil && !d.IsDir() && path != in.wheel.lock(in.dir) && path != library && path != record(library) {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestFetch(t *testing.T) {
	in, s := newFake(t)
	mustInstall(t, in)
	if info, err := os.Stat(in.wheel.library(in.dir)); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	mustInstall(t, in)
	if len(s.asked) != 1 {
		t.Errorf("%d requests; the second run should need none", len(s.asked))
	}
}

func TestDamagedLibraryIsReplaced(t *testing.T) {
	in, _ := newFake(t)
	mustInstall(t, in)
	damaged := slices.Clone(fakeLibrary)
	damaged[1000]++
	if err := os.WriteFile(in.wheel.library(in.dir), damaged, 0o755); err != nil {
		t.Fatal(err)
	}
	mustInstall(t, in)
}

func TestGivenWheel(t *testing.T) {
	in, s := newFake(t)
	s.unreachable = errors.New("no network")
	given := in.wheel.given(in.dir)
	put(t, given, fakeWheel[:100])
	_, err := in.run(context.Background())
	if err == nil || !strings.Contains(err.Error(), given) {
		t.Errorf("the damaged file is not named: %v", err)
	}
	put(t, given, fakeWheel)
	if _, err := in.run(context.Background()); err != nil {
		t.Error(err)
	}
	if left := leftovers(t, in); !slices.Equal(left, []string{in.wheel.file}) {
		t.Errorf("the given wheel should stay, and nothing else: %v", left)
	}
	if len(s.asked) > 0 {
		t.Error("a request was made")
	}
}

func put(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentFetches(t *testing.T) {
	dir, s := t.TempDir(), &server{content: fakeWheel}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if _, err := fakeIn(dir, s).run(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	mustInstall(t, fakeIn(dir, s))
	if len(s.asked) != 1 {
		t.Errorf("%d downloads, want one", len(s.asked))
	}
}

// TestTwoProcesses runs this test binary twice, each of which fetches into the same folder from the same slow server.
func TestTwoProcesses(t *testing.T) {
	if dir := os.Getenv("GOMM_TEST_FETCH_INTO"); dir != "" {
		in := fakeIn(dir, http.DefaultTransport)
		in.progress = os.Stderr
		in.indexes = []index{{address: os.Getenv("GOMM_TEST_FETCH_FROM") + "/simple"}}
		if _, err := in.run(context.Background()); err != nil {
			t.Fatal(err)
		}
		return
	}
	var requests atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/simple/fake/" {
			io.WriteString(w, fakePage("../../fake-1.0.whl"))
			return
		}
		requests.Add(1)
		time.Sleep(200 * time.Millisecond)
		http.ServeContent(w, r, "fake.whl", time.Time{}, bytes.NewReader(fakeWheel))
	}))
	defer s.Close()
	dir := t.TempDir()
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
			cmd.Env = append(os.Environ(), "GOMM_TEST_FETCH_INTO="+dir, "GOMM_TEST_FETCH_FROM="+s.URL, "NO_PROXY=127.0.0.1")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wait.Wait()
	mustInstall(t, fakeIn(dir, &server{unreachable: errors.New("not needed")}))
	if n := requests.Load(); n != 1 {
		t.Errorf("%d downloads, want one", n)
	}
}

func TestCancel(t *testing.T) {
	in, s := newFake(t)
	s.stall = true
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := in.run(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if got := size(in.wheel.part(in.dir)); got != 100 {
		t.Errorf("%d bytes kept, want the 100 that came", got)
	}
	s.stall = false
	mustInstall(t, in)
	if want := []string{"", "bytes=100-"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked for %q, want %q", s.asked, want)
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	in, _ := newFake(t)
	unlock, err := in.lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	var said bytes.Buffer
	other := *in
	other.progress = &said
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := other.run(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(said.String(), "waiting") {
		t.Errorf("said %q", &said)
	}
}

func TestProgressLines(t *testing.T) {
	in, _ := newFake(t)
	var said bytes.Buffer
	in.progress = &said
	mustInstall(t, in)
	if got := strings.Count(said.String(), "\n"); got < 1 || got > 5 || !strings.HasSuffix(said.String(), "(100 %)\n") {
		t.Errorf("%d lines:\n%s", got, &said)
	}
}

// TestFetchForReal fetches the real wheel into a new folder, where GOMM_TEST_NETWORK says that there is a network; nothing
// else depends on it.
func TestFetchForReal(t *testing.T) {
	if os.Getenv("GOMM_TEST_NETWORK") == "" {
		t.Skip("set GOMM_TEST_NETWORK=1 to fetch 63 MB")
	}
	dir := t.TempDir()
	path, err := Fetch(context.Background(), Options{Dir: dir, Progress: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(path, cpuWheel.librarySize, cpuWheel.librarySum); err != nil {
		t.Error(err)
	}
}

var errUnreachable = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: network is unreachable")}
