// Package ui is how the gomm command speaks to people: colours where the terminal has them, a progress bar on a terminal, and
// plain lines everywhere else, so that a log file or a continuous-integration page stays readable.
//
// A command asks for a [Progress] once and reports steps to it; whether that becomes a bar that redraws itself or a line
// every few seconds is decided here, by looking at what it writes to:
//
//	p := ui.NewProgress(os.Stderr, "pretrain")
//	defer p.Done()
//	for step := 1; step <= steps; step++ {
//		...
//		p.Step(step, steps, loss, imagesPerSecond)
//	}
package ui

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// IsTerminal reports whether w is a terminal on which a line can be redrawn (a terminal of type "dumb" cannot).
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Style paints words, or leaves them as they are.
type Style bool

// StyleFor returns the style for what is written to w: colours on a terminal only, and never when the environment
// variable NO_COLOR is set to anything (https://no-color.org).
func StyleFor(w io.Writer) Style {
	return Style(IsTerminal(w) && os.Getenv("NO_COLOR") == "")
}

// Green, Yellow, Red and Faint paint s in their colour.
func (s Style) Green(text string) string  { return s.paint("32", text) }
func (s Style) Yellow(text string) string { return s.paint("33", text) }
func (s Style) Red(text string) string    { return s.paint("31", text) }
func (s Style) Faint(text string) string  { return s.paint("2", text) }

func (s Style) paint(code, text string) string {
	if !s || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Count writes a number with commas between the thousands: 60000 as "60,000".
func Count(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// utf8Locale reports whether the locale of the environment has the characters that the bar is drawn with.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(os.Getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}
