package experiment_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// TestMain ends at once: under -race the destructors of a plugin can abort an orderly exit.
func TestMain(m *testing.M) {
	var err error
	if shared, err = os.MkdirTemp("", "experiment-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(shared)
	syscall.Exit(status)
}
