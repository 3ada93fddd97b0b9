package run

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
)

var errStopped = errors.New("the process stops here")

// stopAt lets n operations pass; the process stops in the middle of the next one.
func stopAt(n int) disk {
	return disk{before: func(operation, path string) error {
		if n--; n >= 0 {
			return nil
		}
		if inside, _ := os.ReadDir(path); n == -1 && operation == "remove" && len(inside) > 0 {
			_ = os.RemoveAll(filepath.Join(path, inside[0].Name()))
		}
		return errStopped
	}}
}

// TestStopAnywhere stops a training run at each single file operation of Save, in every situation that Save knows. What is on the
// disk then must load, to a reader at once and to a trainer that resumes, as the step before or the step being saved.
func TestStopAnywhere(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]int64{"next step, one pruned": 3, "same step again": 2} {
		for stopped, n := true, 0; stopped; n++ {
			f, _ := newRun(t, 1)
			check.Must(t, f.Save(storeOf(t, 1), 1, nil))
			check.Must(t, f.Save(storeOf(t, 2), 2, nil))
			check.Must(t, f.Log(step, map[string]float64{"loss": 1}))
			f.disk = stopAt(n)
			collect(f)
			state := storeOf(t, step)
			if step == 2 {
				check.Must(t, state.GetVariable("/logit_scale").SetValue(storeOf(t, 3).GetVariable("/logit_scale").MustValue()))
			}
			saved := f.Save(state, step, nil)
			stopped = !finished(f)
			check.Must(t, f.Close()) // as the end of the process does
			want := []int64{2, step}
			if saved == nil {
				want = want[1:]
			}
			t.Run(fmt.Sprintf("%s, operation %d", name, n), func(t *testing.T) { wantUsable(t, f.Path(), want) })
		}
	}
}

// finished reports whether the disk of stopAt still works, and so whether all of Save was done.
func finished(f *Folder) bool { return f.disk.allow("", "") == nil }

func wantUsable(t *testing.T, dir string, want []int64) {
	reader, err := Open(dir)
	check.Must(t, err)
	noWarnings := collect(reader)
	step, err := reader.Load(model.NewStore())
	check.Must(t, err)
	if !slices.Contains(want, step) {
		t.Fatalf("a reader finds step %d, want one of %d", step, want)
	}
	found, err := reader.stored()
	check.Must(t, err)
	for _, x := range found { // what has its final name is whole, the older ones too
		if _, err := x.read(IsWeight); err != nil {
			t.Error(err)
		}
	}
	trainer, err := Resume(dir)
	check.Must(t, err)
	defer trainer.Close()
	wantNoLeftovers(t, trainer)
	again, err := trainer.Load(model.NewStore())
	if err != nil || again != step {
		t.Fatalf("the trainer finds step %d (%v), the reader found %d", again, err, step)
	}
	check.Must(t, trainer.Save(storeOf(t, 9), 9, nil))
	wantState(t, reader, 9)
	wantNoLeftovers(t, trainer)
	if len(*noWarnings) > 0 {
		t.Error(*noWarnings)
	}
}

// TestStopResume stops the sweeping of leftovers and the cutting of metrics, each at every operation.
func TestStopResume(t *testing.T) {
	t.Parallel()
	for stopped, n := true, 0; stopped; n++ {
		f, _ := newRun(t, 1)
		check.Must(t, f.Save(storeOf(t, 2), 2, nil))
		check.Must(t, errors.Join(f.Log(1, nil), f.Log(2, nil), f.Log(3, nil)))
		check.Must(t, os.Rename(f.stepPath(2), f.stepPath(2)+replaced))
		check.Must(t, os.MkdirAll(f.Path("checkpoints", temporary+"x", "y"), 0o777))
		check.Must(t, os.WriteFile(f.Path(temporary+"z"), nil, 0o666))
		f.disk = stopAt(n)
		collect(f)
		if f.sweep() == nil {
			_, _ = f.Load(model.NewStore())
		}
		stopped = !finished(f)
		check.Must(t, f.Close())
		wantUsable(t, f.Path(), []int64{2})
		g, err := Resume(f.Path())
		check.Must(t, err)
		if points, err := g.ReadMetrics(); err != nil || len(points) != 2 {
			t.Errorf("operation %d: metrics %v (%v), want those of steps 1 and 2", n, points, err)
		}
		check.Must(t, g.Close())
	}
}

