package questions

import (
	"cmp"
	"slices"
)

// Blind answers questions without the picture, by what was answered most often: the baseline that a model must beat, for a good
// deal can be guessed. "Is the digit … larger than …?" has two answers, and "what is the sum …?" is 9 more often than 0.
type Blind struct {
	texts map[string]map[string]int // for each question in words, how often it had which answer
	kinds map[blindKind]map[string]int
}

// blindKind is what a question that was never heard is guessed by.
type blindKind struct {
	kind, about, language string
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

// Tally counts right answers to a group of questions.
type Tally struct {
	Kind, About  string // as in Question; About is "" where all of a kind are counted
	Right, Total int
	Answers      int // different ones
}

// Share is the share of right answers, 0 to 1.
func (t Tally) Share() float64 { return float64(t.Right) / float64(max(t.Total, 1)) }

// Count compares answers with those of questions, by their kind, in alphabetical order.
func Count(asked []Question, answers []string) []Tally {
	return count(asked, answers, func(q Question) (Tally, bool) { return Tally{Kind: q.Kind}, true })
}

// CountAbout is [Count] by kind and attribute, of the questions that are about one.
func CountAbout(asked []Question, answers []string) []Tally {
	return count(asked, answers, func(q Question) (Tally, bool) { return Tally{Kind: q.Kind, About: q.About}, q.About != "" })
}

// count compares answers by the groups that group puts questions in; it leaves out those of which it is false.
func count(asked []Question, answers []string, group func(Question) (Tally, bool)) []Tally {
	tallies := map[Tally]*Tally{}
	different := map[Tally]map[string]bool{}
	for i, q := range asked {
		key, ok := group(q)
		if !ok {
			continue
		}
		t := tallies[key]
		if t == nil {
			t = &Tally{Kind: key.Kind, About: key.About}
			tallies[key], different[key] = t, map[string]bool{}
		}
		t.Total++
		if answers[i] == q.Answer {
			t.Right++
		}
		different[key][q.Answer] = true
		t.Answers = len(different[key])
	}
	list := make([]Tally, 0, len(tallies))
	for _, t := range tallies {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Tally) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.About, b.About)) })
	return list
}
