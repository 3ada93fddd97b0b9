package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestShowAndExport(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args string
		want []string // on stdout
	}{
		{"data scenes --show --count 2 --set languages=en,zh", []string{"test 1\n", "top left", "左上", "examples drawn: 2, in scenes.png"}},
		{"data films --show=f.png --split train", []string{"moves", "in f.png"}},
		{"data mnist --show", []string{"test 0\n  seven\n", "in mnist.png"}},
		{"data scenes --export out --count 3 --set grid=4", []string{"scenes: 3 examples of the split test, in out"}},
	} {
		status, stdout, stderr := call(strings.Fields(test.args)...)
		if status != 0 {
			t.Errorf("gomm %s: status %d, %s", test.args, status, stderr)
		}
		for _, want := range test.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("gomm %s: %q does not say %q", test.args, stdout, want)
			}
		}
	}
	out := func(name string) string { return filepath.Join("out", name) }
	for _, name := range []string{"scenes.png", "f.png", "mnist.png", out("000002.png"), out("examples.jsonl")} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for args, want := range map[string]string{
		"data scenes --show --split x":         `no split "x" with these settings; there are test, train, validation`,
		"data scenes --count 3":                "--count is of use with --show or --export only",
		"data plugin --show":                   "take one data set: fashion-mnist, films, mnist, scenes; got plugin",
		"data scenes mnist --show":             "take one data set",
		"data scenes --show --count 0":         "--count is 0",
		"data scenes --show --count 999999":    "the split test has 5000",
		"data scenes --export x --count 99999": "the split has 5000",
		"data scenes --show --set grid":        "write key=value",
		"data scenes --show --set gird=3":      `no setting "gird": the nearest are grid`,
		"data scenes --show --set grid=9":      "grid is 9: it must be 2, 3 or 4",
		"data scenes --export out":             "out exists already",
	} {
		if status, _, stderr := call(strings.Fields(args)...); status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("gomm %s: status %d, %q, want %q", args, status, stderr, want)
		}
	}
}
