//go:build !windows

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// interruptOnce makes the end of its context an interrupt of the command, at which a training saves what it has. The command gets a
// process group of its own: a Ctrl-C would reach it a second time otherwise, and the second one kills.
func interruptOnce(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
}
