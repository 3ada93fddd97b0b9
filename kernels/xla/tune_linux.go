//go:build linux

package xla

import (
	"os"
	"strings"
	"syscall"
)

// TuneMemory restarts the program in the same process, with malloc set up for XLA on a CPU; call it first thing in main.
// glibc reads these settings once, before a program begins, so there is no other way from inside. It does nothing when
// the variable GLIBC_TUNABLES is set, to anything, or XLA is not part of the program.
//
// XLA asks malloc for the intermediate results of every execution and frees them at the end. By default glibc gives blocks
// so large back to the system each time, which then has to clear them again, one small page after another: that was a third
// of the time of a training step of CLIP on MNIST.
func TuneMemory() {
	if _, set := os.LookupEnv(TunablesVar); set || !Built || strings.HasPrefix(os.Getenv("GOMLX_BACKEND"), "go") {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	// When this fails the program goes on as it is, only slower.
	_ = syscall.Exec(self, os.Args, append(os.Environ(), TunablesVar+"="+Tunables))
}
