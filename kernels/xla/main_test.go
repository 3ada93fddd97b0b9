package xla

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// tuneChild makes TestMain call TuneMemory and tell what came of it.
const tuneChild = "GOMM_TEST_TUNE"

// TestMain leaves without running the C library's exit handlers: under the race detector the CPU plugin's free memory
// twice, and would turn tests that passed into an abort.
func TestMain(m *testing.M) {
	if os.Getenv(tuneChild) != "" {
		TuneMemory()
		fmt.Println(os.Getenv("GLIBC_TUNABLES"), os.Getpid())
		return
	}
	code := m.Run()
	os.Stdout.Sync()
	syscall.Exit(code)
}
