package mnist

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The Go module comes from the user's own proxy, GOPROXY, and from nowhere else.
func TestOwnProxy(t *testing.T) {
	d, stored := tiny()
	d.module = "digits.example/tiny@v0.0.1"
	var module bytes.Buffer
	z := zip.NewWriter(&module)
	for name, content := range stored {
		w, err := z.Create(d.module + "/data/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		switch strings.TrimPrefix(r.URL.Path, "/go/digits.example/tiny/@v/v0.0.1.") {
		case "info":
			w.Write([]byte(`{"Version": "v0.0.1"}`))
		case "mod":
			w.Write([]byte("module digits.example/tiny\n"))
		case "zip":
			w.Write(module.Bytes())
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	modules := t.TempDir()
	t.Cleanup(func() { // the go command takes the right to write away
		filepath.WalkDir(modules, func(path string, _ fs.DirEntry, _ error) error { return os.Chmod(path, 0o755) })
	})
	for name, value := range map[string]string{
		"GOPROXY": proxy.URL + "/go", "GOSUMDB": "off", "GOMODCACHE": modules, "NO_PROXY": "127.0.0.1", "GOFLAGS": "-mod=vendor",
		"GOWORK": "/none",
	} {
		t.Setenv(name, value)
	}
	report := mustLoad(t, d, Options{Cache: t.TempDir()})
	if strings.Count(report, "found "+modules) != 4 || len(asked) == 0 {
		t.Errorf("asked for %v; reported %q", asked, report)
	}

	// Without a home folder the go command knows no place for modules.
	for name, value := range map[string]string{"HOME": "", "GOPATH": "", "GOMODCACHE": "", "TMPDIR": modules} {
		t.Setenv(name, value)
	}
	report = mustLoad(t, d, Options{Cache: t.TempDir()})
	if strings.Count(report, "found "+filepath.Join(modules, "gomm-go")) != 4 {
		t.Errorf("without a home folder it reported %q", report)
	}
}
