// Clip_step times a training step of CLIP beside PyTorch's: the same architecture, number of parameters, batch and
// optimizer on the same machine, in turns, so that whatever else the machine does meets both alike.
//
//	bench/setup.sh                     # PyTorch, once
//	go run ./bench/clip_step           # or: make bench
//
// Both sides get batches that cost them nothing to prepare, pictures of noise around one prototype for each class; ours
// are handed to the trainer that `gomm pretrain` uses, theirs (peer.py) are plain eager PyTorch. The result goes to
// bench/clip_step.json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"gomm/bench/internal/machine"
	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// options are the command line's.
type options struct {
	preset                string
	rounds, steps, warmup int
	threads               int
	python, script, out   string
}

func main() {
	xla.TuneMemory() // PyTorch, a child of this process, gets the same
	var o options
	flag.StringVar(&o.preset, "preset", "mnist", "preset of models/clip")
	flag.IntVar(&o.rounds, "rounds", 10, "rounds that are timed; both sides have a turn in each")
	flag.IntVar(&o.steps, "steps", 20, "training steps in a turn")
	flag.IntVar(&o.warmup, "warmup", 10, "training steps before the first round, untimed")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "PyTorch's threads")
	flag.StringVar(&o.python, "python", "bench/.venv-bench/bin/python", "Python that has PyTorch")
	flag.StringVar(&o.script, "peer", "bench/clip_step/peer.py", "the program that trains with PyTorch")
	flag.StringVar(&o.out, "out", "bench/clip_step.json", "file for the result")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "clip_step:", err)
		os.Exit(1)
	}
}

// stepper is one side of the comparison.
type stepper interface {
	Name() string
	Params() int
	Step(n int) (time.Duration, error) // n training steps
	Close() error
}

func bench(ctx context.Context, o options) (err error) {
	if o.rounds < 1 || o.steps < 1 || o.warmup < 0 || o.threads < 1 {
		return fmt.Errorf("-rounds %d, -steps %d, -threads %d must be at least 1, -warmup %d at least 0", o.rounds, o.steps, o.threads, o.warmup)
	}
	c, err := settings(ctx, o.preset)
	if err != nil {
		return err
	}
	theirs, err := startPeer(ctx, o, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.Close()) }()
	ours, err := ourStepper(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()

	r, err := compare(ctx, ours, theirs, o)
	if err != nil {
		return err
	}
	r.Preset, r.Batch, r.Distinct = o.preset, c.Training.BatchSize, c.distinct
	r.Versions, r.Machine = machine.Versions(), machine.This()
	r.Versions["torch"] = theirs.torch
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	return r.write(o.out)
}

// config is what both sides are built from.
type config struct {
	run.Config
	clip     clip.Config
	distinct int // captions in a batch
}

// settings are a preset's, complete with vocabulary and context, for a training run without an end.
func settings(ctx context.Context, preset string) (config, error) {
	const never = 1 << 30
	s, err := models.Preset("clip", preset)
	if err != nil {
		return config{}, err
	}
	s.Training.Steps, s.Training.SaveEvery, s.Training.LogEvery = never, never, never
	job, err := models.Kinds()["clip"].Train(ctx, s, models.Files{}, data.Options{})
	if err != nil {
		return config{}, err
	}
	c, err := job.Settings.Config()
	return config{c, *job.Settings.Model.(*clip.Config), s.Data.(*mnist.Source).Captions.PerBatch}, err
}
