package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gomm/bench/internal/machine"
	"gomm/bench/internal/process"
)

// row is one measurement, an element of kernels.json. What could not be measured is null.
type row struct {
	Impl string `json:"impl"`
	benchCase
	Seconds     number    `json:"seconds"` // the best of Turns
	PeakBytes   number    `json:"peak_bytes"`
	TempBytes   number    `json:"temp_bytes"`
	MatrixBytes int64     `json:"matrix_bytes"`         // one matrix of the plain formula
	Turns       []float64 `json:"turns,omitempty"`      // the best time of each round
	Malloc      string    `json:"malloc,omitempty"`     // of the timed process: kept or huge
	Difference  *float64  `json:"difference,omitempty"` // of values and gradients, at most, relative to each one's largest number
	Against     string    `json:"against,omitempty"`    // from which implementation
	By          string    `json:"by,omitempty"`
	Machine     string    `json:"machine"`
	Error       string    `json:"error,omitempty"`
}

// number is null in JSON when it is 0, not measured.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if n == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// How malloc is set up, by the variable GLIBC_TUNABLES: as it is; so that memory is kept, as xla.TuneMemory has it; or so
// that it is given back, but in huge pages, which the system clears faster than small ones.
const (
	mallocVar   = "GLIBC_TUNABLES"
	mallocKept  = "kept"
	mallocHuge  = "huge"
	hugeSetting = "glibc.malloc.hugetlb=1"
)

// reserve is left to the system of what is free.
const reserve = 1 << 30

// entrant is one implementation in the rounds of a case.
type entrant struct {
	job     job
	row     *row
	process *process.Process
}

// measure measures a case with some implementations. What went wrong with one of them is in its row and in the error,
// except for lack of memory, which is in its row only.
func measure(ctx context.Context, o options, c benchCase, impls ...string) (rows []*row, err error) {
	folder, err := os.MkdirTemp("", "kernels")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	inputs, err := writeInputs(c, folder)
	if err != nil {
		return nil, err
	}
	m := machine.This()
	var entrants []*entrant
	for _, impl := range impls {
		e := &entrant{
			job: job{benchCase: c, Impl: impl, Scale: logitScale, Threads: o.threads, Inputs: inputs, Folder: filepath.Join(folder, impl)},
			row: &row{Impl: impl, benchCase: c, MatrixBytes: c.Matrix(), Machine: fmt.Sprintf("%s, %d cores, %s", m.CPU, m.Cores, m.OS)},
		}
		defer func() { err = errors.Join(err, e.close()) }()
		if err := os.Mkdir(e.job.Folder, 0o755); err != nil {
			return nil, err
		}
		rows = append(rows, e.row)
		failed := e.weigh(ctx, o)
		if err = errors.Join(err, e.fail(failed)); e.row.Error == "" {
			entrants = append(entrants, e)
		}
	}
	return rows, errors.Join(err, compare(entrants), rounds(ctx, o, entrants))
}

// fail notes in the row what went wrong, and says so with the name of the case.
func (e *entrant) fail(err error) error {
	if err == nil {
		return nil
	}
	e.row.Error = strings.ReplaceAll(err.Error(), "\n", "; ")
	return fmt.Errorf("%s: %s: %w", e.job.benchCase, e.job.Impl, err)
}

// start starts the process of an entrant with malloc set up in a way, "" for as it is.
func (e *entrant) start(ctx context.Context, o options, malloc string) (answer, error) {
	text, err := json.Marshal(e.job)
	if err != nil {
		return answer{}, err
	}
	name, args := o.python, []string{o.script, string(text)}
	if e.job.Impl != pytorch {
		if name, err = os.Executable(); err != nil {
			return answer{}, err
		}
		args[0] = "-child"
	}
	command := exec.CommandContext(ctx, name, args...)
	switch malloc {
	case "":
		command.Env = append(os.Environ(), mallocVar+"=") // empty, so that xla.TuneMemory leaves it
	case mallocHuge:
		command.Env = append(os.Environ(), mallocVar+"="+hugeSetting)
	}
	if e.process, err = process.Start("the process for "+e.job.Impl, command); err != nil {
		return answer{}, err
	}
	var ready answer
	err = e.process.Answer(&ready)
	return ready, err
}

