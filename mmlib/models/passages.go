package models

import (
	"math/rand/v2"

	"gomm/mmlib/data/questions"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/fusion"
	"gomm/mmlib/task"
)

// answers are questions with their answers, each a text of its own.
type answers struct{ spoken }

// Texts implements task.Written.
func (s answers) Texts(i, n int, r *rand.Rand) ([]task.Passage, error) {
	list := make([]task.Passage, n)
	asked := s.Questions(i, n, r)
	for k, turn := range turnsOf(asked) {
		ids, said, err := text.Dialogue(s.tokenizer, []text.Turn{turn})
		if err != nil {
			return nil, err
		}
		prefix := 0
		for !said[prefix] {
			prefix++
		}
		list[k] = task.Passage{IDs: ids, Say: said, Prefix: prefix, Look: looks(said, asked[k:k+1], s.counting)}
	}
	return list, nil
}

// descriptions are captions, all of which is said.
type descriptions struct{ spoken }

// Texts implements task.Written.
func (s descriptions) Texts(i, n int, r *rand.Rand) ([]task.Passage, error) {
	list := make([]task.Passage, n)
	for k := range list {
		ids, look, err := s.describe(i, r)
		if err != nil {
			return nil, err
		}
		pad, _ := s.tokenizer.Special(text.Pad)
		say := make([]bool, len(ids))
		for at, id := range ids {
			say[at] = at > 0 && id != pad
		}
		list[k] = task.Passage{IDs: ids, Say: say, Prefix: 1, Look: look}
	}
	return list, nil
}

// dialogues are questions that follow one another, with their answers, which are said. Rounds that do not fit are left out.
type dialogues struct{ spoken }

// Texts implements task.Written.
func (s dialogues) Texts(i, n int, r *rand.Rand) ([]task.Passage, error) {
	list := make([]task.Passage, n)
	for k := range list {
		asked := s.Dialogue(i, r)
		for turns := turnsOf(asked); ; turns = turns[:len(turns)-1] {
			ids, said, err := text.Dialogue(s.tokenizer, turns)
			if err != nil {
				return nil, err
			}
			if len(ids) <= s.dialogue {
				list[k] = task.Passage{IDs: ids, Say: said, Prefix: 1, Look: looks(said, asked, s.counting)}
				break
			}
		}
	}
	return list, nil
}

// looks are the cells from which each token of the answers is read. With counting a count is read from what is counted and the class
// token, and otherwise from all cells.
func looks(said []bool, asked []questions.Question, counting bool) [][]int {
	list, turn := make([][]int, len(said)), -1
	for i, say := range said {
		if say && !said[i-1] {
			turn++
		}
		switch {
		case say && counting && asked[turn].Counted != nil:
			list[i] = append([]int{fusion.ClassToken}, asked[turn].Counted...)
		case say:
			list[i] = asked[turn].Cells
		}
	}
	return list
}

func turnsOf(asked []questions.Question) []text.Turn {
	turns := make([]text.Turn, len(asked))
	for i, q := range asked {
		turns[i] = text.Turn{Question: q.Text, Answer: q.Answer}
	}
	return turns
}
