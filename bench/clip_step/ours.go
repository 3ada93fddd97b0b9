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
	task, err := clip.NewPretraining(c.clip, newNoise(c))
	if err != nil {
		return nil, err
	}
	o := &ours{next: make(chan struct{}), done: make(chan struct{}), ended: make(chan error, 1)}
	o.ctx, o.cancel = context.WithCancel(ctx)
	if o.dir, err = os.MkdirTemp("", "clip_step"); err != nil {
		return nil, err
	}
	if o.folder, err = run.Create(filepath.Join(o.dir, "run"), c.Config, nil); err != nil {
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

// noise is pictures and captions that cost nothing to load: example i is one of a few made in advance.
type noise struct {
	size, channels int
	pictures       [][]float32
	captions       [][]int32 // as many for each class
}

func newNoise(c config) *noise {
	v := c.clip.Vision
	r := rand.New(rand.NewPCG(1, 2))
	normal := func(around []float32, std float32) []float32 {
		out := make([]float32, v.ImageSize*v.ImageSize*v.Channels)
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
	n := &noise{size: v.ImageSize, channels: v.Channels, captions: captions(c)}
	for i := range 100 * classes {
		n.pictures = append(n.pictures, normal(prototypes[i%classes], 0.5))
	}
	return n
}

// Len implements task.Pairs.
func (n *noise) Len() int { return 60_000 }

// Shape implements task.Pairs.
func (n *noise) Shape() (frames, height, width, channels int) { return 1, n.size, n.size, n.channels }

// Picture implements task.Pairs.
func (n *noise) Picture(dst []float32, i int, _ *rand.Rand) { copy(dst, n.pictures[i%len(n.pictures)]) }

// Texts implements task.Pairs: all captions, and for each picture one of its class.
func (n *noise) Texts(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32) {
	each := len(n.captions) / classes
	for _, i := range examples {
		class := i % classes
		own, group = append(own, int32(class+classes*r.IntN(each))), append(group, int32(class))
	}
	return n.captions, own, group
}

// captions makes just as many captions as a batch holds: random words around the number of their class, of full length.
func captions(c config) [][]int32 {
	r := rand.New(rand.NewPCG(3, 4))
	t := c.clip.Text
	end := t.EndOfText
	if end < 0 {
		end = t.Vocab - 1
	}
	out := make([][]int32, c.distinct)
	for i := range out {
		ids := make([]int32, t.Context)
		for j := range ids {
			ids[j] = int32(r.IntN(t.Vocab - 1))
		}
		ids[t.Context-2], ids[t.Context-1] = int32(i%classes), int32(end)
		out[i] = ids
	}
	return out
}
