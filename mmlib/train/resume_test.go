package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/run"
)

// resumable is the task of this file. It has dropout: a random state that is lost or changed on the way shows.
func resumable() *fit { return &fit{examples: 20, model: network, metrics: []string{"double"}} }

// unbroken trains without a stop and returns the digest and, of every step, a copy of the folder as a process killed
// right after that step would leave it.
func unbroken(t *testing.T, c run.Training) (want string, f *run.Folder, killed []string) {
	t.Helper()
	f = newFolder(t, 9, c)
	killed = make([]string, c.Steps+1)
	want = trainAll(t, resumable(), f, Hooks{Progress: func(p Progress) {
		killed[p.Step] = filepath.Join(t.TempDir(), "killed")
		check.Must(t, os.CopyFS(killed[p.Step], os.DirFS(f.Path())))
	}})
	return want, f, killed
}

func resume(t *testing.T, dir string) (f *run.Folder, warnings *[]string) {
	t.Helper()
	f, err := run.Resume(dir)
	check.Must(t, err)
	t.Cleanup(func() { f.Close() })
	warnings = &[]string{}
	f.Warn = func(message string) { *warnings = append(*warnings, message) }
	return f, warnings
}

// TestResume compares one unbroken training with what becomes of it when it is stopped in every way.
func TestResume(t *testing.T) {
	for name, devices := range deviceCounts(t) {
		t.Run(name, func(t *testing.T) {
			c := settings()
			c.Devices = devices
			want, f, killed := unbroken(t, c)
			if devices > 1 {
				resumeAfterKill(t, want, f, killed, 7)
				return
			}
			t.Run("same again", func(t *testing.T) { runAgain(t, want, c) })
			t.Run("killed", func(t *testing.T) { resumeAfterKill(t, want, f, killed, 2, 7) })
			t.Run("cancelled", func(t *testing.T) { resumeAfterCancel(t, want, c) })
			t.Run("random state", func(t *testing.T) { resumeSeesRandomState(t, want, killed[6]) })
			t.Run("damaged", func(t *testing.T) { resumeAfterDamage(t, want, killed[12]) })
		})
	}
}

func runAgain(t *testing.T, want string, c run.Training) {
	if got := trainAll(t, resumable(), newFolder(t, 9, c), Hooks{}); got != want {
		t.Errorf("two training runs with the same seed end with the digests %s and %s", got, want)
	}
}

// resumeAfterKill goes on from what a killed process leaves, before, at and after a checkpoint.
func resumeAfterKill(t *testing.T, want string, f *run.Folder, killed []string, steps ...int64) {
	for _, at := range steps {
		again, warnings := resume(t, killed[at])
		tr := trainer(t, resumable(), again, Hooks{})
		if from := at / 5 * 5; tr.Step() != from {
			t.Errorf("killed after step %d: it goes on from step %d, want %d", at, tr.Step(), from)
		}
		check.Must(t, tr.Run(context.Background()))
		if got := digest(t, tr.Store()); got != want {
			t.Errorf("killed after step %d and resumed: digest %s, unbroken %s", at, got, want)
		}
		wantSameMetrics(t, again, f)
		if len(*warnings) > 0 {
			t.Errorf("killed after step %d: warnings %q", at, *warnings)
		}
	}
}

// wantSameMetrics compares everything that was logged but for the speed.
func wantSameMetrics(t *testing.T, got, want *run.Folder) {
	t.Helper()
	read := func(f *run.Folder) []run.Point {
		points, err := f.ReadMetrics()
		check.Must(t, err)
		for _, p := range points {
			delete(p.Metrics, "examples_per_second")
		}
		return points
	}
	if g, w := read(got), read(want); !reflect.DeepEqual(g, w) {
		t.Errorf("the resumed run logged\n%v, the unbroken one\n%v", g, w)
	}
}

// resumeAfterCancel interrupts one training again and again, also where no checkpoint is due.
func resumeAfterCancel(t *testing.T, want string, c run.Training) {
	f := newFolder(t, 9, c)
	dir := f.Path()
	check.Must(t, f.Close())
	for _, stop := range []int64{4, 5, 12} {
		f, _ := resume(t, dir)
		ctx, cancel := context.WithCancel(context.Background())
		tr := trainer(t, resumable(), f, Hooks{Progress: func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		}})
		if err := tr.Run(ctx); tr.Step() != stop || err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted after step %d: Run ends after step %d with %v", stop, tr.Step(), err)
		}
		if got := digest(t, tr.Store()); (got == want) != (stop == 12) {
			t.Errorf("after step %d the digest is %s, at the end of the unbroken run %s", stop, got, want)
		}
		check.Must(t, f.Close())
	}
}

// resumeSeesRandomState shows that these tests would find a resumed run with another random state.
func resumeSeesRandomState(t *testing.T, want, killed string) {
	f, _ := resume(t, killed)
	tr := trainer(t, resumable(), f, Hooks{})
	rng := tr.Store().GetVariable("/#rngState")
	if rng == nil || rng.Trainable {
		t.Fatalf("the random state is %v: it must be there and not be trained", rng)
	}
	state, err := graph.RNGStateFromSeed(9)
	check.Must(t, err)
	check.Must(t, rng.SetValue(state))
	check.Must(t, tr.Run(context.Background()))
	if got := digest(t, tr.Store()); got == want {
		t.Error("the random state does not matter: dropout is not part of the training")
	}
}

// resumeAfterDamage: a damaged checkpoint is passed over, by name, and the end is the same.
func resumeAfterDamage(t *testing.T, want, killed string) {
	path := filepath.Join(killed, "checkpoints", "00000010", "checkpoint-step-00000010.bin")
	data, err := os.ReadFile(path)
	check.Must(t, err)
	data[len(data)/2] ^= 1
	check.Must(t, os.WriteFile(path, data, 0o666))

	f, warnings := resume(t, killed)
	tr := trainer(t, resumable(), f, Hooks{})
	if tr.Step() != 5 || len(*warnings) != 1 || !strings.Contains((*warnings)[0], path) ||
		!strings.Contains((*warnings)[0], "step 5 is used instead") {
		t.Errorf("it goes on from step %d with the warnings %q; want step 5 and %s named", tr.Step(), *warnings, path)
	}
	check.Must(t, tr.Run(context.Background()))
	if got := digest(t, tr.Store()); got != want {
		t.Errorf("digest %s, unbroken %s", got, want)
	}
}

// TestInitOnlyOnce: start weights are for a fresh training, not for a resumed one.
func TestInitOnlyOnce(t *testing.T) {
	c := settings()
	c.Steps = 6
	f := newFolder(t, 1, c)
	trainAll(t, &fit{examples: 20, model: linear}, f, Hooks{Init: newReference().start})
	dir := f.Path()
	check.Must(t, f.Close())
	again, _ := resume(t, dir)
	tr := trainer(t, &fit{examples: 20, model: linear}, again, Hooks{Init: newReference().start})
	if tr.Step() != 6 {
		t.Errorf("it goes on from step %d, want 6", tr.Step())
	}
	start := newReference().values()
	if now := weights(t, tr.Store()); reflect.DeepEqual(now, start) {
		t.Error("the resumed training begins with the start weights")
	}
}
