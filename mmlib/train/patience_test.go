package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/run"
)

// TestSee: what is an improvement, in either direction.
func TestSee(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		smaller bool
		values  []float64
		waited  int
		step    int64
	}{
		{false, []float64{1, 2, 3}, 0, 3},
		{false, []float64{1, 1, 1}, 2, 1},
		{false, []float64{1, 3, 2, 2.5}, 2, 2},
		{true, []float64{1, 3, 2, 2.5}, 3, 1},
		{true, []float64{-1, -2}, 0, 2},
		{false, []float64{-1, -2}, 1, 1},
		{false, []float64{nan, nan}, 2, 0},
		{false, []float64{nan, -5, nan}, 1, 2},
		{true, []float64{nan, 5, nan, 4}, 0, 4},
	} {
		p := patience{best: nan}
		for i, v := range test.values {
			p.see(v, int64(i+1), test.smaller)
		}
		if p.waited != test.waited || p.bestStep != test.step {
			t.Errorf("after %v, smaller is better: %v: waited %d, best at %d; want %d, %d", test.values, test.smaller, p.waited, p.bestStep,
				test.waited, test.step)
		}
	}
}

// quick makes a test use the Go backend: XLA takes longer to compile these steps than to run them.
func quick(t *testing.T) { t.Setenv(compute.ConfigEnvVar, "go") }

// TestPatience: training ends after the second validation in a row without improvement, says so, keeps the schedule, and does
// so too when it is killed or interrupted on the way, and resumed.
func TestPatience(t *testing.T) {
	quick(t)
	c := settings()
	c.SaveEvery, c.Patience = 2, 2
	errorAt := map[int64]float64{2: 5, 4: 3, 6: 4, 8: 3, 10: 1, 12: 0} // best after 4 steps; 8 is the end
	start := func(f *run.Folder, progress func(Progress)) *Trainer {
		f.Best = "-error"
		return trainer(t, resumable(), f, Hooks{Progress: progress, Validate: func(_ *model.Store, step int64) (map[string]float64, error) {
			return map[string]float64{"error": errorAt[step]}, nil // 0, the best of all, where it is interrupted
		}})
	}
	const why = "no better error in 2 validations since step 4"
	f := newFolder(t, 9, c)
	killed := map[int64]string{}
	tr := start(f, func(p Progress) {
		killed[p.Step] = filepath.Join(t.TempDir(), "killed")
		check.Must(t, os.CopyFS(killed[p.Step], os.DirFS(f.Path())))
	})
	check.Must(t, tr.Run(context.Background()))
	if tr.Step() != 8 || tr.Stopped() != why {
		t.Fatalf("it ends after step %d, because of %q; want 8, %q", tr.Step(), tr.Stopped(), why)
	}
	want := digest(t, tr.Store())
	points, err := f.ReadMetrics()
	check.Must(t, err)
	for _, p := range points {
		if rate, ok := p.Metrics["learning_rate"]; ok && !near(rate, LearningRate(c, p.Step-1)) {
			t.Errorf("step %d is trained with the rate %g, want %g as without patience", p.Step, rate, LearningRate(c, p.Step-1))
		}
	}
	last := points[len(points)-1]
	for name, want := range map[string]float64{"best": 3, "best_step": 4, "validations_since_best": 2, "stopped_early": 1, "error": 3} {
		if last.Step != 8 || last.Metrics[name] != want {
			t.Errorf("the last line, of step %d, has %s %g, want %g", last.Step, name, last.Metrics[name], want)
		}
	}

	for _, at := range []int64{3, 7, 8} {
		again, _ := resume(t, killed[at])
		tr := start(again, nil)
		check.Must(t, tr.Run(context.Background()))
		if got := digest(t, tr.Store()); tr.Step() != 8 || tr.Stopped() != why || got != want {
			t.Errorf("killed after step %d and resumed, it ends after step %d, because of %q, with %s and not %s", at, tr.Step(), tr.Stopped(),
				got, want)
		}
		wantSameMetrics(t, again, f)
	}

	f = newFolder(t, 9, c)
	dir := f.Path()
	check.Must(t, f.Close())
	for _, stop := range []int64{3, 5, 7, 100, 100} { // where no validation is due; what is measured there does not count
		f, _ := resume(t, dir)
		ctx, cancel := context.WithCancel(context.Background())
		tr = start(f, func(p Progress) {
			if p.Step == stop {
				cancel()
			}
		})
		if err := tr.Run(ctx); tr.Step() != min(stop, 8) || err != nil != errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted after step %d, Run ends after step %d with %v", stop, tr.Step(), err)
		}
		cancel()
		check.Must(t, f.Close())
	}
	if got := digest(t, tr.Store()); tr.Stopped() != why || got != want {
		t.Errorf("interrupted and resumed, it ends with %s and not %s, because of %q", got, want, tr.Stopped())
	}
}

// TestPatienceNeedsAMeasure: without one it is refused, before training or at the first validation.
func TestPatienceNeedsAMeasure(t *testing.T) {
	quick(t)
	c := settings()
	c.Steps, c.Warmup, c.SaveEvery, c.Patience = 1, 0, 1, 3
	x := &fit{examples: 20, model: linear}
	validate := func(*model.Store, int64) (map[string]float64, error) { return map[string]float64{"error": 1}, nil }
	f := newFolder(t, 1, c)
	_, err := New(backend(t), x, f, Hooks{Validate: validate})
	check.Error(t, err, "training.patience is 3", "set it to 0")
	f.Best = "accuracy"
	_, err = New(backend(t), x, f, Hooks{})
	check.Error(t, err, "training.patience is 3", "set it to 0")
	err = trainer(t, x, f, Hooks{Validate: validate}).Run(context.Background())
	check.Error(t, err, "training.patience is 3", "better accuracy", `there is ["error"]`)
}
