// Nanogpt trains PaLM beside a GPT as nanoGPT has it: the same tokens of the same book, as many parameters, the same batch, length and
// steps. What each needs for a character of text that neither has seen is compared, and how fast both learn and write.
//
//	bench/setup.sh                     # PyTorch, once
//	go run ./bench/nanogpt             # or: make bench-nanogpt
//
// The peer (peer.py) is trained at several learning rates and the best on the validation split counts, as ours was chosen there. Both
// are measured by the windows of the measure "bits". The result goes to bench/nanogpt.json.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gomlx/compute"

	"gomm/bench/internal/machine"
	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
	"gomm/mmlib/models/palm"
)

// options are the command line's.
type options struct {
	preset              string
	steps               int
	seed                uint64
	rates               string
	layers, heads       int
	width, threads      int
	python, script, out string
}

func main() {
	xla.TuneMemory() // PyTorch, a child of this process, gets the same
	var o options
	flag.StringVar(&o.preset, "preset", "book", "preset of the palm")
	flag.IntVar(&o.steps, "steps", 0, "training steps of both; 0: the preset's")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of both")
	flag.StringVar(&o.rates, "rates", "1e-3,2e-3,4e-3", "learning rates that the peer is trained at, separated by commas")
	flag.IntVar(&o.layers, "layers", 4, "the peer's blocks")
	flag.IntVar(&o.heads, "heads", 4, "the peer's heads of attention")
	flag.IntVar(&o.width, "width", 140, "the peer's width, such that it has as many parameters as the palm")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "PyTorch's threads")
	flag.StringVar(&o.python, "python", "bench/.venv-bench/bin/python", "Python that has PyTorch")
	flag.StringVar(&o.script, "peer", "bench/nanogpt/peer.py", "the program that trains with PyTorch")
	flag.StringVar(&o.out, "out", "bench/nanogpt.json", "file for the result")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "nanogpt:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, o options) (err error) {
	if _, err := os.Stat(o.python); err != nil {
		return fmt.Errorf("no Python at %s: make one that has PyTorch by bench/setup.sh, or name another by -python", o.python)
	}
	dir, err := os.MkdirTemp("", "nanogpt")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	backend, err := xla.Open()
	if err != nil {
		return err
	}
	r := &result{Seed: o.seed, Versions: machine.Versions(), Machine: machine.This()}
	m, err := r.trainOurs(ctx, backend, o, filepath.Join(dir, "palm"))
	if err != nil {
		return err
	}
	c, err := peerConfig(ctx, m, o)
	if err != nil {
		return err
	}
	if err := r.trainPeer(ctx, c, o, dir); err != nil {
		return err
	}
	if r.Decoding, err = decodings(ctx, backend, m); err != nil {
		return err
	}
	r.Ours.WrittenTokensPerSecond = alone(r.Decoding)
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	return r.write(o.out)
}

// trainOurs trains the palm and measures it.
func (r *result) trainOurs(ctx context.Context, b compute.Backend, o options, dir string) (*models.Model, error) {
	s, err := models.Preset("palm", o.preset)
	if err != nil {
		return nil, err
	}
	if s.Seed = o.seed; o.steps > 0 {
		s.Training.Steps, s.Training.Warmup = o.steps, min(s.Training.Warmup, o.steps/2)
	}
	t, err := experiment.Create(ctx, b, dir, s, data.Options{})
	if err != nil {
		return nil, err
	}
	trained, err := t.Train(ctx, experiment.Options{})
	if err != nil {
		return nil, err
	}
	r.Preset, r.Steps, r.Batch = o.preset, s.Training.Steps, s.Training.BatchSize
	r.Ours.Name, r.Ours.LearningRate = "gomm, "+xla.Describe(b), s.Training.LearningRate
	for _, x := range []struct {
		split string
		bits  *float64
	}{{data.Validation, &r.Ours.ValidationBits}, {data.Test, &r.Ours.TestBits}} {
		e, err := experiment.Evaluate(ctx, b, dir, experiment.On{Split: x.split, Backend: xla.Describe(b)})
		if err != nil {
			return nil, err
		}
		*x.bits = e.Figure("bits_per_character").Value
	}
	m, err := models.Open(dir)
	if err != nil {
		return nil, err
	}
	r.Context = m.Settings.Model.(*palm.Config).Context
	r.Ours.Params = m.Settings.Model.(*palm.Config).Parameters()
	r.Ours.TrainedTokensPerSecond = trained.ImagesPerSecond * float64(r.Context)
	return m, nil
}

// peer is what peer.py reads.
type peer struct {
	Train             []int32   `json:"train"`
	Validation        []int32   `json:"validation"`
	Test              []int32   `json:"test"`
	ValidationWindows [][3]int  `json:"validation_windows"`
	TestWindows       [][3]int  `json:"test_windows"`
	Vocab             int       `json:"vocab"`
	Context           int       `json:"context"`
	Layers            int       `json:"layers"`
	Heads             int       `json:"heads"`
	Width             int       `json:"width"`
	Dropout           float64   `json:"dropout"`
	Batch             int       `json:"batch"`
	Steps             int       `json:"steps"`
	Warmup            int       `json:"warmup"`
	Rates             []float64 `json:"rates"`
	WeightDecay       float64   `json:"weight_decay"`
	Seed              uint64    `json:"seed"`
	Threads           int       `json:"threads"`
	Generate          int       `json:"generate"`

	characters map[string]int // of the splits
}

// peerConfig gives the peer the tokens of the trained palm and its training.
func peerConfig(ctx context.Context, m *models.Model, o options) (*peer, error) {
	splits, err := m.Settings.Data.Load(ctx, data.Options{})
	if err != nil {
		return nil, err
	}
	config, t := m.Settings.Model.(*palm.Config), m.Settings.Training
	c := &peer{
		Vocab: config.Vocab, Context: config.Context, Layers: o.layers, Heads: o.heads, Width: o.width, Dropout: config.Dropout,
		Batch: t.BatchSize, Steps: t.Steps, Warmup: t.Warmup, WeightDecay: t.WeightDecay, Seed: o.seed, Threads: o.threads,
		Generate: config.Context - 1, characters: map[string]int{},
	}
	for name, ids := range map[string]*[]int32{data.Train: &c.Train, data.Validation: &c.Validation, data.Test: &c.Test} {
		text := splits[name].(interface{ Text() string }).Text()
		c.characters[name] = utf8.RuneCountInString(text)
		if *ids, err = m.Tokenizer.Encode(text); err != nil {
			return nil, err
		}
	}
	windows := func(n int) (list [][3]int) {
		for _, w := range experiment.Windows(n, config.Context) {
			list = append(list, [3]int{w.From, w.First, w.Last})
		}
		return list
	}
	c.ValidationWindows, c.TestWindows = windows(len(c.Validation)), windows(len(c.Test))
	for _, rate := range strings.Split(o.rates, ",") {
		x, err := strconv.ParseFloat(rate, 64)
		if err != nil || !(x > 0) {
			return nil, fmt.Errorf("-rates has %q: it must be numbers greater than 0, separated by commas", rate)
		}
		c.Rates = append(c.Rates, x)
	}
	return c, nil
}

// writeConfig writes what peer.py reads.
func (c *peer) writeConfig(path string) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}
