package scenes

import (
	"fmt"
	"math/rand/v2"
	"unicode/utf8"

	"gomm/mmlib/data/captions"
)

// The forms of the captions from which models that draw are asked for scenes; see [Set.Request].
const (
	Whole    = "whole"    // all facts of all cells, in a wording of training
	Reworded = "reworded" // all facts, in the wording that training never has; see Source.HeldOutCaption
	Relation = "relation" // how two digits lie: "a green seven above a red three"; see Source.Relations
)

// RequestForms lists the forms of [Set.Request] that the settings allow.
func (s *Set) RequestForms() []string {
	forms := []string{Whole}
	if s.source.HeldOutCaption > 0 {
		forms = append(forms, Reworded)
	}
	if s.source.Relations > 0 {
		forms = append(forms, Relation)
	}
	return forms
}

// Request is a caption of scene i in one of the forms, always the same one, and what a picture that is drawn from it must show: the value
// of every attribute of every cell, as [Set.Classes] writes them, −1 for what the caption does not say. Where it can be shown in
// several ways there are several, and one of them is enough.
func (s *Set) Request(i int, form string) (caption string, want [][]int32, err error) {
	r, scene := s.random(i, forRequest), s.Scene(i)
	wordings := s.wordings
	switch {
	case form == Relation && s.source.Relations > 0:
		caption, want = s.tongue(r).relation(scene, r)
		return caption, want, nil
	case form == Reworded && s.source.HeldOutCaption > 0:
		wordings = []int{s.source.HeldOutCaption - 1}
	case form != Whole:
		return "", nil, fmt.Errorf("scenes: the form of a request is %q: with these settings there are %q", form, s.RequestForms())
	}
	all := make([]int32, len(scene.Cells)*NumAttributes)
	for _, f := range scene.Facts() {
		all[f.Cell*NumAttributes+int(f.Attribute)] = int32(f.Value)
	}
	return s.tongue(r).drawCaption(scene, s.source.Shuffle, wordings, r), [][]int32{all}, nil
}

// relation draws a caption that says how two neighbors lie, by digit and color. It is true of every such pair of cells.
func (l *language) relation(s Scene, r *rand.Rand) (caption string, want [][]int32) {
	first, d := -1, direction(0)
	for first < 0 || s.neighbor(first, d) < 0 {
		first, d = r.IntN(len(s.Cells)), direction(r.IntN(int(numDirections)))
	}
	pair := [2]Cell{s.Cells[first], s.Cells[s.neighbor(first, d)]}
	inWords := r.IntN(2) == 0
	name := func(c Cell) string {
		n := l.noun(description{of: [NumAttributes]bool{Digit: true, Color: true}, are: c})
		if inWords {
			n = n[:len(n)-1] + l.numbers[c[Digit]] // a digit is one byte
		}
		return l.some(n)
	}
	// The second digit lies opposite of what is said of the first one.
	opposite := [numDirections]direction{left: right, right: left, above: below, below: above}
	for i := range s.Cells {
		j := s.neighbor(i, opposite[d])
		if j < 0 {
			continue
		}
		facts := make([]int32, len(s.Cells)*NumAttributes)
		for k := range facts {
			facts[k] = -1
		}
		for k, cell := range [2]int{j, i} {
			facts[cell*NumAttributes+int(Digit)], facts[cell*NumAttributes+int(Color)] = int32(pair[k][Digit]), int32(pair[k][Color])
		}
		want = append(want, facts)
	}
	// neighbor(first, d) lies d of first.
	return fmt.Sprintf(l.lies, name(pair[1]), l.to[d], name(pair[0])), want
}

// Texts returns texts with every word of the captions, one of which is as long as any.
func (s *Set) Texts() ([]string, error) {
	// The captions of a wording differ in length in Chinese alone, by their characters, each of which is a token.
	longest, err := s.LongestCaptions(func(caption string) (int, error) { return utf8.RuneCountInString(caption), nil })
	return append(s.Vocabulary(), longest...), err
}

// Pairs are the scenes with captions of the wordings of training, and as many as Source.Relations says of how two digits lie. A caption
// is true of its own scene: that others may share it is not looked at.
func (s *Set) Pairs(encode captions.Encode) (*captions.Pairs, error) {
	return captions.Drawn(s, s.asked, func(i int) string { return s.Scene(i).String() }, encode)
}

// asked draws a caption of scene i for models that draw.
func (s *Set) asked(i int, r *rand.Rand) string {
	if r == nil {
		r = s.random(i, forCaption)
	}
	if s.source.Relations > 0 && r.Float64() < s.source.Relations {
		caption, _ := s.tongue(r).relation(s.Scene(i), r)
		return caption
	}
	return s.Caption(i, r)
}
