package infer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/task"
)

// Generate writes a text about each row of what it is about (the inputs of d.Memory), beginning with its prompt, whose first token
// is usually d.Start. It returns the tokens behind each prompt, without the end, which is where a text stops. Prompts may differ in
// length. What was computed for a token is kept, so that each costs one step. Where d has no Memory, as in a language model, about
// is nil, and there is a row for each prompt.
//
// o says how tokens are chosen: greedily, at random, or by beams. Logits that are no numbers are an error, which names the step.
//
// each, unless nil, receives the tokens of a step as they are written, one a row, d.Pad for a row that has ended; when it returns
// false, writing stops. With beams it is called once, at the end, for nothing is certain before: with every token of row 0.
func Generate(ctx context.Context, s *Session, d task.Decoder, about []*tensors.Tensor, prompts [][]int32, o Sampling,
	each func(tokens []int32) bool) ([][]int32, error) {
	if err := checkPrompts(s, d, about, prompts, o); err != nil {
		return nil, err
	}
	var memory []*tensors.Tensor
	if d.Memory != "" {
		var err error
		if memory, err = s.Call(d.Memory, about...); err != nil {
			return nil, err
		}
		defer func() { _ = finalize(memory) }()
	}
	if o.Beams <= 1 {
		return sideBySide(ctx, s, d, memory, prompts, o, each)
	}
	var written [][]int32
	for row, prompt := range prompts {
		text, err := beams(ctx, s, d, memory, row, prompt, o)
		if err != nil {
			return nil, err
		}
		written = append(written, text)
	}
	if each != nil {
		each(written[0])
	}
	return written, nil
}

func checkPrompts(s *Session, d task.Decoder, about []*tensors.Tensor, prompts [][]int32, o Sampling) error {
	f, ok := s.Func(d.Step)
	if !ok {
		return fmt.Errorf("infer: the session has no function %q, which writes text", d.Step)
	}
	vocab := f.Out[0].Size()
	switch {
	case d.Memory == "" && len(about) > 0:
		return fmt.Errorf("infer: there are %d inputs to write about, and this model continues its prompts alone: give none", len(about))
	case d.Memory != "" && (len(about) == 0 || about[0].Rank() == 0 || about[0].Shape().Dim(0) != len(prompts)):
		return fmt.Errorf("infer: there are %d prompts, and not as many things to write about", len(prompts))
	case len(prompts) == 0:
		return errors.New("infer: there is no prompt to continue: give one for each text, at least its start token")
	}
	if err := o.Validate(vocab); err != nil {
		return err
	}
	for i, p := range prompts {
		if len(p) == 0 || len(p) > d.Length {
			return fmt.Errorf("infer: prompt %d has %d tokens: it must have at least 1, and %d fit", i, len(p), d.Length)
		}
		for _, id := range p {
			if id < 0 || int(id) >= vocab {
				return fmt.Errorf("infer: prompt %d has the token %d: there are tokens 0 to %d", i, id, vocab-1)
			}
		}
	}
	return nil
}

// state is what a decoder keeps between steps for n rows.
type state struct {
	s      *Session
	d      task.Decoder
	memory []*tensors.Tensor
	kept   []*tensors.Tensor
	n      int
}

func newState(s *Session, d task.Decoder, memory []*tensors.Tensor, n int) *state {
	st := &state{s: s, d: d, memory: memory, n: n}
	for _, shape := range d.Kept {
		st.kept = append(st.kept, tensors.FromShape(withBatch(shape, n)))
	}
	return st
}

// step reads a token of each row at its position, and returns the logits of the next, row by row.
func (st *state) step(tokens, positions []int32) ([]float32, error) {
	head := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(tokens, st.n), tensors.FromFlatDataAndDimensions(positions, st.n)}
	out, err := st.s.Call(st.d.Step, slices.Concat(head, st.kept, st.memory)...)
	if err = errors.Join(err, finalize(head)); err != nil {
		return nil, err
	}
	if err := finalize(st.kept); err != nil {
		return nil, err
	}
	st.kept = out[1:]
	logits, err := tensors.CopyFlatData[float32](out[0])
	return logits, errors.Join(err, out[0].FinalizeAll())
}

// reorder makes of the rows of what is kept new ones: row i is what row from[i] was.
func (st *state) reorder(from []int) error {
	for i, old := range st.kept {
		fresh := tensors.FromShape(withBatch(st.d.Kept[i], len(from)))
		for to, row := range from {
			if err := copyRows(fresh, to, old, row, 1); err != nil {
				return err
			}
		}
		if err := old.FinalizeAll(); err != nil {
			return err
		}
		st.kept[i] = fresh
	}
	return nil
}

func (st *state) close() { _ = finalize(st.kept) }

// room is how many tokens may follow a prompt.
func room(d task.Decoder, prompt []int32, o Sampling) int {
	n := d.Length - len(prompt) + 1 // the last one is not read any more
	if o.MaxTokens > 0 {
		n = min(n, o.MaxTokens)
	}
	return n
}

