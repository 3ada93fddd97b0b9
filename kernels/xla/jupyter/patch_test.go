package jupyter

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPatches: the patches fit the version of GoNB that go.mod names, one after the other.
func TestPatches(t *testing.T) {
	module := filepath.Join("..", "..", "..")
	source, err := goCommand(context.Background(), module, nil, "list", "-m", "-f", "{{.Dir}}", "github.com/janpfeifer/gonb")
	if err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(t.TempDir(), "gonb")
	if err := copyTree(tree, source); err != nil {
		t.Fatal(err)
	}
	count := 0
	if err := eachPatch(func(_ string, text []byte) error { count++; return applyPatch(tree, text) }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tree, "internal", "jpyexec", "group_unix.go")); err != nil || count < 7 {
		t.Errorf("%d patches were applied: %v", count, err)
	}
	if err := eachPatch(func(_ string, text []byte) error { return applyPatch(tree, text) }); err == nil {
		t.Error("patches are applied twice")
	}
}

// TestPatchRefused: a patch changes and adds files inside the tree, and nothing else; a line that is not there is an error.
func TestPatchRefused(t *testing.T) {
	tree := t.TempDir()
	path := filepath.Join(tree, "a.txt")
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	patch := func(name, line string) []byte {
		return []byte("diff --git a/" + name + " b/" + name + "\n--- a/" + name + "\n+++ b/" + name + "\n@@ -1,2 +1,2 @@\n one\n-" + line +
			"\n+three\n")
	}
	for name, bad := range map[string][]byte{
		"outside":      patch("../a.txt", "two"),
		"another line": patch("a.txt", "four"),
		"no such file": patch("b.txt", "two"),
	} {
		if err := applyPatch(tree, bad); err == nil {
			t.Errorf("%s: it is applied", name)
		}
	}
	if err := applyPatch(tree, patch("a.txt", "two")); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(text)) != "one\nthree" {
		t.Errorf("the file is %q, %v", text, err)
	}
}
