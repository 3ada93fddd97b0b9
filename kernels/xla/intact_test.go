package xla

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gomm/kernels/xla/plugin"
)

// One flipped byte in gomm's own plugin keeps it from being opened; in a plugin that the user has put somewhere it is theirs.
func TestDamagedPlugin(t *testing.T) {
	path, found := plugin.FindKind(plugin.CPU)
	dir, err := plugin.Dir()
	if err != nil {
		t.Fatal(err)
	}
	inside, err := filepath.Rel(dir, path)
	if !Built || !found || err != nil || strings.HasPrefix(inside, "..") {
		t.Skip("no plugin of ours here")
	}
	library, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	library[len(library)/2] ^= 1
	if !noPlugins(t) {
		t.Skip("the system has a plugin of its own")
	}
	if dir, err = plugin.Dir(); err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, inside)
	if err := os.MkdirAll(filepath.Dir(damaged), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, library, 0o755); err != nil {
		t.Fatal(err)
	}
	said := fresh(t, "")
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if line := said.String(); Describe(b) != "go" || !strings.Contains(line, damaged+" is damaged") ||
		!strings.Contains(line, plugin.Command) {
		t.Errorf("%s, said %q", Describe(b), line)
	}
	fresh(t, "xla:cpu")
	if b, err := Open(); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("asked for by name: %s, %v", Describe(b), err)
	}
}

// Without a home folder a program begins without a word, and PJRT_PLUGIN_LIBRARY_PATH is as it was.
func TestQuiet(t *testing.T) {
	c := exec.Command(os.Args[0])
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "HOME=") && !strings.HasPrefix(v, "XDG_CACHE_HOME=") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, environmentChild+"=1")
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil || complaints.Len() > 0 {
		t.Errorf("%v, said %q", err, &complaints)
	}
	if got, want := strings.TrimSpace(string(out)), os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"); got != want {
		t.Errorf("PJRT_PLUGIN_LIBRARY_PATH is %q, want %q", got, want)
	}
}
