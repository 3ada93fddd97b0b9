package questions_test

import (
	"fmt"
	"slices"
	"testing"

	"gomm/mmlib/data/questions"
)

// A table of answers knows that most digits are not on fire, and no more.
func ExampleBlind() {
	b := questions.NewBlind()
	for _, answer := range []string{"no", "no", "yes"} {
		b.Learn(questions.Question{Kind: "existence", Text: "is it on fire?", Answer: answer})
	}
	fmt.Println(b.Answer(questions.Question{Kind: "existence", Text: "is it on fire?"}))
	// Output: no
}

func TestBlind(t *testing.T) {
	b := questions.NewBlind()
	ask := func(kind, text, answer string) questions.Question {
		return questions.Question{Kind: kind, About: "color", Language: "en", Text: text, Answer: answer}
	}
	b.Learn(ask("a", "x?", "red"), ask("a", "x?", "blue"), ask("a", "y?", "blue"), ask("b", "z?", "7"))
	for _, c := range []struct{ kind, text, want string }{
		{"a", "x?", "blue"},   // a tie: the first in the alphabet
		{"a", "y?", "blue"},   // heard
		{"a", "new?", "blue"}, // the most frequent of its kind
		{"b", "new?", "7"},
		{"c", "new?", ""}, // of a kind that was never heard
	} {
		if got := b.Answer(ask(c.kind, c.text, "")); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.kind, c.text, got, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	asked := []questions.Question{{Kind: "b", Answer: "1"}, {Kind: "a", Answer: "2"}, {Kind: "b", Answer: "1"}, {Kind: "b", Answer: "3"}}
	got := questions.Count(asked, []string{"1", "x", "3", "3"})
	want := []questions.Tally{{Kind: "a", Right: 0, Total: 1, Answers: 1}, {Kind: "b", Right: 2, Total: 3, Answers: 2}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if s := got[1].Share(); s < 0.66 || s > 0.67 {
		t.Errorf("share %g", s)
	}
}

// TestCountAbout: a question that is about no attribute is in no group.
func TestCountAbout(t *testing.T) {
	asked := []questions.Question{
		{Kind: "b", About: "y", Answer: "1"}, {Kind: "b", About: "x", Answer: "2"}, {Kind: "a", Answer: "3"},
		{Kind: "b", About: "y", Answer: "4"},
	}
	got := questions.CountAbout(asked, []string{"1", "0", "3", "0"})
	want := []questions.Tally{
		{Kind: "b", About: "x", Right: 0, Total: 1, Answers: 1}, {Kind: "b", About: "y", Right: 1, Total: 2, Answers: 2},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
