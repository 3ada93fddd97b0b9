package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/kernels/xla"
)

// answer is one line of a measuring process, ours or PyTorch's.
type answer struct {
	By        string  `json:"by,omitempty"`         // at the start: who computes
	TempBytes int64   `json:"temp_bytes,omitempty"` // at the start: XLA's temporary bytes
	Refused   string  `json:"refused,omitempty"`    // why not: the memory it would take
	PeakBytes int64   `json:"peak_bytes,omitempty"` // weigh
	Seconds   float64 `json:"seconds,omitempty"`    // turn: of the fastest execution
	Error     string  `json:"error,omitempty"`
}

// child is the program that measures one job of ours. Once the program is compiled and the inputs are in place it
// answers, and from then on obeys, until in ends:
//
//	weigh BYTES            execute once, write the outputs, tell by how much the memory grew
//	turn SECONDS BYTES     execute for so long, tell the best time
//	rest                   give free memory back to the system
//
// BYTES is how much more memory it may take; it refuses what would take more.
func child(text string, in io.Reader, out io.Writer) error {
	firstToGo()
	answers := json.NewEncoder(out)
	w, first, err := newWorker(text)
	if err != nil {
		return answers.Encode(answer{Error: err.Error()})
	}
	if err := answers.Encode(first); err != nil {
		return err
	}
	for commands := bufio.NewScanner(in); commands.Scan(); {
		a, err := w.obey(commands.Text())
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// worker is a compiled job with its inputs.
type worker struct {
	job   job
	exec  *graph.Exec
	args  []any
	need  int64 // bytes that an execution takes
	base  int64 // bytes that the process has at rest
	fresh bool  // the memory of the executions is not there yet
}

func newWorker(text string) (*worker, answer, error) {
	w := &worker{fresh: true}
	if err := json.Unmarshal([]byte(text), &w.job); err != nil {
		return nil, answer{}, err
	}
	backend, err := xla.Open()
	if err != nil {
		return nil, answer{}, err
	}
	if w.exec, err = graph.NewExec(backend, func(in []*graph.Node) []*graph.Node { return build(w.job, in) }); err != nil {
		return nil, answer{}, err
	}
	var inputs []shapes.Shape
	for _, input := range w.job.Inputs {
		values, err := readFloats(input.File)
		if err != nil {
			return nil, answer{}, err
		}
		t := tensors.FromFlatDataAndDimensions(values, input.Dims...)
		if err := t.ToDevice(backend, 0); err != nil {
			return nil, answer{}, err
		}
		w.args, inputs = append(w.args, t), append(inputs, shapes.Make(dtypes.Float32, input.Dims...))
	}
	g, err := w.exec.Compile(inputs...)
	if err != nil {
		return nil, answer{}, err
	}
	temp, unknown := temporary(g.Executable())
	if unknown == nil {
		w.need = temp
	}
	if w.job.Impl == plain {
		w.need += w.job.Matrix() // what libraries take that XLA calls: up to a matrix more, by what peak_bytes showed
	}
	for _, output := range g.Executable().Outputs() {
		w.need += output.ByteSize()
	}
	giveBack()
	w.base, err = resident()
	name, _, _ := strings.Cut(xla.Describe(backend), " (")
	return w, answer{By: "gomm, " + name + ", one device", TempBytes: temp}, err
}

func (w *worker) obey(command string) (answer, error) {
	var seconds float64
	var bytes int64
	if command == "rest" {
		giveBack()
		w.fresh = true
		return answer{}, nil
	}
	if _, err := fmt.Sscanf(command, "weigh %d", &bytes); err == nil {
		return w.weigh(bytes)
	}
	if _, err := fmt.Sscanf(command, "turn %g %d", &seconds, &bytes); err == nil {
		return w.turn(time.Duration(seconds*float64(time.Second)), bytes)
	}
	return answer{}, fmt.Errorf("unknown command %q: use 'weigh BYTES', 'turn SECONDS BYTES' or 'rest'", command)
}

// refuse returns why the job cannot be executed within so many more bytes, or "".
func (w *worker) refuse(bytes int64) (string, error) {
	need := w.need
	if !w.fresh { // it has been kept, or a part of it
		now, err := resident()
		if err != nil {
			return "", err
		}
		need -= max(now-w.base, 0)
	}
	if need <= bytes {
		return "", nil
	}
	return fmt.Sprintf("needs about %s, %s are free", size(need), size(bytes)), nil
}

func (w *worker) weigh(bytes int64) (answer, error) {
	refused, err := w.refuse(bytes)
	if err != nil || refused != "" {
		return answer{Refused: refused}, err
	}
	var outputs []*tensors.Tensor
	peak, err := growth(func() (err error) {
		outputs, err = w.exec.Call(w.args...)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	for i, name := range w.job.outputs() {
		values, err := tensors.CopyFlatData[float32](outputs[i])
		if err != nil {
			return answer{}, err
		}
		if err := writeFloats(filepath.Join(w.job.Folder, name+".f32"), values); err != nil {
			return answer{}, err
		}
	}
	return answer{PeakBytes: peak}, finalize(outputs)
}

// long is from when on the system's clearing of memory, once in an execution, may count as a part of it.
const long = 10 * time.Second

// turn executes again and again. Fresh memory makes the first execution slower, so there is a second unless it is long.
func (w *worker) turn(length time.Duration, bytes int64) (answer, error) {
	refused, err := w.refuse(bytes)
	if err != nil || refused != "" {
		return answer{Refused: refused}, err
	}
	best := time.Duration(-1)
	for begin, n := time.Now(), 0; n == 0 || w.fresh && n == 1 && best < long || time.Since(begin) < length; n++ {
		start := time.Now()
		outputs, err := w.exec.Call(w.args...)
		took := time.Since(start)
		if err := errors.Join(err, finalize(outputs)); err != nil {
			return answer{}, err
		}
		if best < 0 || took < best {
			best = took
		}
	}
	w.fresh = false
	return answer{Seconds: best.Seconds()}, nil
}

func finalize(all []*tensors.Tensor) error {
	var err error
	for _, t := range all {
		err = errors.Join(err, t.FinalizeAll())
	}
	return err
}

// size writes a number of bytes for people.
func size(bytes int64) string {
	switch b := float64(bytes); {
	case b >= 1e9:
		return fmt.Sprintf("%.1f GB", b/1e9)
	case b >= 1e6:
		return fmt.Sprintf("%.1f MB", b/1e6)
	default:
		return fmt.Sprintf("%.0f kB", b/1e3)
	}
}
