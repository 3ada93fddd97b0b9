package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// call runs gomm as a shell would and returns its status and what it wrote.
func call(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = runCommand(context.Background(), args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

func TestExitStatus(t *testing.T) {
	for _, test := range []struct {
		args   string
		status int
		stdout string // a part of it
		stderr string // its beginning
	}{
		{"", exitOK, "Usage:", ""},
		{"--help", exitOK, "gomm doctor", ""},
		{"version", exitOK, "gomm ", ""},
		{"help data", exitOK, "--dir", ""},
		{"dta", exitUsage, "", `gomm: unknown command "dta" for "gomm"`},
		{"--nonsense", exitUsage, "", "gomm: unknown flag: --nonsense\nRun 'gomm --help'"},
		{"data --nonsense", exitUsage, "", "gomm: unknown flag: --nonsense\nRun 'gomm data --help'"},
		{"version now", exitUsage, "", `gomm: unknown command "now" for "gomm version"`},
		{"data", exitUsage, "", "gomm: data: name what to fetch: fashion-mnist, films, mnist, scenes, plugin, cuda, tpu\n"},
		{"data mnits", exitUsage, "", `gomm: data: nothing is called "mnits"; there are fashion-mnist, films, mnist, scenes, plugin, cuda, tpu`},
		{"data --dir x mnist plugin", exitUsage, "", "gomm: data: --dir is for one at a time"},
		{"data --dir x cuda", exitUsage, "", "gomm: data: --dir is not for the plugins of GPUs"},
	} {
		status, stdout, stderr := call(strings.Fields(test.args)...)
		if status != test.status || !strings.Contains(stdout, test.stdout) || !strings.HasPrefix(stderr, test.stderr) {
			t.Errorf("gomm %s: status %d, stdout %q, stderr %q; want %d, %q, %q",
				test.args, status, stdout, stderr, test.status, test.stdout, test.stderr)
		}
		if test.status == exitOK && stderr != "" || test.status != exitOK && stdout != "" {
			t.Errorf("gomm %s writes to the wrong place: stdout %q, stderr %q", test.args, stdout, stderr)
		}
	}
}

// TestErrorsOfWork runs a command that fails in its own work, in each of the ways that have a status of their own.
func TestErrorsOfWork(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, test := range []struct {
		name   string
		work   func() error
		status int
		stderr string
	}{
		{"fine", func() error { return nil }, exitOK, ""},
		{"failure", func() error { return errors.New("no disk") }, exitFailed, "gomm: no disk\n"},
		{"usage", func() error { return fmt.Errorf("work: %w", usagef("steps: -1")) }, exitUsage,
			"gomm: work: steps: -1\nRun 'gomm work --help' for how to use it.\n"},
		{"canceled by itself", func() error { return context.Canceled }, exitFailed, "gomm: context canceled\n"},
		{"interrupted", func() error { cancel(); return fmt.Errorf("step 7: %w", ctx.Err()) }, exitInterrupted, "gomm: interrupted\n"},
	} {
		root := newRoot()
		root.AddCommand(&cobra.Command{Use: "work", RunE: func(*cobra.Command, []string) error { return test.work() }})
		var out, errs bytes.Buffer
		status := execute(ctx, root, []string{"work"}, strings.NewReader(""), &out, &errs)
		if status != test.status || errs.String() != test.stderr {
			t.Errorf("%s: status %d and %q, want %d and %q", test.name, status, errs.String(), test.status, test.stderr)
		}
	}
}

// TestEveryCommandTeaches holds every command to having a line of description, an example, and RunE (not Run, whose errors
// would be lost).
func TestEveryCommandTeaches(t *testing.T) {
	for _, c := range newRoot().Commands() {
		if c.Name() == "help" {
			continue
		}
		if c.Short == "" || c.Example == "" {
			t.Errorf("gomm %s has no short description or no example", c.Name())
		}
		if c.Run != nil || c.RunE == nil && !c.HasSubCommands() {
			t.Errorf("gomm %s: want RunE, and not Run", c.Name())
		}
	}
}

func TestVersion(t *testing.T) {
	_, stdout, _ := call("version")
	for _, want := range []string{"gomm ", "go "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("gomm version says %q, which lacks %q", stdout, want)
		}
	}
}
