package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
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
		{"kernel install --user --prefix " + dir, exitUsage,
			"gomm: if any flags in the group [user prefix] are set none of the others can be; [prefix user] were all set"},
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
		if _, err := (jupyter.Kernel{Name: name, Display: "Go", Module: "/src/gomm", Bin: "/src/gomm/bin/kernel"}).Install(data,
			false); err != nil {
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

// TestKernelStatus: it names each part; what is missing it says with the command that fixes it, and it fails where cells cannot run
// without that part.
func TestKernelStatus(t *testing.T) {
	missing := errors.New("it is not here")
	for name, test := range map[string]struct {
		change func(*machine)
		line   string // a regular expression
		fails  bool
	}{
		"all is here": {func(*machine) {},
			`(?m)^ok +gonb .*\n(?s:.*)^ok +goimports (?s:.*)^ok +gopls (?s:.*)^ok +XLA plugin (?s:.*)^ok +Jupyter (?s:.*)^ok +kernel `, false},
		"no kernel": {func(m *machine) { m.kernels = func() []jupyter.Installed { return nil } },
			`(?m)^\S+ +kernel .*; fix: gomm kernel install$`, true},
		"no plugin": {func(m *machine) { m.plugin = func() (string, error) { return "", missing } },
			`(?m)^missing +XLA plugin .*; fix: gomm data plugin$`, false},
		"no tool": {func(m *machine) { m.tool = func(context.Context, jupyter.Tool) (string, error) { return "", missing } },
			`(?m)^\S+ +gonb .*; fix: gomm kernel install$`, true},
	} {
		m := fakeMachine(complete())
		test.change(m)
		var out bytes.Buffer
		err := doctor(context.Background(), &out, kernelChecks, m, false)
		if (err != nil) != test.fails || !regexp.MustCompile(test.line).MatchString(out.String()) {
			t.Errorf("%s: error %v, and\n%s", name, err, &out)
		}
	}
}
