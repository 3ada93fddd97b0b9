package ui

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// fakeClock is a time that passes only when the test says so.
type fakeClock struct{ time.Time }

func (c *fakeClock) now() time.Time       { return c.Time }
func (c *fakeClock) pass(d time.Duration) { c.Time = c.Add(d) }
func newClock() *fakeClock                { return &fakeClock{time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)} }
func newDisplay(w io.Writer) (*display, *fakeClock) {
	c := newClock()
	return &display{out: w, label: "pretrain", now: c.now}, c
}

func ExampleNewProgress() {
	p := NewProgress(os.Stdout, "pretrain") // in an example, standard output is no terminal: plain lines
	p.Step(1, 2, 3.5, 0)
	p.Message("validation: accuracy 0.98")
	p.Step(2, 2, 3.25, 0)
	p.Done()
	// Output:
	// pretrain: step 1/2,  50 %, loss 3.5000
	// pretrain: validation: accuracy 0.98
	// pretrain: step 2/2, 100 %, loss 3.2500, in 0:00
}

// TestLinesWithoutTerminal trains 100 slow steps, then reads the log as a person would.
func TestLinesWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	d, c := newDisplay(&out)
	l := &lines{d}
	for step := 1; step <= 1000; step++ {
		l.Step(step, 1000, 3, 5000)
		c.pass(100 * time.Millisecond)
	}
	l.Done()
	l.Done()
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != 21 { // the first step and one for each 5 %, at about 5 s each; the last one only once
		t.Errorf("1,000 steps in 100 s gave %d lines, want 21:\n%s", len(got), out.String())
	}
	want := "pretrain: step   501/1,000,  50 %, loss 3.0000, 5,000 images/s, 0:50 left"
	if got[10] != want {
		t.Errorf("line 10 is %q, want %q", got[10], want)
	}
	if strings.ContainsAny(out.String(), "\r\x1b") {
		t.Errorf("plain lines hold control characters: %q", out.String())
	}
}

// TestLinesEveryTenSeconds sees that a long training speaks between its 5 % marks, and a fast one does not flood.
func TestLinesEveryTenSeconds(t *testing.T) {
	for _, test := range []struct {
		step time.Duration
		want int // lines for 100 of 1,000,000 steps, or of 100
		of   int
	}{
		{time.Second, 10, 1_000_000},
		{time.Millisecond, 2, 100}, // the first and the last
	} {
		var out bytes.Buffer
		d, c := newDisplay(&out)
		l := &lines{d}
		for step := 1; step <= 100; step++ {
			l.Step(step, test.of, 3, 5000)
			c.pass(test.step)
		}
		if got := strings.Count(out.String(), "\n"); got != test.want {
			t.Errorf("steps of %v gave %d lines, want %d", test.step, got, test.want)
		}
	}
}

func TestLinesInterrupted(t *testing.T) {
	var out bytes.Buffer
	d, c := newDisplay(&out)
	l := &lines{d}
	l.Step(1, 100, 3, 0)
	c.pass(100 * time.Millisecond)
	l.Step(2, 100, 3, 0)
	l.Done()
	if !strings.Contains(out.String(), "step   2/100") {
		t.Errorf("an interrupted training does not say where it stood:\n%s", out.String())
	}
}

func newBar(w io.Writer, columns int) (*bar, *fakeClock) {
	d, c := newDisplay(w)
	return &bar{display: d, width: func() int { return columns }}, c
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	b, c := newBar(&out, 90)
	b.Step(1, 2500, 3.9, 5410)
	c.pass(50 * time.Millisecond)
	b.Step(2, 2500, 3.8, 5410) // too soon to be drawn
	c.pass(time.Minute)
	b.Step(1251, 2500, 3.312, 5410)
	b.Message("saved")
	b.Done()
	b.Done()
	got := strings.ReplaceAll(out.String(), "\r\x1b[K", "⏎")
	want := "⏎pretrain ───────────────────────────────────────     1/2,500  loss 3.9000  5,410 images/s" +
		"⏎pretrain ━━━━━━━━━━━━━━────────────── 1,251/2,500  loss 3.3120  5,410 images/s  1:00 left" +
		"⏎saved\n" +
		"⏎pretrain ━━━━━━━━━━━━━━────────────── 1,251/2,500  loss 3.3120  5,410 images/s  1:00 left" +
		"⏎pretrain ━━━━━━━━━━━━━━────────────── 1,251/2,500  loss 3.3120  5,410 images/s  1:00 left\n"
	if got != want {
		t.Errorf("the terminal got\n%q, want\n%q", got, want)
	}
}

