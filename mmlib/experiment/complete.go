package experiment

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gomlx/compute"

	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/task"
)

// Completer is a language model ready to write: it continues texts. It is safe for concurrent use.
type Completer struct {
	model   *models.Model
	session *infer.Session
	decoder task.Decoder
}

// OpenCompleter compiles what a model writes by, for one text at a time.
func OpenCompleter(b compute.Backend, m *models.Model) (*Completer, error) {
	return newCompleter(m, func(names []string) (*infer.Session, error) { return infer.Open(b, m, names, 1) })
}

func newCompleter(m *models.Model, open func(names []string) (*infer.Session, error)) (*Completer, error) {
	w, ok := m.Predictor.(writer)
	if !ok || w.Decoder().Memory != "" || m.Tokenizer == nil {
		return nil, fmt.Errorf("experiment: a %s does not continue texts: use a run of a palm", m.Settings.Kind)
	}
	session, err := open([]string{w.Decoder().Step})
	if err != nil {
		return nil, err
	}
	return &Completer{m, session, w.Decoder()}, nil
}

// Room is how many tokens a text has at most, its beginning among them.
func (c *Completer) Room() int { return c.decoder.Length }

// Complete continues a text, and returns what is written behind it. each, unless nil, receives that as it grows, in whole characters;
// when it returns false, writing stops. With o.MaxTokens 0 the model writes until its context is full.
func (c *Completer) Complete(ctx context.Context, beginning string, o infer.Sampling, each func(soFar string) bool) (string, error) {
	ids, err := c.model.Tokenizer.Encode(beginning)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", errors.New("experiment: the text is empty: give its first words, which the model continues")
	case len(ids) > c.Room():
		return "", fmt.Errorf("experiment: the text has %d tokens, and the model sees at most %d at once: shorten it, e.g. to its last words",
			len(ids), c.Room())
	}
	if room := c.Room() - len(ids) + 1; o.MaxTokens > room {
		return "", fmt.Errorf("experiment: %d tokens are to be written behind a text of %d, and the model sees at most %d at once: "+
			"ask for at most %d", o.MaxTokens, len(ids), c.Room(), room)
	}
	var soFar []int32
	var tell func([]int32) bool
	if each != nil {
		tell = func(tokens []int32) bool {
			soFar = append(soFar, tokens...)
			return each(whole(c.model.Tokenizer.Decode(soFar)))
		}
	}
	written, err := infer.Generate(ctx, c.session, c.decoder, nil, [][]int32{ids}, o, tell)
	if err != nil {
		return "", err
	}
	return c.model.Tokenizer.Decode(written[0]), nil
}

// whole leaves out the bytes at the end of a text that are not yet a character: the token with the rest of them is still to come.
func whole(text string) string {
	for len(text) > 0 {
		r, size := utf8.DecodeLastRuneInString(text)
		if r != utf8.RuneError {
			break
		}
		text = text[:len(text)-size]
	}
	return text
}
