package scenes

import (
	"fmt"
	"strings"

	"gomm/mmlib/data/questions"
)

// Record is a scene in words, for programs other than ours: what an export writes as a line of JSON.
type Record struct {
	Grid      int                  `json:"grid"`
	Cells     []map[string]string  `json:"cells"`    // attribute to value, in English, row by row
	Captions  []string             `json:"captions"` // all there are
	Questions []questions.Question `json:"questions"`
	Dialogue  []questions.Question `json:"dialogue"`
}

// String is the record for people: a line for each thing that is said.
func (r Record) String() string {
	var b strings.Builder
	for _, c := range r.Captions {
		fmt.Fprintf(&b, "  %s\n", c)
	}
	for _, part := range []struct {
		title string
		asked []questions.Question
	}{{"questions", r.Questions}, {"dialogue", r.Dialogue}} {
		fmt.Fprintf(&b, "  %s\n", part.title)
		for _, q := range part.asked {
			fmt.Fprintf(&b, "    %s %s\n", q.Text, q.Answer)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// questionsExported is how many questions a record has.
const questionsExported = 10

// Record describes scene i.
func (s *Set) Record(i int) any {
	scene := s.Scene(i)
	r := Record{
		Grid: scene.Grid, Captions: s.Captions(i), Questions: s.Questions(i, questionsExported, nil), Dialogue: s.Dialogue(i, nil),
	}
	for _, c := range scene.Cells {
		cell := map[string]string{}
		for a := range Attribute(NumAttributes) {
			cell[a.String()] = a.Value(int(c[a]))
		}
		r.Cells = append(r.Cells, cell)
	}
	return r
}

// FilmRecord is a film in words.
type FilmRecord struct {
	Digits  []Mover `json:"digits"`
	Caption string  `json:"caption"`
}

// String is the record for people.
func (r FilmRecord) String() string { return "  " + r.Caption }

// Record describes film i.
func (f *Films) Record(i int) any { return FilmRecord{Digits: f.Movers(i), Caption: f.Caption(i, nil)} }
