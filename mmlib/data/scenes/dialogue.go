package scenes

import (
	"fmt"
	"strconv"
)

// Rounds is the number of questions in a dialogue.
const Rounds = 10

// dialogue draws the questions of a dialogue. One opens it, by asking for a digit that its answer singles out; those that
// follow refer to that digit as "it", ask for what is not yet said of it, or go on to its neighbor, which then is "it".
func (a asker) dialogue() []Question {
	d := talk{asker: a, focus: -1}
	questions := make([]Question, 0, Rounds)
	for len(questions) < Rounds {
		ways := [...]func() (Question, bool){d.known, d.known, d.next, d.next, d.others, d.opening}
		way := ways[d.r.IntN(len(ways))]
		if d.focus < 0 {
			way = d.opening
		}
		if q, ok := way(); ok {
			q.Language = a.l.name
			questions = append(questions, q)
		}
	}
	return questions
}

// talk is what has been spoken of.
type talk struct {
	asker
	focus int                 // the cell that "it" is; -1 for none
	said  [NumAttributes]bool // of it
	place bool                // that its place was said
}

// opening counts or looks for digits. A digit that this singles out becomes "it".
func (t *talk) opening() (q Question, ok bool) {
	t.focus = -1
	var found []int
	var said [NumAttributes]bool
	if t.r.IntN(2) == 0 {
		of, v := t.anyValue()
		q, found, said[of] = t.howMany(of, v), t.having(of, v), true
	} else {
		d := t.anyDescription()
		q, found, said = t.exists(d), t.described(d), d.of
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
func (t *talk) known() (Question, bool) {
	if !t.place && t.r.IntN(NumAttributes+1) == 0 {
		t.place = true
		return Question{Kind: AskPosition, Text: t.l.whereIsIt, Answer: t.l.placeOf(t.focus, t.Grid), Cells: []int{t.focus}}, true
	}
	of := t.anyAttribute()
	if t.said[of] {
		return Question{}, false
	}
	t.said[of] = true
	return Question{
		Kind: AskReference, About: of.String(), Text: t.l.it[of], Answer: t.value(of, t.focus), Cells: []int{t.focus},
	}, true
}

// next asks for something of a neighbor, which is "it" from then on.
func (t *talk) next() (Question, bool) {
	to, of := direction(t.r.IntN(int(numDirections))), t.anyAttribute()
	beside := t.neighbor(t.focus, to)
	if beside < 0 {
		return Question{}, false
	}
	q := Question{
		Kind: AskReference, About: of.String(), Text: fmt.Sprintf(t.l.itsNeighbor[of], t.l.to[to]), Answer: t.value(of, beside),
		Cells: []int{t.focus, beside},
	}
	t.speakOf(beside)
	t.said[of] = true
	return q, true
}

// others counts the other digits that share something with "it".
func (t *talk) others() (Question, bool) {
	of := t.anyAttribute()
	n := len(t.having(of, int(t.Cells[t.focus][of]))) - 1
	return Question{Kind: AskCount, About: of.String(), Text: t.l.others[of], Answer: strconv.Itoa(n), Cells: t.all()}, true
}
