//go:build unix

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary start itself as a program that works until it is interrupted.
func TestMain(m *testing.M) {
	manner := os.Getenv("GOMM_TEST_INTERRUPTED")
	if manner == "" {
		syscall.Exit(m.Run()) // at once: under -race the destructors of a plugin can abort an orderly exit
	}
	os.Exit(untilSignal(func(ctx context.Context) int {
		fmt.Println("working")
		<-ctx.Done()
		fmt.Println("saving")
		if manner == "hangs" {
			time.Sleep(time.Minute)
		}
		return exitInterrupted
	}))
}

// interrupted starts such a program and interrupts it once. It returns what the program prints from then on.
func interrupted(t *testing.T, manner string, with os.Signal) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GOMM_TEST_INTERRUPTED="+manner)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "working" {
		t.Fatalf("the program says %q, want \"working\"", lines.Text())
	}
	if err := cmd.Process.Signal(with); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "saving" {
		t.Fatalf("after a signal the program says %q, want \"saving\"", lines.Text())
	}
	return cmd, lines
}

func TestFirstSignalSaves(t *testing.T) {
	for _, with := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, _ := interrupted(t, "ends", with)
		cmd.Wait() // an error, for its status is not 0
		if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
			t.Errorf("after %v: status %d, want %d", with, got, exitInterrupted)
		}
	}
}

func TestSecondSignalKills(t *testing.T) {
	cmd, lines := interrupted(t, "hangs", os.Interrupt)
	ended := make(chan bool)
	go func() { lines.Scan(); cmd.Wait(); close(ended) }()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		cmd.Process.Signal(os.Interrupt) // again, as the first may come before the program has let go of signals
		select {
		case <-ended:
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
				t.Errorf("the program ended with %v, want killed by SIGINT", cmd.ProcessState)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Error("a second Ctrl-C does not kill a program that hangs while saving")
}
