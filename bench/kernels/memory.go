package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"

	"github.com/gomlx/compute"
)

const self = "/proc/self/status"

// status reads an entry of a file of /proc that has lines of the form "VmRSS:    1234 kB", in bytes.
func status(path, entry string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("memory is measured on Linux only: %w", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kB int64
		if _, err := fmt.Sscanf(lines.Text(), entry+": %d kB", &kB); err == nil {
			return kB << 10, nil
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, entry)
}

// available is how much memory a new program can take without swapping.
func available() (int64, error) { return status("/proc/meminfo", "MemAvailable") }

// resident is how much memory this process has.
func resident() (int64, error) { return status(self, "VmRSS") }

// growth runs f and returns by how much the process's resident memory grew at most meanwhile, without what was only
// mapped from files: the code of libraries, which comes in as it is first used.
func growth(f func() error) (int64, error) {
	giveBack()
	before, err1 := resident()
	filesBefore, err2 := status(self, "RssFile")
	// The highest mark so far, VmHWM, is set back to what is now; else it would be the compilation's.
	err3 := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	peak, err1 := status(self, "VmHWM")
	files, err2 := status(self, "RssFile")
	return max(peak-before-(files-filesBefore), 0), errors.Join(err1, err2)
}

// giveBack returns free memory to the system, Go's and malloc's.
func giveBack() {
	debug.FreeOSMemory()
	trim()
}

// firstToGo makes this process the one that the system ends when memory runs out, and not one of somebody else.
func firstToGo() { _ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) } // without it, chance decides

// temporary is the number of bytes that XLA reserves for intermediate results of a compiled program. go-xla has it in a
// private field of the executable, which reflection may look at.
func temporary(e compute.Executable) (int64, error) {
	v := reflect.Indirect(reflect.ValueOf(e))
	for _, name := range []string{"exec", "OnDeviceMemoryUsageStats", "Temporary"} {
		if v.Kind() == reflect.Struct {
			v = reflect.Indirect(v.FieldByName(name))
		}
	}
	if !v.CanInt() {
		return 0, errors.New("this backend does not say how much memory a program needs")
	}
	return v.Int(), nil
}
