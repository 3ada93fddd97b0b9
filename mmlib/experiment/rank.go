package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data/text"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// Ranked is an answer of a list that a model chooses from.
type Ranked struct {
	Answer         string
	Probability    float64 // among the answers of the list, in sum 1
	LogProbability float64 // among all that the model could say: of the answer's tokens and the end behind them
}

// Rank ranks a list of answers to a question, the most probable first. So ALBEF answers (Li et al. 2021, §5): what is said is one of the
// list, whatever the model would write by itself, which [Speaker.Ask] gives.
func (s *Speaker) Rank(seen *Seen, question string, among []string) ([]Ranked, error) {
	if err := s.trainedFor("answers"); err != nil {
		return nil, err
	}
	if _, _, err := s.question(question); err != nil {
		return nil, err
	}
	if err := distinct(s.model.Tokenizer, among); err != nil {
		return nil, err
	}
	session, err := s.scoring()
	if err != nil {
		return nil, err
	}
	scores, err := scoreAnswers(session, s.model, seen.tokens, []string{question}, among)
	if err != nil {
		return nil, err
	}
	return rank(among, scores[0]), nil
}

// distinct refuses lists with answers that are not known, or the same to a model.
func distinct(t text.Tokenizer, among []string) error {
	if len(among) == 0 {
		return errors.New("experiment: there are no answers to choose from: name at least one")
	}
	first := map[string]string{}
	for _, answer := range among {
		ids, err := t.Encode(answer)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return fmt.Errorf("experiment: %q among the answers to choose from is empty: leave it out", answer)
		}
		key := fmt.Sprint(ids)
		if other, ok := first[key]; ok {
			return fmt.Errorf("experiment: %q and %q among the answers to choose from are the same to the model: leave one out", other, answer)
		}
		first[key] = answer
	}
	return nil
}

// rank sorts answers by their log-probabilities:
//
//	P(answer | list) = exp(score) / Σ exp(score of each in the list)
func rank(among []string, scores []float64) []Ranked {
	list, largest, sum := make([]Ranked, len(among)), slices.Max(scores), 0.0
	for _, x := range scores {
		sum += math.Exp(x - largest)
	}
	for i, x := range scores {
		list[i] = Ranked{Answer: among[i], Probability: math.Exp(x-largest) / sum, LogProbability: x}
	}
	slices.SortStableFunc(list, func(a, b Ranked) int { return cmp.Compare(b.LogProbability, a.LogProbability) })
	return list
}

// scoreAnswers gives for each question the log-probability of each answer. seen are the tokens of the questions' pictures, one after
// another.
func scoreAnswers(s *infer.Session, m *models.Model, seen []float32, asked, among []string) ([][]float64, error) {
	f, ok := s.Func("score")
	if !ok {
		return nil, errors.New("experiment: the session has no function \"score\"")
	}
	n, width := len(asked)*len(among), len(seen)/len(asked)
	var ids, prefixes []int32
	pictures := make([]float32, 0, n*width)
	for i, question := range asked {
		for _, answer := range among {
			row, prefix, err := m.Answered(question, answer)
			if err != nil {
				return nil, err
			}
			ids, prefixes = append(ids, row...), append(prefixes, prefix)
			pictures = append(pictures, seen[i*width:(i+1)*width]...)
		}
	}
	in := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(pictures, append([]int{n}, f.In[0].Dimensions...)...),
		tensors.FromFlatDataAndDimensions(ids, n, len(ids)/n), tensors.FromFlatDataAndDimensions(prefixes, n),
	}
	out, err := s.Call("score", in...)
	for _, x := range in {
		err = errors.Join(err, x.FinalizeAll())
	}
	if err != nil {
		return nil, err
	}
	flat, err := tensors.CopyFlatData[float32](out[0])
	if err = errors.Join(err, out[0].FinalizeAll()); err != nil {
		return nil, err
	}
	scores := make([][]float64, len(asked))
	for i := range scores {
		for _, x := range flat[i*len(among) : (i+1)*len(among)] {
			scores[i] = append(scores[i], float64(x))
		}
	}
	return scores, nil
}

// listed is a set whose questions have answers of a list that is known.
type listed interface{ Answers() ([]string, error) }

// rankedQuestions is how many questions the choice from a list is measured on: each is read with every answer.
const rankedQuestions = 500

// ranking counts the questions that are answered rightly, chosen from a list and, of the same ones, written.
type ranking struct{ list, asked, chosen, written int }

// complete implements [thorough]: it measures the choice from the list of all answers that the set has.
func (a *answering) complete(ctx context.Context) error {
	l, ok := a.set.(listed)
	if !ok || a.session == nil {
		return nil
	}
	if _, ok := a.model.Func("score"); !ok {
		return nil
	}
	among, err := l.Answers()
	if err != nil {
		return err
	}
	session, err := a.session.With([]string{"score"}, batch)
	if err != nil {
		return err
	}
	const pictures = 8 // at a time
	a.ranking = &ranking{list: len(among)}
	for start := 0; start < min(len(a.asked), rankedQuestions); start += pictures * questionsEach {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.rankSome(session, among, start, min(start+pictures*questionsEach, len(a.asked))); err != nil {
			return err
		}
	}
	return nil
}

// rankSome ranks the answers to the questions from start up to end, about pictures that follow one another.
func (a *answering) rankSome(s *infer.Session, among []string, start, end int) error {
	first, n := a.example[start], a.example[end-1]-a.example[start]+1
	out, err := onPictures(a.session, "picture", n, func(dst []float32, i int) { a.set.Picture(dst, first+i, nil) })
	if err != nil {
		return err
	}
	tokens, err := tensors.CopyFlatData[float32](out)
	if err = errors.Join(err, out.FinalizeAll()); err != nil {
		return err
	}
	width := len(tokens) / n
	var seen []float32
	var asked []string
	for k := start; k < end; k++ {
		at := a.example[k] - first
		seen, asked = append(seen, tokens[at*width:(at+1)*width]...), append(asked, a.asked[k].Text)
	}
	scores, err := scoreAnswers(s, a.model, seen, asked, among)
	if err != nil {
		return err
	}
	for i, list := range scores {
		right := a.asked[start+i].Answer
		a.ranking.asked++
		if rank(among, list)[0].Answer == right {
			a.ranking.chosen++
		}
		if a.answers[start+i] == right {
			a.ranking.written++
		}
	}
	return nil
}

// figures are shares of the questions that were ranked.
func (r *ranking) figures() []Figure {
	share := func(key, name string, right int) Figure {
		return Figure{Key: key, Name: name, Unit: Share, Value: float64(right) / float64(max(r.asked, 1)), Right: right, Total: r.asked}
	}
	return []Figure{
		share("ranked_accuracy", fmt.Sprintf("chosen from %d answers", r.list), r.chosen),
		share("written_accuracy", "written, the same questions", r.written),
	}
}
