package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gomm/bench/internal/process"
	"gomm/mmlib/models/clip"
)

// classes is the number of kinds of pictures, on both sides.
const classes = 10

// peer is a training in another process, which peer.py describes.
type peer struct {
	process *process.Process
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
		Config: c.clip, Batch: t.BatchSize, Distinct: c.distinct, Classes: classes, Threads: o.threads,
		LearningRate: t.LearningRate, WeightDecay: t.WeightDecay, Beta1: t.Beta1, Beta2: t.Beta2, Epsilon: t.Epsilon, ClipNorm: t.ClipNorm,
	})
	if err != nil {
		return err
	}
	path := filepath.Join(p.folder, "config.json")
	if err := os.WriteFile(path, settings, 0o644); err != nil {
		return err
	}
	if p.process, err = process.Start("the PyTorch peer", exec.CommandContext(ctx, o.python, o.script, path)); err != nil {
		return err
	}
	var ready answer
	if err := p.process.Answer(&ready); err != nil {
		return err
	}
	if !ready.Ready {
		return errors.New("the PyTorch peer did not say that it is ready")
	}
	p.torch, p.params, p.threads = ready.Torch, ready.Params, ready.Threads
	return nil
}

// Name implements stepper.
func (p *peer) Name() string { return fmt.Sprintf("PyTorch %s, eager, %d threads", p.torch, p.threads) }

// Params implements stepper.
func (p *peer) Params() int { return p.params }

// Step implements stepper. The time is the peer's own, without the talking.
func (p *peer) Step(n int) (time.Duration, error) {
	var a answer
	err := p.process.Ask(&a, "step %d", n)
	if err == nil && !(a.Seconds > 0) {
		err = fmt.Errorf("the PyTorch peer took %g seconds for %d steps", a.Seconds, n)
	}
	return time.Duration(a.Seconds * float64(time.Second)), err
}

// Close implements stepper.
func (p *peer) Close() error {
	var err error
	if p.process != nil {
		err = p.process.Close()
	}
	return errors.Join(err, os.RemoveAll(p.folder))
}
