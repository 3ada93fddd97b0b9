// Package machine says what a benchmark ran on: the machine, and the versions of what its times depend on.
package machine

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine is what a time depends on besides the programs.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
}

// This is the machine that the program runs on.
func This() Machine {
	m := Machine{CPU: "unknown", Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	content, _ := os.ReadFile("/proc/cpuinfo") // on Linux; elsewhere the model stays unknown
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// Versions are those of Go and of GoMLX's modules in this program.
func Versions() map[string]string {
	v := map[string]string{"go": runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if name, ours := strings.CutPrefix(m.Path, "github.com/gomlx/"); ours {
				v[name] = m.Version
			}
		}
	}
	return v
}
