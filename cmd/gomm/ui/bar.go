package ui

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// bar redraws one line of a terminal:
//
//	pretrain ━━━━━━━━━━╸───────────── 1,050/2,500  loss 3.3120  5,410 images/s  1:09 left
type bar struct {
	*display
	style Style
	ascii bool       // the locale has no box-drawing characters
	width func() int // columns of the terminal, which may change at any time
}

const (
	drawEvery = 100 * time.Millisecond
	widestBar = 40
	slimBar   = 8 // with less room than this, words are left out instead
)

func (b *bar) Step(step, total int, loss, imagesPerSecond float64) {
	b.Lock()
	defer b.Unlock()
	first := b.update(state{step, total, loss, imagesPerSecond})
	if first || step >= total || b.now().Sub(b.shown) >= drawEvery {
		b.draw()
	}
}

func (b *bar) Message(text string) {
	b.Lock()
	defer b.Unlock()
	fmt.Fprintf(b.out, "\r\x1b[K%s\n", text)
	if b.started && !b.done {
		b.draw()
	}
}

func (b *bar) Done() {
	b.Lock()
	defer b.Unlock()
	if b.started && !b.done {
		b.draw()
		fmt.Fprintln(b.out)
	}
	b.done = true
}

func (b *bar) draw() {
	fmt.Fprint(b.out, "\r\x1b[K", b.line(b.width()-1)) // the last column stays free: some terminals wrap there
	b.mark()
}

// line fits everything into so many columns: the bar takes what the words leave, and the least important words (the last)
// go first when it would become too short.
func (b *bar) line(columns int) string {
	words := append([]string{b.count()}, b.facts()...)
	for ; len(words) > 0; words = words[:len(words)-1] {
		text := strings.Join(words, "  ")
		room := columns - utf8.RuneCountInString(b.label) - utf8.RuneCountInString(text) - 2
		if room >= slimBar {
			return b.label + " " + b.picture(min(room, widestBar)) + " " + text
		}
	}
	return b.picture(max(1, min(columns, widestBar)))
}

// picture is the bar alone, so many columns wide.
func (b *bar) picture(columns int) string {
	full, half, empty := "━", "╸", "─"
	if b.ascii {
		full, half, empty = "#", "#", "-"
	}
	halves := int(b.fraction() * float64(2*columns))
	done := strings.Repeat(full, halves/2)
	if halves%2 == 1 {
		done += half
	}
	rest := strings.Repeat(empty, columns-utf8.RuneCountInString(done))
	return b.style.Green(done) + b.style.Faint(rest)
}
