package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gomm/kernels/xla"
	"gomm/kernels/xla/lean"
	"gomm/mmlib/loss"
)

// needsLean skips a test where the backend cannot run the lean kernels.
func needsLean(t *testing.T) {
	t.Helper()
	backend, err := xla.Open()
	if err != nil {
		t.Fatal(err)
	}
	if !backend.Capabilities().Operations[compute.OpTypeDynamicSlice] {
		t.Skip("the lean kernels need XLA: the Go backend has no slices at positions computed at run time")
	}
}

// newJob makes a job with inputs of its own.
func newJob(t *testing.T, c benchCase, impl string) job {
	t.Helper()
	j := job{benchCase: c, Impl: impl, Scale: logitScale, Threads: 1, Folder: t.TempDir()}
	var err error
	if j.Inputs, err = writeInputs(c, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return j
}

func open(t *testing.T, j job) *worker {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	w, first, err := newWorker(string(text))
	if err != nil || !strings.HasPrefix(first.By, "gomm, ") {
		t.Fatalf("answer %+v, error %v", first, err)
	}
	return w
}

// TestWorker: plain and lean write the same outputs, and both have a time.
func TestWorker(t *testing.T) {
	needsLean(t)
	for _, c := range []benchCase{
		{Op: attentionOp, Pass: backward, Size: 24, Width: 8, Heads: 2, Causal: true},
		{Op: contrastiveOp, Pass: forward, Size: 32, Width: 8},
	} {
		var entrants []*entrant
		for _, impl := range []string{plain, leanly} {
			j := newJob(t, c, impl)
			w := open(t, j)
			if a, err := w.obey("weigh 1000000000"); err != nil || a.Refused != "" {
				t.Fatalf("%s: answer %+v, error %v", c, a, err)
			}
			if a, err := w.obey("turn 0.01 1000000000"); err != nil || !(a.Seconds > 0 && a.Seconds < 5) {
				t.Errorf("%s: answer %+v, error %v", c, a, err)
			}
			entrants = append(entrants, &entrant{job: j, row: &row{}})
		}
		if err := compare(entrants); err != nil {
			t.Error(err)
		}
		if r := entrants[1].row; r.Difference == nil || r.Against != plain {
			t.Errorf("%s: was not compared: %+v", c, r)
		}
	}
}

// TestPlainPairs: the form that is timed is mmlib's loss.
func TestPlainPairs(t *testing.T) {
	j := newJob(t, benchCase{Op: contrastiveOp, Pass: backward, Size: 32, Width: 8}, plain)
	backend, err := xla.Open()
	if err != nil {
		t.Fatal(err)
	}
	exec, err := graph.NewExec(backend, func(in []*graph.Node) []*graph.Node {
		l := loss.Pairs(in[0], in[1], nil, graph.Scalar(in[0].Graph(), in[0].DType(), j.Scale), lean.Never)
		return append([]*graph.Node{l}, graph.Gradient(l, in[0], in[1])...)
	})
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, j)
	if _, err := w.obey("weigh 1000000000"); err != nil {
		t.Fatal(err)
	}
	outputs, err := exec.Call(w.args...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range j.outputs() {
		got, err := readFloats(filepath.Join(j.Folder, name+".f32"))
		if err != nil {
			t.Fatal(err)
		}
		var want []float32
		outputs[i].MustConstFlatData(func(flat any) { want = append(want, flat.([]float32)...) })
		if d, err := difference(got, want); err != nil || d > 1e-5 {
			t.Errorf("%s differs by %g, error %v", name, d, err)
		}
	}
}

func TestChildRefuses(t *testing.T) {
	w := open(t, newJob(t, benchCase{Op: contrastiveOp, Pass: forward, Size: 32, Width: 8}, plain))
	for _, command := range []string{"weigh 3", "turn 1 3"} {
		if a, err := w.obey(command); err != nil || !strings.Contains(a.Refused, "0 kB are free") {
			t.Errorf("%s: answer %+v, error %v; want a refusal", command, a, err)
		}
	}
	if w.need < 4*32*32 {
		t.Errorf("it needs %d bytes, less than one matrix", w.need)
	}
	if a, err := w.obey("rest"); err != nil || a != (answer{}) {
		t.Errorf("rest: answer %+v, error %v", a, err)
	}
	if _, err := w.obey("sing"); err == nil || !strings.Contains(err.Error(), `unknown command "sing"`) {
		t.Errorf("error %v, want one that names the command", err)
	}
	var out strings.Builder
	if err := child("{}", strings.NewReader(""), &out); err != nil || !strings.Contains(out.String(), `"error":`) {
		t.Errorf("a job that cannot be is answered with %q, error %v", out.String(), err)
	}
}

func TestMemory(t *testing.T) {
	const taken = 64 << 20
	var kept []byte
	grew, err := growth(func() error {
		kept = make([]byte, taken)
		for i := 0; i < len(kept); i += 4096 {
			kept[i] = 1
		}
		return nil
	})
	if err != nil || grew < taken*9/10 || grew > taken*3/2 {
		t.Errorf("grew by %d bytes, error %v; %d were taken", grew, err, len(kept))
	}
	if _, err := growth(func() error { return errors.New("no") }); err == nil || err.Error() != "no" {
		t.Errorf("error %v, want that of the function", err)
	}
	path := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(path, []byte("Name:\tx\nVmRSS:\t    12 kB\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err := status(path, "VmRSS"); n != 12<<10 || err != nil {
		t.Errorf("VmRSS is %d, error %v", n, err)
	}
	if _, err := status(path, "VmHWM"); err == nil || !strings.Contains(err.Error(), "no VmHWM") {
		t.Errorf("error %v, want one that names VmHWM", err)
	}
	for bytes, want := range map[int64]string{12_900_000_000: "12.9 GB", 1_500_000: "1.5 MB", 2000: "2 kB"} {
		if got := size(bytes); got != want {
			t.Errorf("%d bytes are written %q, want %q", bytes, got, want)
		}
	}
}
