package run

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"gomm/mmlib/internal/check"
)

// TestGoMLXReads reads a checkpoint as GoMLX's own handler and its tool gomlx_checkpoints do.
func TestGoMLXReads(t *testing.T) {
	f, _ := newRun(t, 2)
	saved := storeOf(t, 500)
	newVariable(t, saved, "/empty", tensors.FromFlatDataAndDimensions([]float32{}, 0, 3))
	check.Must(t, f.Save(saved, 500, nil))

	s := model.NewStore()
	_, err := checkpoint.Load(s).Dir(f.Path("checkpoints", "00000500")).Immediate().Done()
	check.Must(t, err)
	want, err := variables(saved)
	check.Must(t, err)
	have, err := variables(s)
	check.Must(t, err)
	for i := range have { // the flag that GoMLX's format has no place for
		have[i].trainable = want[i].trainable
	}
	compare(t, have, want)

	back := model.NewStore()
	_, err = f.Load(back)
	check.Must(t, err)
	have, err = variables(back)
	check.Must(t, err)
	compare(t, have, want)
}

func TestEqualStatesAreEqualFiles(t *testing.T) {
	var files [2][]byte
	for i := range files {
		f, _ := newRun(t, 2)
		s := storeOf(t, 7)
		if i == 1 { // created in another order
			check.Must(t, s.MoveVariable("/logit_scale", "/x"))
			check.Must(t, s.DeleteVariable("/x"))
			newVariable(t, s, "/logit_scale", float32(7))
		}
		check.Must(t, f.Save(s, 7, nil))
		for _, name := range []string{"checkpoint-step-00000007.bin", "checkpoint-step-00000007.json", "manifest.json"} {
			data, err := os.ReadFile(f.Path("checkpoints", "00000007", name))
			check.Must(t, err)
			files[i] = append(files[i], data...)
		}
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("the same state gave different files")
	}
}

func TestRandomStateIsNeverTrainable(t *testing.T) {
	f, _ := newRun(t, 2)
	s := storeOf(t, 1)
	s.GetVariable("/#rngState").SetTrainable(true)
	check.Must(t, f.Save(s, 1, nil))
	back := model.NewStore()
	_, err := f.Load(back)
	check.Must(t, err)
	if back.GetVariable("/#rngState").Trainable {
		t.Error("/#rngState is trainable: the optimizer would change it")
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		best   string
		keep   int
		values []float64 // of steps 1, 2, …
		want   []int64
	}{
		{"", 2, []float64{1, 2, 3, 4}, []int64{3, 4}},
		{"x", 1, []float64{1, 9, 3, 4}, []int64{2, 4}},
		{"-x", 1, []float64{5, 9, 3, 4}, []int64{3, 4}},
		{"x", 2, []float64{9, 1, 2, 3}, []int64{1, 3, 4}},
		{"x", 1, []float64{9, 9, 1, 1}, []int64{2, 4}},
		{"x", 1, []float64{math.NaN(), 1, math.NaN(), math.NaN()}, []int64{2, 4}},
		{"-x", 1, []float64{math.Inf(-1), 1, 2, 3}, []int64{1, 4}},
		{"absent", 1, []float64{1, 2, 3, 4}, []int64{4}},
	} {
		f, warnings := newRun(t, test.keep)
		f.Best = test.best
		for i, x := range test.values {
			step := int64(i + 1)
			check.Must(t, f.Save(storeOf(t, step), step, map[string]float64{"x": x}))
		}
		steps, err := f.Steps()
		check.Must(t, err)
		if !slices.Equal(steps, test.want) {
			t.Errorf("best %q, keep %d, values %v: %v are kept, want %v", test.best, test.keep, test.values, steps, test.want)
		}
		if len(*warnings) > 0 {
			t.Error(*warnings)
		}
		wantNoLeftovers(t, f)
	}
}

func TestSaveAgain(t *testing.T) {
	f, _ := newRun(t, 2)
	check.Must(t, f.Save(storeOf(t, 4), 4, map[string]float64{"accuracy": 0.9}))
	check.Must(t, f.Save(storeOf(t, 4), 4, nil))
	if list, err := f.Checkpoints(); err != nil || len(list) != 1 || list[0].Metrics["accuracy"] != 0.9 {
		t.Errorf("%+v (%v): want one checkpoint with its metrics", list, err)
	}
	check.Must(t, f.Save(storeOf(t, 5), 4, nil)) // other weights
	list, err := f.Checkpoints()
	check.Must(t, err)
	if want, _ := Digest(storeOf(t, 5)); len(list) != 1 || list[0].Metrics["accuracy"] != 0 || list[0].Digest != want {
		t.Errorf("%+v: want the new weights without metrics", list)
	}
	wantNoLeftovers(t, f)
}

