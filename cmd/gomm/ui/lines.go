package ui

import (
	"fmt"
	"strings"
	"time"
)

// lines writes a line every few seconds: progress for files and pipes.
type lines struct{ *display }

const (
	lineEvery   = 10 * time.Second // a line at least so often,
	linePart    = 0.05             // and whenever so much more of the work is done,
	lineNotOver = time.Second      // but not more often than this
)

func (l *lines) Step(step, total int, loss, imagesPerSecond float64) {
	l.Lock()
	defer l.Unlock()
	first := l.update(state{step, total, loss, imagesPerSecond})
	if !first && step < total && !l.due() {
		return
	}
	l.write()
}

func (l *lines) due() bool {
	waited := l.now().Sub(l.shown)
	part := float64(l.step-l.shownStep) >= linePart*float64(l.total)
	return waited >= lineEvery || part && waited >= lineNotOver
}

func (l *lines) write() {
	fmt.Fprintf(l.out, "%s: step %s, %3.0f %%, %s\n", l.label, l.count(), 100*l.fraction(), strings.Join(l.facts(), ", "))
	l.mark()
}

func (l *lines) Message(text string) {
	l.Lock()
	defer l.Unlock()
	fmt.Fprintf(l.out, "%s: %s\n", l.label, text)
}

func (l *lines) Done() {
	l.Lock()
	defer l.Unlock()
	if l.started && !l.done && l.shownStep != l.step {
		l.write() // the step at which an interrupted training stood
	}
	l.done = true
}
