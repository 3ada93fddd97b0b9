package train

import (
	"time"
)

// clock measures examples per second, from the end of the first step, so that compilation does not count, and without
// the pauses for checkpoints.
type clock struct {
	start    time.Time
	paused   time.Duration
	examples int
}

func newClock() *clock { return &clock{} }

func (c *clock) tick(examples int) float64 {
	if c.start.IsZero() {
		c.start = time.Now()
		return 0
	}
	c.examples += examples
	return float64(c.examples) / (time.Since(c.start) - c.paused).Seconds()
}

func (c *clock) pause() (resume func()) {
	began := time.Now()
	return func() { c.paused += time.Since(began) }
}
