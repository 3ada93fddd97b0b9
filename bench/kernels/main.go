// Kernels times and weighs the lean kernels beside the plain formulas and PyTorch: attention and CLIP's contrastive loss,
// forward and forward + backward, on the same numbers, in turns, so that whatever else the machine does meets all alike.
//
//	bench/setup.sh                          # PyTorch, once
//	go run ./bench/kernels                  # or: make bench-kernels
//	go run ./bench/kernels -only attention/4096 -rounds 5
//
// Every measurement has a process of its own: this program again, with -child, for ours, and peer.py for PyTorch's.
// Values and gradients of all three must agree. The result goes to bench/kernels.json.
//
// # What the numbers count
//
//   - seconds: one execution, inputs ready and programs compiled; the best of all rounds. Forward + backward gives the value
//     too, as training needs both.
//   - temp_bytes: what XLA reserves for intermediate results, by its own account of the compiled program; without inputs
//     and outputs. What a library takes that XLA calls is not in it: all of plain attention, forward, is one call of
//     YNNPACK, whose scores show in peak_bytes alone. PyTorch has no such number.
//   - peak_bytes: how much the process's resident memory grows at most in its first execution: in /proc/self/status VmHWM
//     after it less VmRSS before it, less the growth of RssFile, which is code that is used for the first time. So it is
//     intermediate results, outputs, and what the libraries take besides, without inputs; and without the compilation,
//     whose free memory is given back to the system before.
//
// Memory is measured with glibc's malloc as it is. Time is measured with the settings of xla.TuneMemory, for XLA and for
// PyTorch: memory that is kept saves the system's clearing it, but has gaps, so that PyTorch's backward pass of the loss
// takes eight matrices in place of four. Where that is too much for the machine, large blocks are given back, and only
// their pages are huge; "malloc" then says so. Small sizes say little about memory: there a library's own buffers count.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"time"

	"gomm/kernels/xla"
)

// options are the command line's.
type options struct {
	rounds, threads     int
	turn, patience      time.Duration
	only                *regexp.Regexp
	quick               bool
	python, script, out string
}

const examples = `
Examples:
  go run ./bench/kernels                              everything: about half an hour
  go run ./bench/kernels -quick                       sizes a sixteenth as large, to see it work
  go run ./bench/kernels -only 'attention/(1024|4096)/.*/forward$'
  go run ./bench/kernels -only contrastive -rounds 5 -out /tmp/contrastive.json
`

func main() {
	xla.TuneMemory() // the processes that are timed get the same
	if len(os.Args) == 3 && os.Args[1] == "-child" {
		exit(child(os.Args[2], os.Stdin, os.Stdout))
	}
	o, err := parse(os.Args[1:], os.Stderr)
	if err == flag.ErrHelp {
		return
	}
	if err != nil {
		os.Exit(2) // flag has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(bench(ctx, o, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// parse reads the command line; usage and errors go to w.
func parse(args []string, w io.Writer) (options, error) {
	const out = "bench/kernels.json"
	var o options
	f := flag.NewFlagSet("kernels", flag.ContinueOnError)
	f.SetOutput(w)
	f.Usage = func() {
		fmt.Fprint(w, "Usage: go run ./bench/kernels [flags]\n\nTimes and weighs the lean kernels beside the plain formulas and PyTorch.\n\n")
		f.PrintDefaults()
		fmt.Fprint(w, examples)
	}
	f.IntVar(&o.rounds, "rounds", 3, "rounds that are timed; each implementation has a turn in each")
	f.DurationVar(&o.turn, "turn", time.Second, "length of a turn: as many executions as begin in it, at least one")
	f.DurationVar(&o.patience, "patience", time.Minute, "no more rounds for a case that was timed for so long, once it had two")
	f.IntVar(&o.threads, "threads", runtime.NumCPU(), "PyTorch's threads; XLA takes one for each core")
	f.BoolVar(&o.quick, "quick", false, "sizes a sixteenth as large, to see it work")
	f.StringVar(&o.python, "python", "bench/.venv-bench/bin/python", "Python that has PyTorch")
	f.StringVar(&o.script, "peer", "bench/kernels/peer.py", "the program that computes with PyTorch")
	f.StringVar(&o.out, "out", "", "`file` for the result (default "+out+"; none with -only or -quick)")
	f.Func("only", "`regexp` of cases, such as attention/4096/64/causal/forward+backward or contrastive/8192/512/forward",
		func(text string) (err error) {
			o.only, err = regexp.Compile(text)
			return err
		})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	err := o.check(f.Args())
	if err != nil {
		fmt.Fprintln(w, "kernels:", err)
	}
	if o.out == "" && o.only == nil && !o.quick {
		o.out = out
	}
	return o, err
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q: all is said by flags, see -help", rest[0])
	case o.rounds < 1 || o.threads < 1:
		return fmt.Errorf("-rounds %d and -threads %d must be at least 1", o.rounds, o.threads)
	case o.turn <= 0 || o.patience <= 0:
		return fmt.Errorf("-turn %v and -patience %v must be positive", o.turn, o.patience)
	}
	return nil
}

// bench measures all chosen cases, prints the table and the targets, and writes the file. What failed is said at the end,
// so that it costs no other measurement.
func bench(ctx context.Context, o options, w io.Writer) error {
	chosen := choose(cases(o.quick), o.only)
	if len(chosen) == 0 {
		return fmt.Errorf("no case matches -only %q; cases are such as %q", o.only, cases(o.quick)[0])
	}
	if _, err := os.Stat(o.python); err != nil {
		return fmt.Errorf("no Python at %s: make one that has PyTorch by bench/setup.sh, or name another by -python", o.python)
	}
	var rows []*row
	var failures []error
	for i, c := range chosen {
		fmt.Fprintf(os.Stderr, "%d/%d %s\n", i+1, len(chosen), c)
		measured, err := measure(ctx, o, c, plain, leanly, pytorch)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rows, failures = append(rows, measured...), append(failures, err)
	}
	err := joined(failures, printTable(w, rows), printTargets(w, rows))
	if o.out != "" {
		err = joined([]error{err}, writeJSON(o.out, rows))
	}
	return err
}

func writeJSON(path string, rows []*row) error {
	text, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
