package experiment

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"gomm/mmlib/data/text"
	"gomm/mmlib/infer"
	"gomm/mmlib/models"
)

// Speaker is a model that answers questions about pictures, describes them or holds a conversation about them, ready for use. It is
// safe for concurrent use.
type Speaker struct {
	model   *models.Model
	session *infer.Session
	looking func() (*infer.Session, error) // for where it looks, compiled when that is first asked
	scoring func() (*infer.Session, error) // …, for how probable answers are
}

// NewSpeaker compiles the functions that a model speaks by.
func NewSpeaker(b compute.Backend, m *models.Model) (*Speaker, error) {
	names := []string{"picture", "next"}
	if _, ok := m.Func("step"); ok { // it writes token by token
		names = []string{"picture", "memory", "step"}
	}
	for _, name := range names {
		if _, ok := m.Func(name); !ok {
			return nil, fmt.Errorf("experiment: a %s does not speak about pictures: use a run of a vqa, a captioner or a dialogue", m.Settings.Kind)
		}
	}
	s, err := infer.Open(b, m, names, 1)
	if err != nil {
		return nil, err
	}
	return newSpeaker(m, s), nil
}

func newSpeaker(m *models.Model, s *infer.Session) *Speaker {
	const answers = 32 // of a list, at a time
	once := func(name string, size int) func() (*infer.Session, error) {
		return sync.OnceValues(func() (*infer.Session, error) { return s.With([]string{name}, size) })
	}
	return &Speaker{m, s, once("look", 1), once("score", answers)}
}

// Seen is a picture that a model has looked at.
type Seen struct {
	Picture image.Image // as the model got it
	tokens  []float32
}

// See looks at a picture.
func (s *Speaker) See(img image.Image) (*Seen, error) {
	f, _ := s.session.Func("picture")
	pixels := make([]float32, f.In[0].Size())
	if err := s.model.Preprocess.Apply(pixels, img); err != nil {
		return nil, err
	}
	return s.seePixels(pixels)
}

// Load looks at a picture file.
func (s *Speaker) Load(file string) (*Seen, error) {
	pixels, err := s.model.Preprocess.Load(file)
	if err != nil {
		return nil, err
	}
	return s.seePixels(pixels)
}

func (s *Speaker) seePixels(pixels []float32) (*Seen, error) {
	tokens, err := infer.Call(s.session, "picture", 1, pixels)
	if err != nil {
		return nil, err
	}
	return &Seen{view(pixels, s.model.Preprocess), tokens}, nil
}

// Ask answers a question.
func (s *Speaker) Ask(seen *Seen, question string) (string, error) {
	if err := s.trainedFor("answers"); err != nil {
		return "", err
	}
	ids, prefix, err := s.question(question)
	if err != nil {
		return "", err
	}
	if _, ok := s.session.Func("step"); ok { // it reads a question as it writes, token by token
		return s.write(context.Background(), seen, ids[:prefix], infer.Sampling{}, nil)
	}
	answers, err := answerTokens(s.session, s.model.Tokenizer, seen.tokens, ids, []int32{prefix})
	if err != nil {
		return "", err
	}
	return answers[0], nil
}

func (s *Speaker) question(question string) (ids []int32, prefix int32, err error) {
	if strings.TrimSpace(question) == "" {
		return nil, 0, errors.New("experiment: the question is empty")
	}
	return s.model.Question(question)
}

// Caption describes a picture. each, unless nil, receives what is written as it grows; see infer.Generate.
func (s *Speaker) Caption(ctx context.Context, seen *Seen, o infer.Sampling, each func(soFar string) bool) (string, error) {
	if err := s.trainedFor("captions"); err != nil {
		return "", err
	}
	start, _ := s.model.Tokenizer.Special(text.Start)
	return s.write(ctx, seen, []int32{start}, o, each)
}

// trainedFor refuses what the model is not measured by: "answers", "captions" or "dialogues".
func (s *Speaker) trainedFor(what string) error {
	k, err := models.Lookup(s.model.Settings.Kind)
	if err != nil {
		return err
	}
	if k.Measure != what {
		return fmt.Errorf("experiment: a %s is trained for %s, not for %s: use a run that is", s.model.Settings.Kind, k.Measure, what)
	}
	return nil
}

// write goes on from a prompt.
func (s *Speaker) write(ctx context.Context, seen *Seen, prompt []int32, o infer.Sampling, each func(soFar string) bool) (string, error) {
	w, ok := s.model.Predictor.(writer)
	if !ok {
		return "", fmt.Errorf("experiment: a %s does not write", s.model.Settings.Kind)
	}
	f, _ := s.session.Func("memory")
	about := tensors.FromFlatDataAndDimensions(seen.tokens, append([]int{1}, f.In[0].Dimensions...)...)
	var soFar []int32
	var tell func([]int32) bool
	if each != nil {
		tell = func(tokens []int32) bool {
			soFar = append(soFar, tokens...)
			return each(s.model.Tokenizer.Decode(soFar))
		}
	}
	written, err := infer.Generate(ctx, s.session, w.Decoder(), []*tensors.Tensor{about}, [][]int32{prompt}, o, tell)
	if err = errors.Join(err, about.FinalizeAll()); err != nil {
		return "", err
	}
	return s.model.Tokenizer.Decode(written[0]), nil
}

// Conversation is a dialogue about a picture. Its methods must not be called concurrently.
type Conversation struct {
	speaker *Speaker
	seen    *Seen
	turns   []text.Turn
	most    int // tokens of turns and question
}

// Converse begins a conversation about a picture.
func (s *Speaker) Converse(seen *Seen) (*Conversation, error) {
	if err := s.trainedFor("dialogues"); err != nil {
		return nil, err
	}
	w, ok := s.model.Predictor.(writer)
	if !ok {
		return nil, fmt.Errorf("experiment: a %s does not write", s.model.Settings.Kind)
	}
	return &Conversation{speaker: s, seen: seen, most: w.Decoder().Length - answerRoom}, nil
}

// answerRoom is kept free for an answer, in tokens.
const answerRoom = 8

// Turns are the questions so far with their answers.
func (c *Conversation) Turns() []text.Turn { return c.turns }

// Ask answers a question in the light of those before. When the model has no room for all of them, the oldest are forgotten, and
// forgotten says how many.
func (c *Conversation) Ask(ctx context.Context, question string, each func(soFar string) bool) (answer string, forgotten int, err error) {
	if strings.TrimSpace(question) == "" {
		return "", 0, errors.New("experiment: the question is empty")
	}
	for {
		ids, err := text.Ask(c.speaker.model.Tokenizer, c.turns, question)
		if err != nil {
			return "", forgotten, err
		}
		if len(ids) > c.most {
			if len(c.turns) == 0 {
				return "", 0, fmt.Errorf("experiment: the question has %d tokens, and the model reads at most %d: shorten it", len(ids), c.most)
			}
			c.turns, forgotten = c.turns[1:], forgotten+1
			continue
		}
		answer, err := c.speaker.write(ctx, c.seen, ids, infer.Sampling{}, each)
		if err != nil {
			return "", forgotten, err
		}
		c.turns = append(c.turns, text.Turn{Question: question, Answer: answer})
		return answer, forgotten, nil
	}
}
