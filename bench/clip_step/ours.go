package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"gomm/kernels/xla"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// ours is a training by gomm's own trainer, stopped between any two steps: the trainer runs in a goroutine and waits in
// its progress hook until the next step is asked for.
type ours struct {
	name    string
	params  int
	folder  *run.Folder
	dir     string
	trainer *train.Trainer

	ctx     context.Context
	cancel  context.CancelFunc
	started bool
	next    chan struct{} // asks for a step
	done    chan struct{} // a step was done
	ended   chan error    // the trainer returned
}

// ourStepper prepares our side. The first step compiles.
func ourStepper(ctx context.Context, c config) (*ours, error) {
	backend, err := xla.Open()
	if err != nil {
		return nil, err
	}
	task, err := clip.NewPretraining(c.clip, newNoise(c.clip), captions(c), c.Data.Captions.PerBatch, clip.Sharing(c.Data.Captions.Sharing))
	if err != nil {
		return nil, err
	}
	o := &ours{next: make(chan struct{}), done: make(chan struct{}), ended: make(chan error, 1)}
	o.ctx, o.cancel = context.WithCancel(ctx)
	if o.dir, err = os.MkdirTemp("", "clip_step"); err != nil {
		return nil, err
	}
	if o.folder, err = run.Create(filepath.Join(o.dir, "run"), c.Config); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	if o.trainer, err = train.New(backend, task, o.folder, train.Hooks{Progress: o.wait}); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	for v := range o.trainer.Store().IterVariables() {
		if run.IsWeight(v.Path()) {
			o.params += v.Shape().Size()
		}
	}
	o.name = "gomm, " + xla.Describe(backend)
	return o, nil
}

// wait is called by the trainer after each step.
func (o *ours) wait(train.Progress) {
	select {
	case o.done <- struct{}{}:
	case <-o.ctx.Done():
		return
	}
	select {
	case <-o.next:
	case <-o.ctx.Done():
	}
}

// Name implements stepper.
func (o *ours) Name() string { return o.name }

// Params implements stepper.
func (o *ours) Params() int { return o.params }

// Step implements stepper.
func (o *ours) Step(n int) (time.Duration, error) {
	begin := time.Now()
	for range n {
		if o.started {
			select {
			case o.next <- struct{}{}:
			case <-o.ctx.Done():
				return 0, o.ctx.Err()
			}
		} else {
			o.started = true
			go func() { o.ended <- o.trainer.Run(o.ctx) }()
		}
		select {
		case <-o.done:
		case err := <-o.ended:
			o.ended <- err // for Close
			return 0, errors.Join(errors.New("our training ended early"), err)
		}
	}
	return time.Since(begin), nil
}

// Close implements stepper.
func (o *ours) Close() error {
	o.cancel()
	var err error
	if o.started {
		if err = <-o.ended; errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	if o.folder != nil {
		err = errors.Join(err, o.folder.Close())
	}
	return errors.Join(err, os.RemoveAll(o.dir))
}

// noise is pictures that cost nothing to load: example i is one of a few made beforehand.
type noise struct {
	pictures [][]float32
}

func newNoise(c clip.Config) noise {
	r := rand.New(rand.NewPCG(1, 2))
	normal := func(around []float32, std float32) []float32 {
		out := make([]float32, c.Vision.ImageSize*c.Vision.ImageSize*c.Vision.Channels)
		for i := range out {
			out[i] = std * float32(r.NormFloat64())
			if around != nil {
				out[i] += around[i]
			}
		}
		return out
	}
	prototypes := make([][]float32, classes)
	for i := range prototypes {
		prototypes[i] = normal(nil, 1)
	}
	var n noise
	for i := range 100 * classes {
		n.pictures = append(n.pictures, normal(prototypes[i%classes], 0.5))
	}
	return n
}

// Len implements clip.Pictures.
func (n noise) Len() int { return 60_000 }

// Class implements clip.Pictures.
func (n noise) Class(i int) int { return i % classes }

// Picture implements clip.Pictures.
func (n noise) Picture(dst []float32, i int, _ *rand.Rand) { copy(dst, n.pictures[i%len(n.pictures)]) }

// captions makes just as many captions as a batch holds: random words around the number of their class, of full length.
func captions(c config) []clip.Caption {
	r := rand.New(rand.NewPCG(3, 4))
	t := c.clip.Text
	end := t.EndOfText
	if end < 0 {
		end = t.Vocab - 1
	}
	out := make([]clip.Caption, c.Data.Captions.PerBatch)
	for i := range out {
		ids := make([]int32, t.Context)
		for j := range ids {
			ids[j] = int32(r.IntN(t.Vocab - 1))
		}
		class := i % classes
		ids[t.Context-2], ids[t.Context-1] = int32(class), int32(end)
		out[i] = clip.Caption{IDs: ids, Class: class}
	}
	return out
}
