package scenes

import "slices"

// Blind answers questions without the picture, by what was answered most often: the baseline that a model must beat, for a good
// deal can be guessed. "Is the digit … larger than …?" has two answers, and "what is the sum …?" is 9 more often than 0.
type Blind struct {
	texts map[string]map[string]int // for each question in words, how often it had which answer
	kinds map[blindKind]map[string]int
}

// blindKind is what a question that was never heard is guessed by.
type blindKind struct {
	kind            Kind
	about, language string
}

// NewBlind returns an empty table.
func NewBlind() *Blind {
	return &Blind{texts: map[string]map[string]int{}, kinds: map[blindKind]map[string]int{}}
}

// Learn counts the answers to questions.
func (b *Blind) Learn(questions ...Question) {
	for _, q := range questions {
		increase(b.texts, q.Text, q.Answer)
		increase(b.kinds, blindKind{q.Kind, q.About, q.Language}, q.Answer)
	}
}

func increase[K comparable](counts map[K]map[string]int, key K, answer string) {
	if counts[key] == nil {
		counts[key] = map[string]int{}
	}
	counts[key][answer]++
}

// Answer guesses: the most frequent answer to the question in these words, or else to questions of its kind; "" for none.
func (b *Blind) Answer(q Question) string {
	counts, ok := b.texts[q.Text]
	if !ok {
		counts = b.kinds[blindKind{q.Kind, q.About, q.Language}]
	}
	best := ""
	for answer, n := range counts {
		if n > counts[best] || n == counts[best] && answer < best {
			best = answer
		}
	}
	return best
}

// Tally counts right answers by the kind of question.
type Tally struct {
	Kind         Kind
	Right, Total int
	Answers      int // different ones
}

// Share is the share of right answers, 0 to 1.
func (t Tally) Share() float64 { return float64(t.Right) / float64(max(t.Total, 1)) }

// Count compares answers with those of questions, by their kind, in the order of [Kinds]; kinds that do not occur are left out.
func Count(questions []Question, answers []string) []Tally {
	tallies := make([]Tally, len(Kinds()))
	different := make([]map[string]bool, len(tallies))
	for i, q := range questions {
		k := slices.Index(Kinds(), q.Kind)
		t := &tallies[k]
		t.Kind = q.Kind
		t.Total++
		if answers[i] == q.Answer {
			t.Right++
		}
		if different[k] == nil {
			different[k] = map[string]bool{}
		}
		different[k][q.Answer] = true
		t.Answers = len(different[k])
	}
	return slices.DeleteFunc(tallies, func(t Tally) bool { return t.Total == 0 })
}

// Guess learns from n questions about each of so many scenes of a set, and answers those of another one. n = 0 takes dialogues
// in place of single questions.
func Guess(train *Set, scenes, n int, test *Set) []Tally {
	ask := func(s *Set, i int) []Question {
		if n == 0 {
			return s.Dialogue(i, nil)
		}
		return s.Questions(i, n, nil)
	}
	b := NewBlind()
	for i := range min(scenes, train.Len()) {
		b.Learn(ask(train, i)...)
	}
	var questions []Question
	var answers []string
	for i := range test.Len() {
		for _, q := range ask(test, i) {
			questions, answers = append(questions, q), append(answers, b.Answer(q))
		}
	}
	return Count(questions, answers)
}
