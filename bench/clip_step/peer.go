package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gomm/mmlib/models/clip"
)

// classes is the number of kinds of pictures, on both sides.
const classes = 10

// peer is a training in another process, which peer.py describes.
type peer struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	folder  string // holds the peer's settings
	torch   string // version
	params  int
	threads int
}

// peerConfig is what peer.py reads: the model's settings and the step's.
type peerConfig struct {
	clip.Config
	Batch        int     `json:"batch"`
	Distinct     int     `json:"distinct"`
	Classes      int     `json:"classes"`
	Threads      int     `json:"threads"`
	LearningRate float64 `json:"learning_rate"`
	WeightDecay  float64 `json:"weight_decay"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
	ClipNorm     float64 `json:"clip_norm"`
}

// answer is one line of the peer's.
type answer struct {
	Ready   bool    `json:"ready"`
	Params  int     `json:"params"`
	Torch   string  `json:"torch"`
	Threads int     `json:"threads"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error"`
}

// startPeer starts the process and waits until it is ready.
func startPeer(ctx context.Context, o options, c config) (*peer, error) {
	if _, err := os.Stat(o.python); err != nil {
		return nil, fmt.Errorf("no Python at %s: make one that has PyTorch by bench/setup.sh, or name another by -python", o.python)
	}
	folder, err := os.MkdirTemp("", "clip_step")
	if err != nil {
		return nil, err
	}
	p := &peer{folder: folder}
	if err := p.start(ctx, o, c); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *peer) start(ctx context.Context, o options, c config) error {
	t := c.Training
	settings, err := json.Marshal(peerConfig{
		Config: c.clip, Batch: t.BatchSize, Distinct: c.Data.Captions.PerBatch, Classes: classes, Threads: o.threads,
		LearningRate: t.LearningRate, WeightDecay: t.WeightDecay, Beta1: t.Beta1, Beta2: t.Beta2, Epsilon: t.Epsilon, ClipNorm: t.ClipNorm,
	})
	if err != nil {
		return err
	}
	path := filepath.Join(p.folder, "config.json")
	if err := os.WriteFile(path, settings, 0o644); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, o.python, o.script, path)
	command.Stderr = os.Stderr
	if p.in, err = command.StdinPipe(); err != nil {
		return err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("the PyTorch peer: %w", err)
	}
	p.command, p.out = command, bufio.NewScanner(out)
	ready, err := p.read()
	if err != nil {
		return err
	}
	if !ready.Ready {
		return errors.New("the PyTorch peer did not say that it is ready")
	}
	p.torch, p.params, p.threads = ready.Torch, ready.Params, ready.Threads
	return nil
}

func (p *peer) read() (answer, error) {
	var a answer
	if !p.out.Scan() {
		return a, errors.Join(errors.New("the PyTorch peer ended without an answer; its own message, if it had one, is above"), p.out.Err())
	}
	if err := json.Unmarshal(p.out.Bytes(), &a); err != nil {
		return a, fmt.Errorf("the PyTorch peer said %q: %w", p.out.Text(), err)
	}
	if a.Error != "" {
		return a, fmt.Errorf("the PyTorch peer: %s", a.Error)
	}
	return a, nil
}

// Name implements stepper.
func (p *peer) Name() string { return fmt.Sprintf("PyTorch %s, eager, %d threads", p.torch, p.threads) }

// Params implements stepper.
func (p *peer) Params() int { return p.params }

// Step implements stepper. The time is the peer's own, without the talking.
func (p *peer) Step(n int) (time.Duration, error) {
	if _, err := fmt.Fprintf(p.in, "step %d\n", n); err != nil {
		return 0, fmt.Errorf("the PyTorch peer: %w", err)
	}
	a, err := p.read()
	if err == nil && !(a.Seconds > 0) {
		err = fmt.Errorf("the PyTorch peer took %g seconds for %d steps", a.Seconds, n)
	}
	return time.Duration(a.Seconds * float64(time.Second)), err
}

// Close implements stepper.
func (p *peer) Close() error {
	var err error
	if p.command != nil {
		err = errors.Join(p.in.Close(), p.command.Wait())
	}
	return errors.Join(err, os.RemoveAll(p.folder))
}
