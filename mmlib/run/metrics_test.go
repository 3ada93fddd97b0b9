package run

import (
	"math"
	"os"
	"reflect"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
)

func TestMetrics(t *testing.T) {
	f, warnings := newRun(t, 3)
	check.Must(t, f.Log(1, map[string]float64{"loss": 2.5, "accuracy": 0.1}))
	check.Must(t, f.Save(storeOf(t, 1), 1, map[string]float64{"loss": math.Inf(1)}))
	check.Must(t, f.Log(2, map[string]float64{"loss": math.NaN(), "scale": math.Inf(-1)}))
	check.Must(t, f.Log(3, nil))
	data, err := os.ReadFile(f.Path("metrics.jsonl"))
	check.Must(t, err)
	want := `{"step":1,"accuracy":0.1,"loss":2.5}` + "\n" + `{"step":2,"loss":"NaN","scale":"-Inf"}` + "\n" + `{"step":3}` + "\n"
	if string(data) != want {
		t.Errorf("metrics.jsonl is\n%swant\n%s", data, want)
	}
	points, err := f.ReadMetrics()
	check.Must(t, err)
	if len(points) != 3 || points[1].Step != 2 || !math.IsNaN(points[1].Metrics["loss"]) || points[0].Metrics["loss"] != 2.5 {
		t.Errorf("read %v", points)
	}
	check.Error(t, f.Log(4, map[string]float64{"step": 1}), "step")

	_, err = f.Load(model.NewStore()) // cut back to step 1
	check.Must(t, err)
	check.Must(t, f.Log(2, map[string]float64{"loss": 2}))
	points, err = f.ReadMetrics()
	check.Must(t, err)
	if want := []Point{{1, Metrics{"loss": 2.5, "accuracy": 0.1}}, {2, Metrics{"loss": 2}}}; !reflect.DeepEqual(points, want) {
		t.Errorf("after the resume %v, want %v", points, want)
	}
	list, err := f.Checkpoints()
	check.Must(t, err)
	if x := list[0].Metrics["loss"]; !math.IsInf(x, 1) {
		t.Errorf("the manifest gives the loss %v, want +Inf", x)
	}
	if len(*warnings) > 0 {
		t.Error(*warnings)
	}
}

func TestTornMetrics(t *testing.T) {
	f, warnings := newRun(t, 3)
	check.Must(t, os.WriteFile(f.Path("metrics.jsonl"), []byte(`{"step":1,"loss":2}`+"\n"+`{"step":2,"lo`), 0o666))
	points, err := f.ReadMetrics()
	if err != nil || len(points) != 1 {
		t.Errorf("read %v (%v), want the whole line", points, err)
	}
	check.Must(t, f.Log(2, map[string]float64{"loss": 1})) // must not go on in the torn line
	points, err = f.ReadMetrics()
	if err != nil || len(points) != 2 || points[1].Metrics["loss"] != 1 {
		t.Errorf("read %v (%v), want two lines", points, err)
	}

	check.Must(t, f.Save(storeOf(t, 2), 2, nil))
	for _, line := range []string{"", "garbage", `{"loss":1}`, `{"step":1.5}`, `{"step":1,"loss":true}`, `{"step":1,"loss":"high"}`} {
		check.Must(t, os.WriteFile(f.Path("metrics.jsonl"), []byte(line+"\n"+`{"step":2}`+"\n"), 0o666))
		_, err = f.ReadMetrics()
		check.Error(t, err, "metrics.jsonl:1")
		*warnings = nil
		_, err = f.Load(model.NewStore())
		check.Must(t, err)
		if points, err := f.ReadMetrics(); err != nil || len(points) != 1 || len(*warnings) != 1 {
			t.Errorf("line %q: after the resume %v (%v), warnings %q; want one line and one warning", line, points, err, *warnings)
		}
	}
}

func TestLogFromManyGoroutines(t *testing.T) {
	f, _ := newRun(t, 3)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				if err := f.Log(int64(20*i+j), map[string]float64{"loss": float64(j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	points, err := f.ReadMetrics()
	if err != nil || len(points) != 160 {
		t.Errorf("%d lines (%v), want 160", len(points), err)
	}
}
