package experiment

import (
	"context"
	"errors"
	"image"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data"
	"gomm/mmlib/data/questions"
	"gomm/mmlib/data/text"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// questioned is what the measure of answers needs of a set.
type questioned interface {
	data.Set
	Picture(dst []float32, i int, r *rand.Rand)
	Original(i int) image.Image
	Questions(i, n int, r *rand.Rand) []questions.Question
	Blind() *questions.Blind // taught by the training split
}

// questionsEach is how many questions about each example are measured.
const questionsEach = 4

func acceptsAnswers(m *models.Model, set data.Set) error {
	s, ok := set.(questioned)
	if !ok {
		return errors.New("experiment: the examples have no questions, by which a model that answers them is measured")
	}
	for _, q := range s.Questions(0, questionsEach, nil) {
		if _, _, err := m.Question(q.Text); err != nil {
			return err
		}
	}
	return nil
}

// answering is the result of measuring answers.
type answering struct {
	set     pictured
	asked   []questions.Question
	example []int // of the set, that each question is about
	answers []string
	blind   []string
	ranking *ranking // of some of the questions; nil where there is no list of answers, and in training

	// For where the model looks as it answers; nil for dialogues.
	session  session
	model    *models.Model
	speaking *Speaker
}

// add adds a question about an example with the model's answer and that of the blind table.
func (a *answering) add(example int, q questions.Question, answer, blind string) {
	a.asked, a.example = append(a.asked, q), append(a.example, example)
	a.answers, a.blind = append(a.answers, answer), append(a.blind, blind)
}

// measureAnswers measures by the share of questions that are answered word for word.
func measureAnswers(_ context.Context, s *infer.Session, m *models.Model, set data.Set) (Result, error) {
	pictures, ok := set.(questioned)
	if !ok {
		return nil, acceptsAnswers(m, set)
	}
	a := &answering{set: pictures, session: s, model: m}
	blind := pictures.Blind()
	for start := 0; start < set.Len(); start += batch {
		n := min(batch, set.Len()-start)
		var asked []questions.Question
		for i := range n {
			asked = append(asked, pictures.Questions(start+i, questionsEach, nil)...)
		}
		answers, err := answerBatch(s, m, n, func(dst []float32, i int) { pictures.Picture(dst, start+i, nil) }, asked)
		if err != nil {
			return nil, err
		}
		for k, q := range asked {
			a.add(start+k/questionsEach, q, answers[k], blind.Answer(q))
		}
	}
	return a, nil
}

// answerBatch answers the questions about n pictures, as many about each, one after another.
func answerBatch(s *infer.Session, m *models.Model, n int, picture func(dst []float32, i int), asked []questions.Question) (
	[]string, error) {
	out, err := onPictures(s, "picture", n, picture)
	if err != nil {
		return nil, err
	}
	seen, err := tensors.CopyFlatData[float32](out)
	if err = errors.Join(err, out.FinalizeAll()); err != nil {
		return nil, err
	}
	width, each := len(seen)/n, len(asked)/n
	var ids, prefixes []int32
	tokens := make([]float32, 0, len(asked)*width)
	for k, q := range asked {
		row, prefix, err := m.Question(q.Text)
		if err != nil {
			return nil, err
		}
		ids, prefixes = append(ids, row...), append(prefixes, prefix)
		tokens = append(tokens, seen[k/each*width:(k/each+1)*width]...)
	}
	return answerTokens(s, m.Tokenizer, tokens, ids, prefixes)
}

// answerTokens answers questions in ids about pictures' tokens: it takes the most probable token, again and again, until the end or
// until there is no room. ids are changed.
func answerTokens(s *infer.Session, t text.Tokenizer, tokens []float32, ids, prefixes []int32) ([]string, error) {
	f, ok := s.Func("next")
	if !ok {
		return nil, errors.New("experiment: the session has no function \"next\"")
	}
	n, length := len(prefixes), f.In[1].Dim(0)
	end, _ := t.Special(text.End)
	about := tensors.FromFlatDataAndDimensions(tokens, append([]int{n}, f.In[0].Dimensions...)...)
	prefix := tensors.FromFlatDataAndDimensions(prefixes, n)
	said, done := make([][]int32, n), make([]bool, n)
	var err error
	for slices.Contains(done, false) && err == nil {
		var next []int32
		if next, err = nextTokens(s, about, tensors.FromFlatDataAndDimensions(slices.Clone(ids), n, length), prefix); err != nil {
			break
		}
		for i := range n {
			if done[i] {
				continue
			}
			at := int(prefixes[i]) + len(said[i])
			token := next[i*length+at-1]
			if done[i] = token == end || at >= length; done[i] {
				continue
			}
			said[i], ids[i*length+at] = append(said[i], token), token
		}
	}
	if err = errors.Join(err, about.FinalizeAll(), prefix.FinalizeAll()); err != nil {
		return nil, err
	}
	answers := make([]string, n)
	for i, row := range said {
		answers[i] = t.Decode(row)
	}
	return answers, nil
}

// nextTokens calls the function "next"; it finalizes ids.
func nextTokens(s *infer.Session, about, ids, prefix *tensors.Tensor) ([]int32, error) {
	out, err := s.Call("next", about, ids, prefix)
	if err = errors.Join(err, ids.FinalizeAll()); err != nil {
		return nil, err
	}
	next, err := tensors.CopyFlatData[int32](out[0])
	return next, errors.Join(err, out[0].FinalizeAll())
}

// Figures implements [Result].
func (a *answering) Figures() []Figure {
	figure := func(key, name string, answers []string) Figure {
		f := Figure{Key: key, Name: name, Unit: Share}
		for _, t := range questions.Count(a.asked, answers) {
			f.Parts = append(f.Parts, Part{Name: t.Kind, Right: t.Right, Total: t.Total})
			f.Right, f.Total = f.Right+t.Right, f.Total+t.Total
		}
		f.Value = float64(f.Right) / float64(max(f.Total, 1))
		return f
	}
	figures := []Figure{figure("accuracy", "answers", a.answers), figure("blind_accuracy", "without the picture", a.blind)}
	for _, p := range figures[0].Parts {
		figures = append(figures, Figure{Key: "accuracy_" + p.Name, Value: float64(p.Right) / float64(p.Total), Unit: Share})
	}
	for _, t := range questions.CountAbout(a.asked, a.answers) {
		figures = append(figures, Figure{Key: "accuracy_" + t.Kind + "_" + t.About, Value: t.Share(), Unit: Share, Detail: true})
	}
	if a.ranking != nil {
		figures = append(figures, a.ranking.figures()...)
	}
	return figures
}
