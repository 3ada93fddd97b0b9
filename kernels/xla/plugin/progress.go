package plugin

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a download is; every byte that arrives is written to it.
type progress interface {
	io.Writer
	Finish()
}

// newProgress draws a bar on a terminal and writes a few plain lines everywhere else.
func newProgress(w io.Writer, label string, done, total int64) progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &lines{w: w, label: label, done: done, total: total}
	}
	b := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(label),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionFullWidth(),
		progressbar.OptionSetPredictTime(true),
	)
	_ = b.Set64(done) // a bar that cannot be drawn is no reason to fail
	return bar{b, w}
}

type bar struct {
	*progressbar.ProgressBar
	w io.Writer
}

func (b bar) Finish() { fmt.Fprintln(b.w) }

// lines writes a line at every fifth of the way.
type lines struct {
	w           io.Writer
	label       string
	done, total int64
}

func (l *lines) Write(p []byte) (int, error) {
	before := 5 * l.done / l.total
	l.done += int64(len(p))
	if after := 5 * l.done / l.total; after > before {
		fmt.Fprintf(l.w, "%s: %s of %s (%d %%)\n", l.label, megabytes(l.done), megabytes(l.total), 100*l.done/l.total)
	}
	return len(p), nil
}

func (l *lines) Finish() {}
