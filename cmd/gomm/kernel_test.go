package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gomm/kernels/xla/jupyter"
)

// TestKernelRefuses: what the command cannot do it says, with what to do instead, and leaves nothing behind.
func TestKernelRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		args   string
		status int
		stderr string
	}{
		{"kernel install --module " + dir, exitUsage, "gomm: --module " + dir + ": there is no go.mod of gomm in it"},
		{"kernel install --user --prefix " + dir, exitUsage, "gomm: if any flags in the group [user prefix] are set none of the others can be; [prefix user] were all set"},
		{"kernel install now", exitUsage, `gomm: unknown command "now" for "gomm kernel install"`},
		{"kernel remove --prefix " + dir, exitFailed, `gomm: jupyter: there is no kernel "gomm" in ` + dir},
		{"kernel remove --prefix " + dir + " --name ..", exitFailed, `gomm: jupyter: a kernel cannot be called ".."`},
		{"kernel status --nonsense", exitUsage, "gomm: unknown flag: --nonsense"},
	} {
		status, stdout, stderr := call(strings.Fields(test.args)...)
		if status != test.status || stdout != "" || !strings.HasPrefix(stderr, test.stderr) {
			t.Errorf("gomm %s: status %d, stdout %q, stderr %q; want %d, %q", test.args, status, stdout, stderr, test.status, test.stderr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, error %v", left, err)
	}
}

// TestKernelRemove: the kernel that is named is removed, where it is said to be, and no other.
func TestKernelRemove(t *testing.T) {
	prefix := t.TempDir()
	data := jupyter.EnvironmentDir(prefix)
	for _, name := range []string{"gomm", "other"} {
		if _, err := (jupyter.Kernel{Name: name, Display: "Go", Module: "/src/gomm", Bin: "/src/gomm/bin/kernel"}).Install(data, false); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(data, "kernels", "other")
	status, stdout, stderr := call("kernel", "remove", "--prefix", prefix, "--name", "other")
	if status != exitOK || stdout != "removed "+dir+"\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if isDir(dir) || !isDir(filepath.Join(data, "kernels", "gomm")) {
		t.Error("not this kernel was removed, or more than this")
	}
}

// TestKernelStatus: it names each part, and when one is missing the status says so.
func TestKernelStatus(t *testing.T) {
	t.Setenv("JUPYTER_PATH", "")
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	_, stdout, _ := call("kernel", "status")
	for _, part := range []string{"gonb", "goimports", "gopls", "XLA plugin", "Jupyter", "kernel"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("gomm kernel status says nothing of %s: %s", part, stdout)
		}
	}
}
