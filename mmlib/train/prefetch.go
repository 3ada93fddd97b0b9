package train

import (
	"context"

	"gomm/mmlib/task"
)

// prepared is a batch ready to run.
type prepared struct {
	inputs []any
	err    error
}

// prefetch prepares the batches of steps from..to in a goroutine of its own, a few ahead of the training.
func prefetch(ctx context.Context, t task.Task, d devices, seed uint64, batch int, from, to int64) <-chan prepared {
	const ahead = 4
	out := make(chan prepared, ahead)
	go func() {
		defer close(out)
		examples := newOrder(seed, t.Len(), batch)
		for step := from; step < to; step++ {
			p := prepare(t, d, examples.at(step), seed, step)
			select {
			case out <- p:
			case <-ctx.Done():
				finalize(p.inputs)
				return
			}
			if p.err != nil {
				return
			}
		}
	}()
	return out
}

func prepare(t task.Task, d devices, examples []int, seed uint64, step int64) (p prepared) {
	p.err = task.Try(func() error { // a panic here, in a goroutine of ours, would end the process without a checkpoint
		b, err := t.Batch(examples, stepRand(seed, step))
		if err != nil {
			return err
		}
		p.inputs, err = d.distribute(b)
		return err
	})
	return p
}
