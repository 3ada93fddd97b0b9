package ui

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Progress shows how far a training has come. Its methods may be called from several goroutines.
type Progress interface {
	// Step reports that so many of total steps are done. The first call starts the clock for the time left, so the
	// compilation before it does not count, and neither do the steps before a resumed run. A loss that is NaN is not shown: for work
	// that has none.
	Step(step, total int, loss, imagesPerSecond float64)

	// Message writes a line of its own, e.g. the result of a validation.
	Message(text string)

	// Done ends the display; calls after the first do nothing. A training that ends early leaves the bar where it was.
	Done()
}

// NewProgress returns the display for w: a bar when w is a terminal, else plain lines. The label, e.g. "pretrain", stands
// before each of them.
func NewProgress(w io.Writer, label string) Progress {
	d := &display{out: w, label: label, now: time.Now}
	if !IsTerminal(w) {
		return &lines{display: d}
	}
	file := w.(*os.File) // IsTerminal has seen that it is one
	return &bar{display: d, style: StyleFor(w), ascii: !utf8Locale(), width: func() int {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return columns
		}
		return 80
	}}
}

// state is what the last Step reported.
type state struct {
	step, total           int
	loss, imagesPerSecond float64
}

// display is what the bar and the lines have in common.
type display struct {
	sync.Mutex
	out   io.Writer
	label string
	now   func() time.Time
	state

	started   bool
	start     time.Time // when the first step was reported
	startStep int
	shown     time.Time // when something was last written
	shownStep int
	done      bool
}

// update takes in a report and reports whether it is the first.
func (d *display) update(s state) (first bool) {
	first = !d.started
	if first {
		d.started, d.start, d.startStep = true, d.now(), s.step
	}
	d.state = s
	return first
}

// mark remembers that the present state has been shown.
func (d *display) mark() { d.shown, d.shownStep = d.now(), d.step }

// facts are the words after the bar: the loss, the speed and the time left.
func (d *display) facts() []string {
	var facts []string
	if !math.IsNaN(d.loss) {
		facts = append(facts, fmt.Sprintf("loss %.4f", d.loss))
	}
	if d.imagesPerSecond > 0 {
		facts = append(facts, Count(int(d.imagesPerSecond+0.5))+" images/s")
	}
	if d.step >= d.total {
		return append(facts, "in "+clock(d.now().Sub(d.start)))
	}
	if steps := d.step - d.startStep; steps > 0 {
		perStep := d.now().Sub(d.start) / time.Duration(steps)
		facts = append(facts, clock(perStep*time.Duration(d.total-d.step))+" left")
	}
	return facts
}

// fraction is the part of the work that is done, from 0 to 1.
func (d *display) fraction() float64 {
	if d.total <= 0 {
		return 0
	}
	return min(1, max(0, float64(d.step)/float64(d.total)))
}

// count is "  120/2,500", as wide for the first step as for the last.
func (d *display) count() string {
	total := Count(d.total)
	return fmt.Sprintf("%*s/%s", len(total), Count(d.step), total)
}

// clock writes a duration as people read it: "0:07", "12:40", "1:02:03".
func clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
