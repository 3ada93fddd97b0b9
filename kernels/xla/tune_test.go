//go:build linux

package xla

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestTuneMemory(t *testing.T) {
	tests := []struct {
		name, variable, want string
	}{
		{"unset", "", Tunables},
		{"the user's own", "GLIBC_TUNABLES=glibc.malloc.check=0", "glibc.malloc.check=0"},
		{"the Go backend", "GOMLX_BACKEND=go", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := exec.Command(os.Args[0])
			for _, v := range os.Environ() {
				if !strings.HasPrefix(v, "GLIBC_TUNABLES=") && !strings.HasPrefix(v, "GOMLX_BACKEND=") {
					c.Env = append(c.Env, v)
				}
			}
			c.Env = append(c.Env, tuneChild+"=1")
			if test.variable != "" {
				c.Env = append(c.Env, test.variable)
			}
			var out strings.Builder
			c.Stdout, c.Stderr = &out, os.Stderr
			if err := c.Run(); err != nil {
				t.Fatal(err)
			}
			want := test.want
			if !Built {
				want = strings.Replace(want, Tunables, "", 1)
			}
			// The process is the same one: a signal sent to it, or a shell that waits for it, still finds it.
			if got := strings.TrimSpace(out.String()); got != strings.TrimSpace(fmt.Sprint(want, " ", c.Process.Pid)) {
				t.Errorf("printed %q, want %q and process %d", got, want, c.Process.Pid)
			}
		})
	}
}
