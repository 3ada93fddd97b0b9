package scenes

import (
	"fmt"
	"slices"

	"gomm/mmlib/data/questions"
)

// Rounds is the number of questions in a dialogue.
const Rounds = 10

// dialogue draws the questions of a dialogue. One opens it, by asking for a digit that its answer singles out; those that
// follow refer to that digit as "it", ask for what is not yet said of it, or go on to its neighbor, which then is "it".
func (a asker) dialogue() []questions.Question {
	d := talk{asker: a, focus: -1}
	asked := make([]questions.Question, 0, Rounds)
	for len(asked) < Rounds {
		ways := [...]func() (questions.Question, bool){d.known, d.known, d.next, d.next, d.others, d.opening}
		way := ways[d.r.IntN(len(ways))]
		if d.focus < 0 {
			way = d.opening
		}
		if q, ok := way(); ok {
			q.Language = a.l.name
			asked = append(asked, q)
		}
	}
	return asked
}

// talk is what has been spoken of.
type talk struct {
	asker
	focus int                 // the cell that "it" is; -1 for none
	said  [NumAttributes]bool // of it
	place bool                // that its place was said
}

// opening looks for a digit, or counts some. A digit that this singles out becomes "it".
func (t *talk) opening() (q questions.Question, ok bool) {
	t.focus = -1
	var found []int
	var said [NumAttributes]bool
	switch t.r.IntN(4) {
	case 0:
		of, v := t.anyValue()
		q, found, said[of] = t.howMany(of, v), t.having(of, v), true
	case 1:
		d := t.anyDescription()
		q, found, said = t.exists(d), t.described(d), d.of
	default:
		i := t.anyCell()
		d, ok := t.unique(i)
		if !ok {
			return q, false
		}
		q, found, said = t.whereIs(d, i), []int{i}, d.of
		defer func() { t.place = true }()
	}
	if len(found) == 1 {
		t.speakOf(found[0])
		t.said = said
	}
	return q, true
}

// speakOf makes a cell "it", of which nothing has been said.
func (t *talk) speakOf(cell int) { t.focus, t.said, t.place = cell, [NumAttributes]bool{}, false }

// known asks for something of "it" that has not been said.
func (t *talk) known() (questions.Question, bool) {
	if !t.place && t.r.IntN(NumAttributes+1) == 0 {
		t.place = true
		return questions.Question{Kind: AskPosition, Text: t.l.whereIsIt, Answer: t.l.placeOf(t.focus, t.Grid), Cells: []int{t.focus}}, true
	}
	of := t.anyAttribute()
	if t.said[of] {
		return questions.Question{}, false
	}
	t.said[of] = true
	return questions.Question{
		Kind: AskReference, About: of.String(), Text: t.l.it[of], Answer: t.value(of, t.focus), Cells: []int{t.focus},
	}, true
}

// next asks for something of a neighbor, which is "it" from then on.
func (t *talk) next() (questions.Question, bool) {
	to, of := direction(t.r.IntN(int(numDirections))), t.anyAttribute()
	beside := t.neighbor(t.focus, to)
	if beside < 0 {
		return questions.Question{}, false
	}
	q := questions.Question{
		Kind: AskReference, About: of.String(), Text: fmt.Sprintf(t.l.itsNeighbor[of], t.l.to[to]), Answer: t.value(of, beside),
		Cells: []int{beside},
	}
	t.speakOf(beside)
	t.said[of] = true
	return q, true
}

// others counts the other digits that share something with "it".
func (t *talk) others() (questions.Question, bool) {
	of := t.anyAttribute()
	alike := slices.DeleteFunc(t.having(of, int(t.Cells[t.focus][of])), func(cell int) bool { return cell == t.focus })
	return t.counting(of, t.l.others[of], alike), true
}
