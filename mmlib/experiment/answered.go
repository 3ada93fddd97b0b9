package experiment

import (
	"fmt"
	"strings"

	"gomm/mmlib/data/questions"
	"gomm/mmlib/report"
)

// Sections implements [Result].
func (a *answering) Sections() ([]report.Section, error) {
	sections := []report.Section{a.byKind()}
	for _, s := range []struct {
		title string
		right bool
	}{{"Right answers", true}, {"Wrong answers", false}} {
		section, err := a.shown(s.title, s.right)
		if err != nil {
			return nil, err
		}
		sections = append(sections, section)
	}
	return sections, nil
}

// byKind is a table of the kinds of questions, and within a kind of the attributes that are asked for.
func (a *answering) byKind() report.Section {
	rows := [][]string{}
	row := func(name string, seeing, blind questions.Tally) {
		rows = append(rows, []string{
			name, fmt.Sprint(seeing.Total), percent(seeing.Right, seeing.Total), percent(blind.Right, blind.Total),
		})
	}
	var seeing, blind questions.Tally
	about, aboutBlind := questions.CountAbout(a.asked, a.answers), questions.CountAbout(a.asked, a.blind)
	kindsBlind := questions.Count(a.asked, a.blind)
	for i, kind := range questions.Count(a.asked, a.answers) {
		row(kind.Kind, kind, kindsBlind[i])
		seeing.Right, seeing.Total = seeing.Right+kind.Right, seeing.Total+kind.Total
		blind.Right, blind.Total = blind.Right+kindsBlind[i].Right, blind.Total+kindsBlind[i].Total
		for k, t := range about {
			if t.Kind == kind.Kind && t.Total < kind.Total {
				row("– "+t.About, t, aboutBlind[k])
			}
		}
	}
	row("all", seeing, blind)
	return report.Section{
		Title: "Answers by kind of question",
		Text:  "Without the picture the most frequent answer of the training split is given to a question: what is above that was seen.",
		Blocks: []report.Block{
			report.Table{Columns: []string{"question", "asked", "right", "right without the picture"}, Rows: rows},
		},
	}
}

func percent(right, total int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(right)/float64(max(total, 1)))
}

// shown are the first right or wrong answers, no two about the same picture, with where the model looked.
func (a *answering) shown(title string, right bool) (report.Section, error) {
	const most = 8
	section := report.Section{Title: title, Empty: "There are none."}
	var g report.Gallery
	last := -1
	for k, q := range a.asked {
		if len(g.Pictures) == most {
			break
		}
		if a.example[k] == last || (a.answers[k] == q.Answer) != right {
			continue
		}
		last = a.example[k]
		p := report.Picture{Image: a.set.Original(last), Caption: q.Text, Note: a.answers[k]}
		if !right {
			p.Note += "; it is " + q.Answer
		}
		var err error
		if p.Weights, err = a.looked(last, q.Text); err != nil {
			return section, err
		}
		g.Pictures = append(g.Pictures, p)
	}
	if len(g.Pictures) > 0 {
		section.Blocks = []report.Block{g}
	}
	if a.session != nil {
		section.Text = "What glows is where the last block looks as the answer begins."
	}
	return section, nil
}

// looked is where the model looks as it begins to answer; nil where that is not known.
func (a *answering) looked(example int, question string) ([][]float64, error) {
	if a.session == nil {
		return nil, nil
	}
	s, err := a.speaker()
	if err != nil {
		return nil, err
	}
	seen, err := s.See(a.set.Original(example))
	if err != nil {
		return nil, err
	}
	looks, err := s.LookAtQuestion(seen, question)
	if err != nil {
		return nil, err
	}
	for _, look := range looks {
		if strings.HasPrefix(look.Word, answerBegins) {
			return look.Weights, nil
		}
	}
	return nil, nil
}

// speaker looks at questions; it is compiled once.
func (a *answering) speaker() (*Speaker, error) {
	if a.speaking == nil {
		s, err := a.session.With([]string{"picture"}, 1)
		if err != nil {
			return nil, err
		}
		a.speaking = newSpeaker(a.model, s)
	}
	return a.speaking, nil
}