// TestBarFits draws the bar for every width of terminal: never wider than the terminal, whatever must go.
func TestBarFits(t *testing.T) {
	for columns := 1; columns <= 200; columns++ {
		b, c := newBar(io.Discard, columns)
		b.update(state{1, 2500, 3.9, 5410})
		c.pass(time.Second)
		b.update(state{100, 2500, 3.9, 5410})
		line := b.line(columns - 1)
		if got := utf8.RuneCountInString(line); got > max(1, columns-1) {
			t.Errorf("at %d columns the line is %d wide: %q", columns, got, line)
		}
		if columns >= 80 && !strings.HasSuffix(line, "left") {
			t.Errorf("at %d columns the time left is missing: %q", columns, line)
		}
	}
}

func TestBarPicture(t *testing.T) {
	for _, test := range []struct {
		step  int
		ascii bool
		want  string
	}{
		{0, false, "──────────"},
		{5, false, "╸─────────"},
		{50, false, "━━━━━━━━━━"[:5*len("━")] + "─────"},
		{100, false, "━━━━━━━━━━"},
		{120, false, "━━━━━━━━━━"}, // resumed with fewer steps than were done
		{55, true, "######----"},
	} {
		b, _ := newBar(io.Discard, 80)
		b.ascii = test.ascii
		b.update(state{step: test.step, total: 100})
		if got := b.picture(10); got != test.want {
			t.Errorf("picture(10) at %d %% is %q, want %q", test.step, got, test.want)
		}
	}
}

// TestTimeLeftOfResumedRun resumes at step 900: only the steps since then say how fast it goes.
func TestTimeLeftOfResumedRun(t *testing.T) {
	b, c := newBar(io.Discard, 80)
	b.update(state{900, 1000, 3, 0})
	if got := strings.Join(b.facts(), " "); got != "loss 3.0000" {
		t.Errorf("after the first step: %q, want no guess of the time left", got)
	}
	c.pass(10 * time.Second)
	b.update(state{910, 1000, 3, 0})
	if got, want := strings.Join(b.facts(), " "), "loss 3.0000 1:30 left"; got != want {
		t.Errorf("after ten steps in ten seconds: %q, want %q", got, want)
	}
}

func TestCountAndClock(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 60000: "60,000", 151277313: "151,277,313",
		-1234: "-1,234"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for s, want := range map[int]string{0: "0:00", 7: "0:07", 760: "12:40", 3723: "1:02:03"} {
		if got := clock(time.Duration(s) * time.Second); got != want {
			t.Errorf("clock(%d s) = %q, want %q", s, got, want)
		}
	}
}

func TestStyle(t *testing.T) {
	if got, want := fmt.Sprint(Style(true).Green("ok"), Style(false).Red("no"), Style(true).Faint("")), "\x1b[32mok\x1b[0mno"; got != want {
		t.Errorf("painted %q, want %q", got, want)
	}
	if bool(StyleFor(&bytes.Buffer{})) || IsTerminal(&bytes.Buffer{}) {
		t.Error("a buffer is taken for a terminal")
	}
}

func TestUTF8Locale(t *testing.T) {
	for _, test := range []struct {
		all, lang string
		want      bool
	}{{"", "en_US.UTF-8", true}, {"C", "en_US.UTF-8", false}, {"", "", false}, {"", "zh_CN.utf8", true}, {"", "zh_CN.GB18030", false}} {
		t.Setenv("LC_ALL", test.all)
		t.Setenv("LC_CTYPE", "")
		t.Setenv("LANG", test.lang)
		if got := utf8Locale(); got != test.want {
			t.Errorf("LC_ALL=%q LANG=%q: %v, want %v", test.all, test.lang, got, test.want)
		}
	}
}