func (e *entrant) close() error {
	if e.process == nil {
		return nil
	}
	return e.process.Close()
}

// weigh measures the memory, in a process for that alone, which also writes the outputs.
func (e *entrant) weigh(ctx context.Context, o options) error {
	ready, err := e.start(ctx, o, "")
	if err != nil {
		return err
	}
	e.row.By, e.row.TempBytes = ready.By, number(ready.TempBytes)
	free, err := spare()
	if err != nil {
		return err
	}
	var a answer
	if err := e.process.Ask(&a, "weigh %d", free); err != nil {
		return err
	}
	e.row.PeakBytes, e.row.Error = number(a.PeakBytes), a.Refused
	fmt.Fprintf(os.Stderr, "  %-8s %s\n", e.job.Impl, e.said(fmt.Sprintf("grew by %s", size(a.PeakBytes))))
	return e.close()
}

// said is what to tell of an entrant: the text, or the reason why there is nothing to tell.
func (e *entrant) said(text string) string {
	if e.row.Error != "" {
		return e.row.Error
	}
	return text
}

// spare is how much memory a measurement may take.
func spare() (int64, error) {
	free, err := available()
	return max(free-reserve, 0), err
}

// rounds gives everyone a turn in each round; who begins changes. All processes live side by side, and while one works
// the others wait.
func rounds(ctx context.Context, o options, entrants []*entrant) (err error) {
	out := func(e *entrant, failed error) { // leaves the rounds
		err = errors.Join(err, e.fail(failed), e.close())
		entrants = slices.DeleteFunc(entrants, func(x *entrant) bool { return x == e })
	}
	for _, e := range slices.Clone(entrants) {
		e.row.Malloc = mallocKept
		if _, failed := e.start(ctx, o, mallocKept); failed != nil {
			out(e, failed)
		}
	}
	begin := time.Now()
	for round := 0; round < o.rounds && (round < 2 || time.Since(begin) < o.patience); round++ {
		for i, turns := 0, slices.Clone(entrants); i < len(turns); i++ {
			e := turns[(i+round)%len(turns)]
			seconds, refused, failed := e.turn(ctx, o, entrants)
			if failed != nil || refused != "" {
				out(e, failed)
				e.row.Error = e.said(refused)
				continue
			}
			e.row.Turns = append(e.row.Turns, seconds)
			e.row.Seconds = number(slices.Min(e.row.Turns))
		}
	}
	for _, e := range entrants {
		fmt.Fprintf(os.Stderr, "  %-8s %s, best of %d turns\n", e.job.Impl, duration(float64(e.row.Seconds)), len(e.row.Turns))
	}
	for _, e := range slices.Clone(entrants) {
		out(e, nil)
	}
	return err
}

// turn gives an entrant its turn. When that lacks memory, the others give back what they keep; and when it lacks memory
// still, the entrant starts again with malloc set up to keep none.
func (e *entrant) turn(ctx context.Context, o options, all []*entrant) (seconds float64, refused string, err error) {
	ask := func() (a answer, err error) {
		free, err := spare()
		if err == nil {
			err = e.process.Ask(&a, "turn %g %d", o.turn.Seconds(), free)
		}
		return a, err
	}
	a, err := ask()
	if err == nil && a.Refused != "" {
		for _, other := range all {
			err = errors.Join(err, other.process.Ask(&answer{}, "rest"))
		}
		if err == nil {
			a, err = ask()
		}
	}
	if err == nil && a.Refused != "" && e.row.Malloc == mallocKept {
		if err = e.close(); err == nil {
			_, err = e.start(ctx, o, mallocHuge)
		}
		if err == nil {
			e.row.Malloc, e.row.Turns, e.row.Seconds = mallocHuge, nil, 0
			a, err = ask()
		}
	}
	if err == nil && a.Refused == "" && !(a.Seconds > 0) {
		err = fmt.Errorf("an execution took %g seconds", a.Seconds)
	}
	return a.Seconds, a.Refused, err
}
