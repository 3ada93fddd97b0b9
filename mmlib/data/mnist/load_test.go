package mnist

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gomm/mmlib/internal/check"
)

// tiny is a data set of three training pictures and one test picture, with its files' contents, compressed.
func tiny() (dataset, map[string][]byte) {
	d := dataset{name: "tiny", std: 1, remedy: "install tiny-data"}
	stored := map[string][]byte{}
	add := func(i int, name string, content []byte) {
		sum := sha256.Sum256(content)
		d.files[i] = file{name, int64(len(content)), hex.EncodeToString(sum[:])}
		stored[name+".gz"] = compress(content)
	}
	add(trainImages, "train-images", idx(magicImages, []uint32{3, 28, 28}, bytes.Repeat([]byte{1, 2, 3, 4}, 3*Pixels/4)))
	add(trainLabels, "train-labels", idx(magicLabels, []uint32{3}, []byte{1, 2, 3}))
	add(testImages, "test-images", idx(magicImages, []uint32{1, 28, 28}, make([]byte, Pixels)))
	add(testLabels, "test-labels", idx(magicLabels, []uint32{1}, []byte{4}))
	return d, stored
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content) // to memory: cannot fail
	w.Close()
	return b.Bytes()
}

// write puts files into a new folder.
func write(t *testing.T, files map[string][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serve offers files over HTTP and counts the requests.
func serve(t *testing.T, files map[string][]byte) (base string, requests *int) {
	requests = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests++
		content, ok := files[filepath.Base(r.URL.Path)]
		if !ok {
			http.Error(w, "an error page", http.StatusNotFound)
			return
		}
		w.Write(content)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/", requests
}

// mustLoad loads a tiny data set that should be there, and returns what it reported.
func mustLoad(t *testing.T, d dataset, opt Options) (report string) {
	t.Helper()
	var log strings.Builder
	opt.Progress = &log
	train, test, err := d.load(opt)
	if err != nil {
		t.Fatalf("%v; reported: %s", err, &log)
	}
	if train.Len() != 3 || test.Len() != 1 || train.Class(2) != 3 || test.Class(0) != 4 || train.Image(2)[3] != 4 {
		t.Fatalf("wrong data: %+v", train.Labels)
	}
	return log.String()
}

func TestGivenFolder(t *testing.T) {
	d, stored := tiny()
	cache := t.TempDir()
	if report := mustLoad(t, d, Options{Dir: write(t, stored), Cache: cache}); report != "" {
		t.Errorf("reported %q", report)
	}
	if kept, _ := os.ReadDir(cache); len(kept) != 0 {
		t.Errorf("files of the user's own folder were copied: %v", kept)
	}
	// Not compressed.
	content, err := d.files[trainLabels].unpack(stored["train-labels.gz"])
	if err != nil {
		t.Fatal(err)
	}
	delete(stored, "train-labels.gz")
	stored["train-labels"] = content
	mustLoad(t, d, Options{Dir: write(t, stored), Cache: cache})
}

func TestGivenFolderLacksAFile(t *testing.T) {
	d, stored := tiny()
	base, requests := serve(t, stored)
	d.mirrors = []string{base}
	dir := write(t, map[string][]byte{"train-images.gz": stored["train-images.gz"]})
	report := mustLoad(t, d, Options{Dir: dir, Cache: t.TempDir()})
	if !strings.Contains(report, dir+" has no train-labels.gz") || *requests != 3 {
		t.Errorf("%d requests; reported %q", *requests, report)
	}
}

func TestGivenFolderIsNone(t *testing.T) {
	d, stored := tiny()
	_, _, err := d.load(Options{Dir: "/no/such/folder", Cache: t.TempDir()})
	check.Error(t, err, "/no/such/folder")
	path := filepath.Join(write(t, stored), "train-images.gz")
	_, _, err = d.load(Options{Dir: path, Cache: t.TempDir()})
	check.Error(t, err, path, "is a file")
}

// TestDamaged damages one file in every way that files get damaged. In the user's own folder it is an error that names it;
// in the cache it is reported and fetched again.
func TestDamaged(t *testing.T) {
	d, stored := tiny()
	whole := stored["train-images.gz"]
	content, err := d.files[trainImages].unpack(whole)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0x10
	other := bytes.Clone(content)
	other[500] ^= 1
	base, _ := serve(t, stored)
	d.mirrors = []string{base}
	for name, damaged := range map[string][]byte{
		"empty":        {},
		"truncated":    whole[:len(whole)/2],
		"cut sum":      whole[:len(whole)-3],
		"flipped bit":  flipped,
		"other":        compress(other),
		"too short":    compress(content[:len(content)-1]),
		"too long":     compress(append(content[:len(content):len(content)], 0)),
		"bomb":         compress(make([]byte, 10<<20)),
		"trailing":     append(bytes.Clone(whole), "more"...),
		"error page":   []byte("<html>sorry</html>"),
		"much too big": make([]byte, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{}
			for k, v := range stored {
				files[k] = v
			}
			files["train-images.gz"] = damaged
			dir := write(t, files)
			path := filepath.Join(dir, "train-images.gz")
			_, _, err := d.load(Options{Dir: dir, Cache: t.TempDir()})
			check.Error(t, err, path, "delete it")

			report := mustLoad(t, d, Options{Cache: dir})
			if strings.Count(report, "\n") != 2 || !strings.Contains(report, path) || !strings.Contains(report, "discarding it") {
				t.Errorf("reported %q", report)
			}
			if again := mustLoad(t, d, Options{Cache: dir, Offline: true}); again != "" {
				t.Errorf("the second time it reported %q", again)
			}
		})
	}
}

func TestMirrorsAndCache(t *testing.T) {
	d, stored := tiny()
	base, requests := serve(t, stored)
	lacking, _ := serve(t, nil)
	d.mirrors = []string{lacking, base}
	cache := filepath.Join(t.TempDir(), "deep", "cache")
	report := mustLoad(t, d, Options{Cache: cache})
	if !strings.Contains(report, lacking+"train-images.gz: the server answers 404") || *requests != 4 {
		t.Errorf("%d requests; reported %q", *requests, report)
	}
	if report = mustLoad(t, d, Options{Cache: cache, Offline: true}); report != "" || *requests != 4 {
		t.Errorf("the second time: %d requests; reported %q", *requests, report)
	}
	files, _ := os.ReadDir(cache)
	if len(files) != 4 {
		t.Errorf("the cache holds %v; want four files", files)
	}
}

func TestSystemFolder(t *testing.T) {
	d, stored := tiny()
	d.system = write(t, stored)
	cache := t.TempDir()
	mustLoad(t, d, Options{Cache: cache, Offline: true})
	d.system = ""
	mustLoad(t, d, Options{Cache: cache, Offline: true})
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	d, stored := tiny()
	d.system = write(t, stored)
	inTheWay := filepath.Join(d.system, "train-images.gz")
	report := mustLoad(t, d, Options{Cache: filepath.Join(inTheWay, "cache")})
	if !strings.Contains(report, "not kept") {
		t.Errorf("reported %q", report)
	}
}

func TestNothingFound(t *testing.T) {
	d, _ := tiny()
	base, _ := serve(t, nil)
	d.mirrors, d.module = []string{base}, "example.invalid/none@v0.0.1"
	t.Setenv("GOPROXY", "off")
	cache := t.TempDir()
	_, _, err := d.load(Options{Cache: cache})
	check.Error(t, err, "train-images of tiny", cache, "example.invalid/none", base, "404", "install tiny-data")
	_, _, err = d.load(Options{Cache: cache, Offline: true})
	check.Error(t, err, "train-images of tiny", "install tiny-data")
	t.Setenv("PATH", "")
	_, _, err = d.load(Options{Cache: cache, Offline: true})
	check.Error(t, err, "example.invalid/none", `"go"`)
}

func TestCancelled(t *testing.T) {
	d, stored := tiny()
	base, _ := serve(t, stored)
	d.mirrors = []string{base}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := d.load(Options{Cache: t.TempDir(), Context: ctx})
	check.Error(t, err, "stopped", "train-images", "canceled")
}

// TestConfusedDataSets gives MNIST's files for those of Fashion-MNIST; they have the same names.
func TestConfusedDataSets(t *testing.T) {
	train, _, err := Load(MNIST, Options{})
	if err != nil {
		t.Fatal(err)
	}
	labels := compress(idx(magicLabels, []uint32{60000}, train.Labels))
	_, err = datasets[1].files[trainLabels].unpack(labels)
	check.Error(t, err, "not the original", "it is train-labels-idx1-ubyte of mnist")
}