func TestDamage(t *testing.T) {
	t.Parallel()
	bin, index := "checkpoint-step-00000002.bin", "checkpoint-step-00000002.json"
	for name, damage := range map[string]struct {
		file string
		do   func(t *testing.T, path string)
	}{
		"weights flipped":    {bin, flip},
		"weights cut":        {bin, cut},
		"weights too long":   {bin, extend},
		"weights missing":    {bin, remove},
		"weights emptied":    {bin, empty},
		"index flipped":      {index, flip},
		"index cut":          {index, cut},
		"index missing":      {index, remove},
		"manifest flipped":   {"manifest.json", flip},
		"manifest cut":       {"manifest.json", cut},
		"manifest missing":   {"manifest.json", remove},
		"manifest emptied":   {"manifest.json", empty},
		"folder was emptied": {"", remove},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := newRun(t, 2)
			f.Best = "accuracy"
			check.Must(t, f.Log(1, nil))
			check.Must(t, f.Save(storeOf(t, 1), 1, map[string]float64{"accuracy": 0.1}))
			check.Must(t, f.Log(2, nil))
			check.Must(t, f.Save(storeOf(t, 2), 2, map[string]float64{"accuracy": 0.2}))
			path := f.Path("checkpoints", "00000002", damage.file)
			damage.do(t, path)
			if damage.file == "" {
				check.Must(t, os.Mkdir(path, 0o777))
			}

			reader, err := Open(f.Path())
			check.Must(t, err)
			warnings := collect(reader)
			wantState(t, reader, 1)
			if len(*warnings) != 1 || !strings.Contains((*warnings)[0], path) || !strings.Contains((*warnings)[0], "step 1 is used") {
				t.Errorf("warnings %q do not name %s and step 1", *warnings, path)
			}
			step, err := reader.LoadWeights(model.NewStore())
			if err != nil || step != 1 {
				t.Errorf("LoadWeights used step %d (%v), want 1", step, err)
			}

			collect(f)
			wantState(t, f, 1) // as a trainer that resumes
			if points, _ := f.ReadMetrics(); len(points) != 1 {
				t.Errorf("metrics %v were not cut back to step 1", points)
			}
			check.Must(t, f.Save(storeOf(t, 2), 2, nil)) // and comes by again
			wantState(t, f, 2)
			wantNoLeftovers(t, f)
		})
	}
}

func TestAllDamaged(t *testing.T) {
	f, _ := newRun(t, 2)
	check.Must(t, f.Log(1, nil))
	for step := range int64(2) {
		check.Must(t, f.Save(storeOf(t, step), step, nil))
		flip(t, f.Path("checkpoints", stepName(step), baseName(step)+".bin"))
	}
	_, err := f.Load(model.NewStore())
	check.Error(t, err, baseName(0)+".bin", baseName(1)+".bin", "SHA-256")
	if errors.Is(err, ErrNoCheckpoint) {
		t.Error("a trainer would start at step 0 over damaged checkpoints")
	}
	if points, _ := f.ReadMetrics(); len(points) != 1 {
		t.Error("the metrics were cut, though nothing was loaded")
	}
}

// A damaged checkpoint must not count as one of those kept: else pruning would leave nothing whole.
func TestPruneKeepsWholeOnes(t *testing.T) {
	f, _ := newRun(t, 1)
	f.Best = "accuracy"
	save := func(step int64, accuracy float64, kept ...int64) {
		t.Helper()
		check.Must(t, f.Save(storeOf(t, step), step, map[string]float64{"accuracy": accuracy}))
		if steps, _ := f.Steps(); !slices.Equal(steps, kept) {
			t.Errorf("after step %d, %v are kept, want %v", step, steps, kept)
		}
	}
	save(10, 0.5, 10)
	save(20, 0.1, 10, 20)
	cut(t, f.Path("checkpoints", stepName(20), baseName(20)+".bin"))
	save(15, 0.2, 10, 15, 20) // 20 is the latest, but damaged; training comes by again
	wantState(t, f, 15)
	save(40, 0.9, 40)
	cut(t, f.Path("checkpoints", stepName(40), baseName(40)+".bin"))
	save(50, 0.1, 50)
}

// A reader must always find a checkpoint while a trainer saves and prunes.
func TestReadWhileTraining(t *testing.T) {
	t.Parallel()
	f, _ := newRun(t, 1)
	check.Must(t, f.Save(storeOf(t, 0), 0, nil))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			reader, err := Open(f.Path())
			if err != nil {
				t.Error(err)
				return
			}
			reader.Warn = func(message string) { t.Error(message) }
			for {
				if _, err := reader.Load(model.NewStore()); err != nil {
					t.Error(err)
				}
				if _, err := reader.ReadMetrics(); err != nil {
					t.Error(err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for step := int64(1); step <= 60; step++ {
		if err := errors.Join(f.Log(step, map[string]float64{"loss": 1}), f.Save(storeOf(t, step), step, nil)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}

func wantNoLeftovers(t testing.TB, f *Folder) {
	t.Helper()
	check.Must(t, filepath.WalkDir(f.Path(), func(path string, _ os.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), temporary) || strings.HasSuffix(path, replaced) {
			t.Errorf("%s is left over", path)
		}
		return err
	}))
}

func change(t testing.TB, path string, edit func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	check.Must(t, err)
	check.Must(t, os.WriteFile(path, edit(data), 0o666))
}

func flip(t *testing.T, path string) {
	change(t, path, func(data []byte) []byte {
		i := max(len(data)/2, strings.Index(string(data), `accuracy": 0.`)+len(`accuracy": 0.`))
		data[i] ^= 1
		return data
	})
}

func cut(t *testing.T, path string) {
	change(t, path, func(data []byte) []byte { return data[:len(data)-5] })
}

func extend(t *testing.T, path string) {
	change(t, path, func(data []byte) []byte { return append(data, 0) })
}

func empty(t *testing.T, path string) {
	change(t, path, func([]byte) []byte { return nil })
}

func remove(t *testing.T, path string) { check.Must(t, os.RemoveAll(path)) }
