package plugin

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// localIndex is a Python index on this machine, as mirrors are: it redirects, asks for a password, and refers to its
// files relative to the page.
func localIndex(t *testing.T, page string) (address string, paths *[]string) {
	paths = new([]string)
	mux := http.NewServeMux()
	mux.HandleFunc("/simple/fake/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/mirror/simple/fake/", http.StatusFound)
	})
	mux.HandleFunc("/mirror/simple/fake/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, page) })
	mux.HandleFunc("/mirror/files/fake-1.0.whl", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(fakeWheel))
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*paths = append(*paths, r.URL.Path)
		if user, password, _ := r.BasicAuth(); user != "ana" || password != "secret" {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http://", "http://ana:secret@", 1), paths
}

// noIndexSettings removes what this machine's user has set for pip and uv.
func noIndexSettings(t *testing.T) (home string) {
	t.Helper()
	home, _ = emptyHome(t)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	t.Setenv("AppData", filepath.Join(home, "config"))
	for _, name := range []string{
		"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL",
		"VIRTUAL_ENV",
	} {
		t.Setenv(name, "")
	}
	return home
}

// A user's own index is asked, whichever way it is named, and serves the wheel; whatever it serves is checked as ever.
func TestOwnIndex(t *testing.T) {
	const byHTML = `<!DOCTYPE html><html><body>` +
		`<a class="x" data-requires-python="&gt;=3" href='../../files/fake-1.0.whl#sha256=0'>fake-1.0-py3-none-..&gt;</a></body></html>`
	for name, page := range map[string]string{"HTML": byHTML, "JSON": fakePage("../../files/fake-1.0.whl")} {
		address, paths := localIndex(t, page)
		for setting, set := range map[string]func(t *testing.T, home string){
			"PIP_INDEX_URL":    func(t *testing.T, _ string) { t.Setenv("PIP_INDEX_URL", address+"/simple/") },
			"UV_INDEX_URL":     func(t *testing.T, _ string) { t.Setenv("UV_INDEX_URL", address+"/simple") },
			"UV_DEFAULT_INDEX": func(t *testing.T, _ string) { t.Setenv("UV_DEFAULT_INDEX", "mine="+address+"/simple") },
			"pip.conf": func(t *testing.T, home string) {
				put(t, filepath.Join(home, "config", "pip", "pip.conf"), []byte("[global]\nindex-url = "+address+"/simple\n"))
			},
			"PIP_CONFIG_FILE": func(t *testing.T, home string) {
				put(t, filepath.Join(home, "config", "pip", "pip.conf"), []byte("[global]\nindex-url = https://none.invalid/simple\n"))
				put(t, filepath.Join(home, "mine.ini"), []byte("# mine\n[global]\ntimeout: 5\nindex_url:\n  "+address+"/simple\n"))
				t.Setenv("PIP_CONFIG_FILE", filepath.Join(home, "mine.ini"))
			},
		} {
			t.Run(name+"/"+setting, func(t *testing.T) {
				t.Setenv("NO_PROXY", "127.0.0.1")
				set(t, noIndexSettings(t))
				*paths = nil
				in, _ := newFake(t)
				in.indexes, in.client = indexes(), http.DefaultClient
				mustInstall(t, in)
				if want := []string{"/simple/fake/", "/mirror/simple/fake/", "/mirror/files/fake-1.0.whl"}; !slices.Equal(*paths, want) {
					t.Errorf("asked for %v, want %v", *paths, want)
				}
			})
		}
	}
}

func TestIndexes(t *testing.T) {
	home := noIndexSettings(t)
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for _, x := range indexes() {
			got = append(got, x.address)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	t.Setenv("PIP_CONFIG_FILE", os.DevNull)
	expect(publicIndex)
	file := filepath.Join(home, "config", "pip", "pip.conf")
	put(t, file, []byte("[list]\nindex-url = https://no\n[global]\nindex-url = https://a\nextra-index-url = https://b\n    https://c\n"))
	expect(publicIndex)
	t.Setenv("PIP_CONFIG_FILE", "")
	expect("https://a", "https://b", "https://c")
	t.Setenv("UV_INDEX_URL", "https://d")
	expect("https://d", "https://b", "https://c")
	t.Setenv("UV_DEFAULT_INDEX", "mine=https://e/?x=y")
	expect("https://e/?x=y", "https://b", "https://c")
	t.Setenv("PIP_INDEX_URL", "https://f/?x=y")
	t.Setenv("PIP_EXTRA_INDEX_URL", "https://g https://h")
	expect("https://f/?x=y", "https://g", "https://h")
	if got, want := indexes()[1].String(), "the package index g of PIP_EXTRA_INDEX_URL"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParseIndex(t *testing.T) {
	page, err := url.Parse("https://ana:secret@index.example/mirror/simple/fake/")
	if err != nil {
		t.Fatal(err)
	}
	const index = "https://ana:secret@index.example"
	for content, want := range map[string]string{
		`<a href="https://files.example/p/fake-1.0.whl#sha256=abc">fake</a>`:       "https://files.example/p/fake-1.0.whl",
		`<a href="https://index.example/p/fake-1.0.whl">fake</a>`:                  index + "/p/fake-1.0.whl",
		`<A rel=internal HREF = ../../p/fake-1.0.whl >fake</A>`:                    index + "/mirror/p/fake-1.0.whl",
		`<base href="//cdn.example/x/"><a href="fake-1.0.whl">f</a>`:               "https://cdn.example/x/fake-1.0.whl",
		`<a data-href="no/fake-1.0.whl" href="/get?n=1&amp;f=/fake-1.0.whl">f</a>`: "",
		`<a href="/p/fake-1.0.whl?token=1&amp;b=2">f</a>`:                          index + "/p/fake-1.0.whl?token=1&b=2",
		`<a data-x="1"href="/no.whl">f</a><a href='/p/fake%2D1.0.whl'>f</a>`:       index + "/p/fake%2D1.0.whl",
		"\n" + `{"files": [{"filename": "fake-1.0.whl", "url": "fake-1.0.whl"}]}`:  index + "/mirror/simple/fake/fake-1.0.whl",
	} {
		files, err := parseIndex([]byte(content), page)
		if err != nil || files["fake-1.0.whl"] != want {
			t.Errorf("%s: %v, %v", content, files, err)
		}
	}
}