func TestStopCreate(t *testing.T) {
	t.Parallel()
	for stopped, n := true, 0; stopped; n++ {
		dir := filepath.Join(t.TempDir(), "run")
		files := map[string][]byte{"tokenizer.json": []byte("words")}
		d := stopAt(n)
		f, err := create(d, dir, validConfig(), files)
		stopped = d.before("", "") != nil
		if err == nil {
			check.Must(t, f.Close())
		}
		if there, _ := exists(filepath.Join(dir, configFile)); !there {
			f, err := Create(dir, validConfig(), files)
			if err != nil {
				t.Fatalf("operation %d: %v", n, err)
			}
			check.Must(t, f.Close())
		}
		g, err := Resume(dir)
		check.Must(t, err)
		if data, err := os.ReadFile(g.Path("tokenizer.json")); string(data) != "words" {
			t.Errorf("operation %d: a run without its tokenizer: %v", n, err)
		}
		wantNoLeftovers(t, g)
		check.Must(t, g.Close())
	}
}

// TestDiskFull fills the disk during each write of a Save: the error says so, nothing is left, the checkpoint before it
// loads, and when there is room again the same Folder saves.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for full, n := true, 0; full; n++ {
		f, warnings := newRun(t, 1)
		check.Must(t, f.Save(storeOf(t, 1), 1, nil))
		left := n
		f.disk.before = func(operation, path string) error {
			if operation == "rename" || operation == "remove" {
				return nil
			}
			if left--; left < 0 {
				return &os.PathError{Op: operation, Path: path, Err: syscall.ENOSPC}
			}
			return nil
		}
		err := f.Save(storeOf(t, 2), 2, nil)
		full = left < 0
		if full {
			check.Error(t, err, "step 2", syscall.ENOSPC.Error(), "resume")
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%v is not ENOSPC", err)
			}
		}
		f.disk.before = nil
		if there, _ := exists(f.stepPath(2)); full && !there {
			wantState(t, f, 1)
		} else {
			wantState(t, f, 2)
		}
		wantNoLeftovers(t, f)
		check.Must(t, f.Save(storeOf(t, 3), 3, nil))
		wantState(t, f, 3)
		if len(*warnings) > 0 {
			t.Error(*warnings)
		}
	}
}

// trainForEver is a process that resumes the run in dir and saves step after step until it is killed.
func trainForEver(dir string) {
	t := fatal{}
	f, err := Resume(dir)
	check.Must(t, err)
	step, err := f.Load(model.NewStore())
	if err != nil && !errors.Is(err, ErrNoCheckpoint) {
		check.Must(t, err)
	}
	for {
		step++
		check.Must(t, f.Log(step, map[string]float64{"loss": float64(step)}))
		check.Must(t, f.Save(storeOf(t, step), step, map[string]float64{"accuracy": float64(step % 7)}))
		fmt.Println(step)
	}
}

// fatal is a testing.TB outside of a test.
type fatal struct{ testing.TB }

func (fatal) Helper() {}

func (fatal) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}

// TestKill kills a real process by SIGKILL at random moments. It may only ever lose the step that it was saving.
func TestKill(t *testing.T) {
	t.Parallel()
	f, _ := newRun(t, 2)
	check.Must(t, f.Close())
	reached := int64(0)
	for round := range 15 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "GOMM_RUN_TEST_TRAINER="+f.Path())
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		check.Must(t, err)
		check.Must(t, child.Start())
		steps := bufio.NewScanner(out)
		var kill sync.Once
		for steps.Scan() {
			if reached, err = strconv.ParseInt(steps.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
			kill.Do(func() {
				time.AfterFunc(time.Duration(rand.IntN(30_000))*time.Microsecond, func() { _ = child.Process.Kill() })
			})
		}
		if ended := child.Wait(); ended == nil || ended.Error() != "signal: killed" {
			t.Fatalf("round %d: the trainer ended by itself: %v", round, ended)
		}
		reader, err := Open(f.Path())
		check.Must(t, err)
		reader.Warn = func(message string) { t.Error(message) }
		step, err := reader.Load(model.NewStore())
		check.Must(t, err)
		if step != reached && step != reached+1 {
			t.Fatalf("round %d: killed after step %d was saved; step %d is found", round, reached, step)
		}
		wantState(t, reader, step)
		trainer, err := Resume(f.Path())
		check.Must(t, err)
		_, err = trainer.Load(model.NewStore())
		check.Must(t, err)
		points, err := trainer.ReadMetrics()
		check.Must(t, err)
		if int64(len(points)) != step || points[step-1].Step != step {
			t.Fatalf("round %d: %d lines of metrics for %d steps", round, len(points), step)
		}
		check.Must(t, trainer.Close())
	}
	t.Logf("killed 15 times on the way to step %d", reached)
}
