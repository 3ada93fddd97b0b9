package xla

import (
	"os"
	"syscall"
	"testing"
)

// TestMain leaves without running the C library's exit handlers: under the race detector the CPU plugin's free memory
// twice, and would turn tests that passed into an abort.
func TestMain(m *testing.M) {
	code := m.Run()
	os.Stdout.Sync()
	syscall.Exit(code)
}
