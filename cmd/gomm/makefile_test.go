//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMakefileSaysWhatIsWrong spoils the environment of make, one thing at a time: it must name what is wrong, and nothing else.
func TestMakefileSaysWhatIsWrong(t *testing.T) {
	old := filepath.Join(t.TempDir(), "go")
	script := `#!/bin/sh
[ "$*" = "env GOVERSION" ] && echo go1.22.1 && exit
echo "go: errors parsing go.mod" >&2
exit 1
`
	if err := os.WriteFile(old, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"GOFLAGS=-mod=vendor":  "make: the go command does not work with the setting GOFLAGS=-mod=vendor: unset it",
		"GOWORK=/none/go.work": "make: the go command does not work with the setting GOWORK=/none/go.work: unset it",
		"GO111MODULE=off":      "make: the go command does not work with the setting GO111MODULE=off: unset it",
		"GOTOOLCHAIN=none":     "make: the go command does not work with the setting GOTOOLCHAIN=none: unset it",
		"GOEXPERIMENT=bogus":   "make: the go command does not work with the setting GOEXPERIMENT=bogus: unset it",
		"GOOS=plan9":           "make: GOOS is plan9, but this builds for the machine that it runs on",
		"CC=no-such-compiler":  "make: the C compiler (no-such-compiler), which XLA needs, is missing or does not work",
		"GOCACHE=off":          "make: the go command does not work here: see above",
		"GO=" + old:            "make: gomm needs Go 1.26.5 or newer, and this is go1.22.1",
		"GO=no-such-go":        "make: no go on the PATH",
	} {
		t.Run(setting, func(t *testing.T) {
			cmd := exec.Command("make", "-s", "need")
			cmd.Dir = filepath.Join("..", "..")
			for _, v := range os.Environ() {
				switch name, _, _ := strings.Cut(v, "="); name {
				case "MAKEFLAGS", "MAKELEVEL", "CGO_ENABLED", "GOFLAGS", "GOEXPERIMENT":
				default:
					cmd.Env = append(cmd.Env, v)
				}
			}
			cmd.Env = append(cmd.Env, setting)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, no %q in:\n%s", err, want, out)
			}
			if other := "Go 1.26.5"; !strings.HasPrefix(setting, "GO=") && strings.Contains(string(out), other) {
				t.Errorf("%s has nothing to do with it:\n%s", other, out)
			}
		})
	}
}
