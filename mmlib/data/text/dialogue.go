package text

import "fmt"

// Turn is a question with its answer.
type Turn struct{ Question, Answer string }

// Dialogue encodes turns as one sequence, in which the mask stands before each answer and an end behind it:
//
//	start question mask answer end question mask answer end …
//
// said marks the tokens of the answers with their ends: what a model that answers is to say itself. The tokenizer must have [Start],
// [End] and [Mask].
func Dialogue(t Tokenizer, turns []Turn) (ids []int32, said []bool, err error) {
	start, hasStart := t.Special(Start)
	end, hasEnd := t.Special(End)
	mask, hasMask := t.Special(Mask)
	if !hasStart || !hasEnd || !hasMask {
		return nil, nil, fmt.Errorf("text: a dialogue needs a tokenizer with the special tokens %q, %q and %q", Start, End, Mask)
	}
	ids, said = []int32{start}, []bool{false}
	for _, turn := range turns {
		question, err := t.Encode(turn.Question)
		if err != nil {
			return nil, nil, err
		}
		answer, err := t.Encode(turn.Answer)
		if err != nil {
			return nil, nil, err
		}
		ids = append(append(append(append(ids, question...), mask), answer...), end)
		for range len(question) + 1 {
			said = append(said, false)
		}
		for range len(answer) + 1 {
			said = append(said, true)
		}
	}
	return ids, said, nil
}

// Ask encodes turns and a question that is to be answered next.
func Ask(t Tokenizer, turns []Turn, question string) ([]int32, error) {
	ids, _, err := Dialogue(t, turns)
	if err != nil {
		return nil, err
	}
	asked, err := t.Encode(question)
	if err != nil {
		return nil, err
	}
	mask, _ := t.Special(Mask)
	return append(append(ids, asked...), mask), nil
}
