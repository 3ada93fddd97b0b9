package experiment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// written is a set that is one long text.
type written interface {
	data.Set
	Text() string
}

func acceptsBits(m *models.Model, set data.Set) error {
	switch _, ok := set.(written); {
	case !ok:
		return fmt.Errorf("experiment: the examples are no text, by whose bits a %s is measured: choose a text", m.Settings.Kind)
	case m.Tokenizer == nil:
		return fmt.Errorf("experiment: a %s has no tokenizer, and reads no texts", m.Settings.Kind)
	}
	return nil
}

// predicted is what a language model knows of a text.
type predicted struct {
	model              *models.Model
	session            *infer.Session
	ids                []int32
	bits               float64 // of the whole text
	characters, tokens int
	after              []float64 // bits of a token by the number of tokens that the model saw before it, less one: means over the windows
}

// measureBits measures how many bits a model needs for a character of a text:
//
//	bits a character = −Σ log₂ p(token | tokens before it) / number of characters
//
// over all tokens of the split. So models with different vocabularies can be compared, also with those that predict characters, and
// less is better. A model sees so many tokens at once, L, and no text at its beginning; so the split is read in windows that overlap:
// each begins L/2 tokens behind the one before it, and of its predictions those count that no window before it made. So every token
// is predicted exactly once, all but the first L of them from at least L/2 tokens. The first token of all, which
// nothing stands before, counts log₂ V bits, as if all tokens were equally probable.
func measureBits(ctx context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	text, ok := set.(written)
	if !ok {
		return nil, acceptsBits(m, set)
	}
	f, ok := s.Func("score")
	if !ok {
		return nil, fmt.Errorf("experiment: a %s does not say how probable a text is", m.Settings.Kind)
	}
	ids, err := m.Tokenizer.Encode(text.Text())
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, errors.New("experiment: the text is empty: there is nothing to measure")
	}
	length := f.In[0].Size() // L+1
	p := &predicted{
		model: m, session: s, ids: ids, tokens: len(ids), characters: utf8.RuneCountInString(text.Text()), after: make([]float64, length-1),
		bits: math.Log2(float64(m.Tokenizer.VocabSize())),
	}
	all := Windows(len(ids), length-1)
	full := 0
	for start := 0; start < len(all); start += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := all[start:min(start+batch, len(all))]
		flat := make([]int32, len(some)*length)
		for i, w := range some {
			copy(flat[i*length:(i+1)*length], ids[w.From:])
		}
		logP, err := scores(s, flat, len(some), length)
		if err != nil {
			return nil, err
		}
		for i, w := range some {
			row := logP[i*(length-1) : (i+1)*(length-1)] // row[k] is of token from+k+1
			for token := w.First; token < w.Last; token++ {
				p.bits -= float64(row[token-w.From-1]) / math.Ln2
			}
			if w.Last-w.From == length {
				full++
				for k, x := range row {
					p.after[k] -= float64(x) / math.Ln2
				}
			}
		}
	}
	for k := range p.after {
		p.after[k] /= float64(max(full, 1))
	}
	if math.IsNaN(p.bits) {
		return nil, errors.New("experiment: the probabilities that the model gives are no numbers: its training diverged")
	}
	return p, nil
}

// Window is a piece of a text from token From on, whose predictions of tokens First … Last−1 count.
type Window struct{ From, First, Last int }

// Windows covers tokens 1 … n−1 of a text by windows in which context tokens are predicted.
func Windows(n, context int) (list []Window) {
	for first := 1; first < n; {
		last := min(n, first+context)
		if first > 1 { // half of the window has been predicted before
			last = min(n, first+max(1, context/2))
		}
		list = append(list, Window{max(0, last-1-context), first, last})
		first = last
	}
	return list
}

// scores calls the function "score" for n windows.
func scores(s *infer.Session, flat []int32, n, length int) ([]float32, error) {
	in := tensors.FromFlatDataAndDimensions(flat, n, length)
	out, err := s.Call("score", in)
	if err = errors.Join(err, in.FinalizeAll()); err != nil {
		return nil, err
	}
	logP, err := tensors.CopyFlatData[float32](out[0])
	return logP, errors.Join(err, out[0].FinalizeAll())
}

// Figures implements [Result].
func (p *predicted) Figures() []Figure {
	return []Figure{
		{Key: "bits_per_character", Name: "bits a character", Value: p.bits / float64(p.characters), Unit: Bits},
		{Key: "perplexity", Name: "perplexity of a token", Value: math.Exp2(p.bits / float64(p.tokens)), Unit: Plain},
		{Key: "characters_per_token", Name: "characters a token", Value: float64(p.characters) / float64(p.tokens), Unit: Plain, Detail: true},
	}
}

// Sections implements [Result]: how much the context helps, and what the model writes.
func (p *predicted) Sections() ([]report.Section, error) {
	list := report.Series{Name: "bits of a token"}
	for k, y := range p.after {
		list.X, list.Y = append(list.X, float64(k+1)), append(list.Y, y)
	}
	var blocks []report.Block
	if len(p.ids) > len(p.after) {
		blocks = append(blocks, report.Chart{
			Title: "What the context is worth: bits of a token", XLabel: "tokens before it", Series: []report.Series{list},
		})
	}
	samples, err := p.samples()
	if err != nil {
		return nil, err
	}
	return []report.Section{{Title: "Text", Text: textLead, Blocks: append(blocks, samples)}}, nil
}

const textLead = "How many bits the model needs for a token, by how many tokens it has seen before it: the curve falls as long as more " +
	"context helps. Below it, what the model writes behind the first words of the split. Greedy writing soon repeats itself; low " +
	"temperatures stay close to phrases of the text; high ones invent words."

// samples writes behind the first words of the split, at several temperatures.
func (p *predicted) samples() (report.Block, error) {
	const prompt, most = 12, 80
	c, err := newCompleter(p.model, func(names []string) (*infer.Session, error) { return p.session.With(names, 1) })
	if err != nil {
		return nil, err
	}
	begin := p.model.Tokenizer.Decode(p.ids[:min(prompt, len(p.ids), c.Room()/2)])
	t := report.Table{Title: fmt.Sprintf("Written behind %q", begin), Columns: []string{"temperature", "text"}}
	for _, temperature := range []float64{0, 0.5, 0.8, 1} {
		o := infer.Sampling{Temperature: temperature, Seed: 1, MaxTokens: min(most, c.Room()/2)}
		text, err := c.Complete(context.Background(), begin, o, nil)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%g", temperature), strings.Join(strings.Fields(text), " ")})
	}
	return t, nil
}
