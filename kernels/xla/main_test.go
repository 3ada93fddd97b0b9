package xla

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// What TestMain is to do in a child process: call TuneMemory and tell what came of it, or tell where plugins are looked for.
const (
	tuneChild        = "GOMM_TEST_TUNE"
	environmentChild = "GOMM_TEST_ENVIRONMENT"
)

// TestMain leaves without running the C library's exit handlers: under the race detector the CPU plugin's free memory
// twice, and would turn tests that passed into an abort.
func TestMain(m *testing.M) {
	if os.Getenv(tuneChild) != "" {
		TuneMemory()
		fmt.Println(os.Getenv("GLIBC_TUNABLES"), os.Getpid())
		return
	}
	if os.Getenv(environmentChild) != "" {
		fmt.Println(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"))
		return
	}
	code := m.Run()
	os.Stdout.Sync()
	syscall.Exit(code)
}
