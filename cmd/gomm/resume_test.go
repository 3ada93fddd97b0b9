package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gomm/mmlib/experiment"
)

// longTest is the environment variable that gives the test of this file a larger model and more kills:
//
//	GOMM_TEST_LONG=1 go test ./cmd/gomm -run Killed
const longTest = "GOMM_TEST_LONG"

// childArgs holds, one a line, the arguments with which the test binary runs as gomm.
const childArgs = "GOMM_TEST_ARGS"

// TestChild is no test of its own: it is how the test binary becomes gomm, in a process that can be killed.
func TestChild(*testing.T) {
	args := os.Getenv(childArgs)
	if args == "" {
		return
	}
	syscall.Exit(runCommand(context.Background(), strings.Split(args, "\n"), os.Stdin, os.Stdout, os.Stderr))
}

// child is gomm in a process of its own.
func child(args ...string) (*exec.Cmd, *strings.Builder) {
	c := exec.Command(os.Args[0], "-test.run=^TestChild$")
	c.Env = append(os.Environ(), childArgs+"="+strings.Join(args, "\n"))
	said := new(strings.Builder)
	c.Stdout, c.Stderr = said, said
	return c, said
}

// pretraining is a small one, mostly to compile, that saves after every step.
func pretraining(dir string) []string {
	layers, validation := "0", "0"
	if os.Getenv(longTest) != "" {
		layers, validation = "1", "8"
	}
	args := []string{"pretrain", "clip", "--preset", "mnist-tiny", "--run", dir, "--steps", "40"}
	for _, setting := range []string{
		"model.vision.width=16", "model.vision.layers=" + layers, "model.vision.mlp=16",
		"model.text.width=16", "model.text.layers=" + layers, "model.text.mlp=16", "model.projection=8",
		"data.limit=60", "data.validation=" + validation, "data.captions.per_batch=20",
		"training.batch_size=8", "training.save_every=1", "training.devices=1",
	} {
		args = append(args, "--set", setting)
	}
	return args
}

// digestIn reads the final digest of a finished run.
func digestIn(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, experiment.TrainedFile))
	if err != nil {
		t.Fatal(err)
	}
	var result experiment.Trained
	if err := json.Unmarshal(data, &result); err != nil {
		t.Fatal(err)
	}
	if result.Steps != 40 || len(result.Digest) != 64 {
		t.Fatalf("%s: %d steps, digest %q; want 40 steps and a SHA-256", dir, result.Steps, result.Digest)
	}
	return result.Digest
}

// saving lists the checkpoints that are being written.
func saving(dir string) []string {
	list, _ := filepath.Glob(filepath.Join(dir, "checkpoints", ".tmp-0*"))
	return list
}

// killWhen runs gomm until the moment comes and then kills it, as a power cut would. It reports whether gomm ended before.
func killWhen(t *testing.T, args []string, moment func() bool) (ended bool) {
	t.Helper()
	c, said := child(args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	for deadline := time.Now().Add(time.Minute); ; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("gomm %s: %v\n%s", strings.Join(args, " "), err, said)
			}
			return true
		default:
		}
		if moment() {
			c.Process.Kill()
			<-done
			return false
		}
		if time.Now().After(deadline) {
			c.Process.Kill()
			t.Fatalf("gomm %s has not come to the moment to kill it:\n%s", strings.Join(args, " "), said)
		}
	}
}

// TestKilled kills a training with SIGKILL, at random moments and while it writes a checkpoint, and lets it resume until
// it is done. It must end with the same weights as one that nobody disturbed.
func TestKilled(t *testing.T) {
	unbroken, broken := filepath.Join(t.TempDir(), "unbroken"), filepath.Join(t.TempDir(), "broken")
	c, said := child(pretraining(unbroken)...)
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	want := digestIn(t, unbroken)

	kills := 2
	if os.Getenv(longTest) != "" {
		kills = 20
	}
	resume := []string{"pretrain", "clip", "--run", broken, "--resume"}
	args := pretraining(broken)
	inSave := 0
	for n, again := 0, 0; n < kills || inSave == 0; n++ {
		moment := atRandom(broken)
		if n%2 == 0 {
			moment = whileSaving(broken)
		}
		ended := killWhen(t, args, moment)
		inSave += min(1, len(saving(broken)))
		args = resume
		if ended && (inSave > 0 || again == 20) {
			break
		}
		if ended { // a fast machine saves between two looks at the folder: from the beginning
			again++
			if err := os.RemoveAll(broken); err != nil {
				t.Fatal(err)
			}
			args = pretraining(broken)
		}
	}
	if inSave == 0 {
		t.Error("no kill fell into the writing of a checkpoint")
	}
	c, said = child(resume...)
	if err := c.Run(); err != nil {
		t.Fatalf("resuming: %v\n%s", err, said)
	}
	if got := digestIn(t, broken); got != want {
		t.Errorf("killed and resumed it ends with the digest %s, unbroken with %s; gomm said\n%s", got, want, said)
	}
	if left := saving(broken); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// atRandom is a moment up to a quarter of a second after a training has come further than it had.
func atRandom(dir string) func() bool {
	before, since := latest(dir), time.Time{}
	wait := rand.N(250 * time.Millisecond)
	return func() bool {
		time.Sleep(time.Millisecond)
		if since.IsZero() && latest(dir) != before {
			since = time.Now()
		}
		return !since.IsZero() && time.Since(since) > wait
	}
}

// whileSaving is a moment at which a checkpoint is being written, but not the first.
func whileSaving(dir string) func() bool {
	before, further := latest(dir), false
	return func() bool {
		if !further {
			time.Sleep(time.Millisecond)
			further = latest(dir) != before
		}
		return further && len(saving(dir)) > 0
	}
}

// latest is the name of the latest checkpoint, "" for none.
func latest(dir string) string {
	list, _ := filepath.Glob(filepath.Join(dir, "checkpoints", "[0-9]*"))
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}
