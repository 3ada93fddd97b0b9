package experiment

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data/text"
	"gomm/mmlib/report"
)

// Look is where a model looked, at one word.
type Look struct {
	Word    string
	Weights [][]float64 // over the picture's patches, in sum 1
}

// answerBegins stands for the place behind a question, where the first word of the answer is found.
const answerBegins = "(answer)"

// LookAtQuestion says where the model looks as it reads each word of a question, and as it finds the answer.
func (s *Speaker) LookAtQuestion(seen *Seen, question string) ([]Look, error) {
	ids, prefix, err := s.question(question)
	if err != nil {
		return nil, err
	}
	return s.looks(seen, ids, prefix, 0, 0)
}

// LookAtText says where the model looks as it writes each word of a text, such as a caption.
func (s *Speaker) LookAtText(seen *Seen, written string) ([]Look, error) {
	w, ok := s.model.Predictor.(writer)
	if !ok {
		return nil, fmt.Errorf("experiment: a %s does not write", s.model.Settings.Kind)
	}
	ids, err := text.Fixed(s.model.Tokenizer, written, w.Decoder().Length, text.Cut)
	if err != nil {
		return nil, err
	}
	return s.looks(seen, ids, 0, 1, 0)
}

// Looks says where the model looked as it wrote each word of its last answer; there is none if the answer is empty.
func (c *Conversation) Looks() ([]Look, error) {
	if len(c.turns) == 0 {
		return nil, errors.New("experiment: the conversation has no answer yet: ask first")
	}
	t, last := c.speaker.model.Tokenizer, len(c.turns)-1
	asked, err := text.Ask(t, c.turns[:last], c.turns[last].Question)
	if err != nil {
		return nil, err
	}
	said, _, err := text.Dialogue(t, c.turns)
	if err != nil {
		return nil, err
	}
	pad, _ := t.Special(text.Pad)
	ids := slices.Repeat([]int32{pad}, c.most+answerRoom+1)
	copy(ids, said)
	return c.speaker.looks(c.seen, ids, 0, 1, len(asked))
}

// looks calls the function "look" and lists the words from a place in ids on. What stands at a position belongs to the token so many
// places ahead; those that are only looked ahead at need not fit into what the model reads.
func (s *Speaker) looks(seen *Seen, ids []int32, prefix int32, ahead, from int) (list []Look, err error) {
	session, err := s.looking()
	if err != nil {
		return nil, err
	}
	f, _ := session.Func("look")
	read := slices.Clone(ids[:min(len(ids), f.In[1].Dim(0))])
	in := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(seen.tokens, append([]int{1}, f.In[0].Dimensions...)...),
		tensors.FromFlatDataAndDimensions(read, 1, len(read)), tensors.FromFlatDataAndDimensions([]int32{prefix}, 1),
	}
	out, err := session.Call("look", in...)
	for _, x := range in {
		err = errors.Join(err, x.FinalizeAll())
	}
	if err != nil {
		return nil, err
	}
	weights, err := tensors.CopyFlatData[float32](out[0])
	if err = errors.Join(err, out[0].FinalizeAll()); err != nil {
		return nil, err
	}
	grid := f.Out[0].Dim(1)
	for i := max(from-ahead, 0); i < min(len(read), len(ids)-ahead); i++ {
		word := s.model.Tokenizer.Decode(ids[i+ahead : i+ahead+1])
		if mask, ok := s.model.Tokenizer.Special(text.Mask); ok && ids[i+ahead] == mask {
			word = answerBegins
		}
		if word == "" { // another special token
			continue
		}
		look := Look{Word: strings.ToValidUTF8(strings.TrimSpace(word), "…")} // a piece of a word may have a space, or cut a character
		for row := range grid {
			line := make([]float64, grid)
			for column := range line {
				line[column] = float64(weights[(i*grid+row)*grid+column])
			}
			look.Weights = append(look.Weights, line)
		}
		list = append(list, look)
	}
	return list, nil
}

// DrawLooks draws where the model looked: the picture itself first, then for each word the picture under its weights, row by row.
func DrawLooks(seen *Seen, looks []Look) (image.Image, error) {
	const columns = 8
	if len(looks) == 0 {
		return nil, errors.New("experiment: there are no words to draw")
	}
	pictures := []image.Image{seen.Picture}
	for _, look := range looks {
		glow, err := report.Overlay(seen.Picture, look.Weights)
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, glow)
	}
	return report.Sheet(pictures, columns, 1), nil
}