// sideBySide writes all rows at once. A row reads its prompt while others may already write.
func sideBySide(ctx context.Context, s *Session, d task.Decoder, memory []*tensors.Tensor, prompts [][]int32, o Sampling,
	each func([]int32) bool) ([][]int32, error) {
	n := len(prompts)
	st := newState(s, d, memory, n)
	defer func() { st.close() }()
	written, done := make([][]int32, n), make([]bool, n)
	tokens, positions, said := make([]int32, n), make([]int32, n), make([]int32, n)
	samplers := make([]*Sampler, n)
	for i, p := range prompts {
		tokens[i], samplers[i] = p[0], NewSampler(o, i)
	}
	for at := 0; slices.Contains(done, false); at++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range positions {
			positions[i] = int32(min(at, d.Length-1))
		}
		logits, err := st.step(tokens, positions)
		if err != nil {
			return nil, err
		}
		v, any := len(logits)/n, false
		for i, p := range prompts {
			said[i] = d.Pad
			switch {
			case at+1 < len(p):
				tokens[i] = p[at+1]
				continue
			case done[i]:
				tokens[i] = d.Pad
				continue
			}
			next, err := samplers[i].Next(logits[i*v : (i+1)*v])
			if err != nil {
				return nil, fmt.Errorf("row %d, step %d: %w", i, at, err)
			}
			tokens[i] = next
			if next == d.End {
				done[i] = true
				continue
			}
			said[i], any = next, true
			written[i] = append(written[i], next)
			done[i] = len(written[i]) >= room(d, p, o)
		}
		if any && each != nil && !each(slices.Clone(said)) {
			break
		}
	}
	return written, nil
}

// beam is a text that may become the most probable one.
type beam struct {
	row    int // of the state that it goes on from
	tokens []int32
	score  float64 // the sum of its tokens' log-probabilities
}

// beams keeps the most probable texts at each step. A text that ends steps aside; the search is over when no text that goes on can
// beat the best that ended, as log-probabilities only fall.
func beams(ctx context.Context, s *Session, d task.Decoder, memory []*tensors.Tensor, row int, prompt []int32, o Sampling) (
	[]int32, error) {
	own, err := repeatRow(memory, row, o.Beams)
	if err != nil {
		return nil, err
	}
	defer func() { _ = finalize(own) }()
	st := newState(s, d, own, o.Beams)
	defer func() { st.close() }()
	going, best := []beam{{}}, beam{score: math.Inf(-1)}
	tokens, positions := slices.Repeat([]int32{prompt[0]}, o.Beams), make([]int32, o.Beams)
	for at, most := 0, len(prompt)-1+room(d, prompt, o); at < most; at++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range positions {
			positions[i] = int32(at)
		}
		logits, err := st.step(tokens, positions)
		if err != nil {
			return nil, err
		}
		if at+1 < len(prompt) {
			tokens = slices.Repeat([]int32{prompt[at+1]}, o.Beams)
			continue
		}
		var next []beam
		v := len(logits) / o.Beams
		for _, b := range going {
			own := logits[b.row*v : (b.row+1)*v]
			if _, err := mostProbable(own); err != nil {
				return nil, fmt.Errorf("row %d, step %d: %w", row, at, err)
			}
			for id, p := range logSoftmax(own) {
				next = append(next, beam{b.row, append(slices.Clip(b.tokens), int32(id)), b.score + p})
			}
		}
		slices.SortStableFunc(next, func(a, b beam) int { return cmp.Compare(b.score, a.score) })
		going = going[:0:0]
		for _, b := range next {
			if len(going) == o.Beams || b.score <= best.score {
				break
			}
			if ended := b.tokens[len(b.tokens)-1] == d.End; !ended && at+1 < most {
				going = append(going, b)
			} else if b.score > best.score {
				best = b
			}
		}
		if len(going) == 0 {
			break
		}
		from := make([]int, o.Beams) // rows without a text repeat the first
		for i := range from {
			from[i], tokens[i] = going[0].row, going[0].tokens[len(going[0].tokens)-1]
		}
		for i := range going {
			from[i], tokens[i] = going[i].row, going[i].tokens[len(going[i].tokens)-1]
			going[i].row = i
		}
		if err := st.reorder(from); err != nil {
			return nil, err
		}
	}
	if n := len(best.tokens); n > 0 && best.tokens[n-1] == d.End {
		best.tokens = best.tokens[:n-1]
	}
	return best.tokens, nil
}

// repeatRow copies a row of each tensor so many times.
func repeatRow(list []*tensors.Tensor, row, times int) ([]*tensors.Tensor, error) {
	out := make([]*tensors.Tensor, len(list))
	for i, t := range list {
		shape := t.Shape().Clone()
		shape.Dimensions[0] = times
		out[i] = tensors.FromShape(shape)
		for to := range times {
			if err := copyRows(out[i], to, t, row, 1); err != nil {
				return nil, errors.Join(err, finalize(out))
			}
		}
	}
	return out, nil
}

func logSoftmax(x []float32) []float64 {
	largest := slices.Max(x)
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v - largest))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v-largest) - math.Log(sum)
	}
	return out
}
