package program

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"gomm/kernels/xla"
	"gomm/kernels/xla/plugin"
)

// runs reports whether programs can be run here.
var runs bool

// TestMain starts XLA with a folder for its programs. It leaves without running the C library's exit handlers: under the race
// detector the CPU plugin's free memory twice, and would turn tests that passed into an abort.
func TestMain(m *testing.M) {
	flag.Parse()
	_, _, found := plugin.Find()
	runs = found && xla.Built
	if !runs { // examples cannot skip themselves
		fmt.Fprintln(os.Stderr, "programs are written but not run here: no XLA, or no plugin")
		skip := flag.Lookup("test.skip").Value.String()
		flag.Set("test.skip", strings.Trim(skip+"|^ExampleAttention_Run$|^ExampleOptimized$", "|"))
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("DUMP", dir)
	os.Setenv("XLA_FLAGS", os.Getenv("XLA_FLAGS")+" --xla_dump_to="+dir+" --xla_dump_hlo_as_text")
	code := m.Run()
	os.RemoveAll(dir)
	os.Stdout.Sync()
	syscall.Exit(code)
}
