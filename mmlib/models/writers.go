package models

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/questions"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/fusion"
)

// writing is what the rows of models that write differ in.
type writing struct {
	label, about, measure string
	each, steps, batch    int      // texts about each picture; training steps; pictures in a batch
	counts                bool     // there are questions that count
	prefix                bool     // what is given is read as a whole
	gray                  bool     // there are texts about gray scenes
	length                int      // of texts about the preset's scenes, in tokens
	grounding             float64  // weight of looking where an answer is read
	kinds                 []string // of questions in training; see scenes.Source
	texts                 func(spoken) (fusion.Written, int)
}

func vqaKind() Kind {
	return writing{
		label: "VQA", about: "answers to questions about pictures, from a pretrained fusion", measure: "answers",
		each: 4, steps: 5000, batch: 32, counts: true, prefix: true, gray: true, length: 24, grounding: 0.5,
		kinds: append(scenes.Kinds(), scenes.AskComparison, scenes.AskComparison), // which are learnt last
		texts: func(s spoken) (fusion.Written, int) { return answers{s}, s.question + s.answer },
	}.kind()
}

func captionerKind() Kind {
	return writing{
		label: "captioner", about: "captions of pictures, from a pretrained fusion", measure: "captions",
		each: 1, steps: 1000, batch: 64, length: 46, grounding: 0.5,
		texts: func(s spoken) (fusion.Written, int) { return descriptions{s}, s.caption },
	}.kind()
}

func dialogueKind() Kind {
	return writing{
		label: "dialogue", about: "dialogues about pictures, from a pretrained fusion or a vqa", measure: "dialogues", each: 1, steps: 1500,
		batch: 32, counts: true, length: 176, grounding: 0.5,
		texts: func(s spoken) (fusion.Written, int) { return dialogues{s}, s.dialogue },
	}.kind()
}

func (w writing) kind() Kind {
	return Kind{
		About:   w.about,
		Trained: Finetuned,
		Presets: map[string]func() Settings{
			"scenes": func() Settings {
				source, training := sceneSource(2), sceneTraining(w.steps)
				source.Kinds, training.BatchSize = slices.Clone(w.kinds), w.batch
				return Settings{
					Data: source, Training: training,
					Model: &fusion.WriterConfig{
						Config: fusion.Scenes(2), Length: w.length, Texts: w.each, Prefix: w.prefix, Classification: 0.5, Regions: sceneRegions(2),
						Grounding: w.grounding,
					},
				}
			},
		},
		Default: "scenes",
		Config:  func() Config { return new(fusion.WriterConfig) },
		Train:   w.train,
		Open: func(s Settings, files Files, weights *model.Store) (*Model, error) {
			p := &fusion.Writer{Config: *s.Model.(*fusion.WriterConfig), Weights: weights}
			return NewModel(p, s, files, TokenizerFile, PreprocessFile)
		},
		Begin:    w.begin,
		Keep:     func(*model.Store) error { return nil },
		Inherits: []string{PreprocessFile, TokenizerFile},
		Label:    func(Settings) string { return w.label },
		Measure:  w.measure,
	}
}

func (w writing) train(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*fusion.WriterConfig)
	if err := colored(s.Data, w.gray); err != nil {
		return nil, err
	}
	if config.Counting && !w.counts {
		return nil, fmt.Errorf("models: model.counting is true, and a %s is asked for no counts: leave it out", w.label)
	}
	splits, set, err := loadSpoken(ctx, s, files, o, &config.Config)
	if err != nil {
		return nil, err
	}
	set.counting = config.Counting
	texts, length := w.texts(set)
	config.Length = length - 1 // the last token is said and not read
	s.Model = &config
	t, err := fusion.NewWriting(config, texts)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

// begin takes over the size and the data set of a pretrained model, or of another that writes.
func (w writing) begin(s *Settings, from Settings) error {
	c := s.Model.(*fusion.WriterConfig)
	switch before := from.Model.(type) {
	case *fusion.PretrainingConfig:
		c.Config, c.Regions = before.Config, before.Regions
	case *fusion.WriterConfig:
		c.Config, c.Regions = before.Config, before.Regions
	default:
		return fmt.Errorf("models: it holds a %s: a %s starts from a pretrained fusion, or from another model that writes", from.Kind, w.label)
	}
	s.Data = from.Data
	if source, ok := s.Data.(*scenes.Source); ok {
		source.Shuffle = false // a caption that is written has an order to keep to
		if !w.gray {
			source.Gray = 0
		}
		if len(source.Kinds) == 0 {
			source.Kinds = slices.Clone(w.kinds)
		}
	}
	return nil
}

// answers are questions with their answers, each a text of its own.
type answers struct{ spoken }

// Texts implements fusion.Written.
func (s answers) Texts(i, n int, r *rand.Rand) ([]fusion.Passage, error) {
	list := make([]fusion.Passage, n)
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
		list[k] = fusion.Passage{IDs: ids, Say: said, Prefix: prefix, Look: looks(said, asked[k:k+1], s.counting)}
	}
	return list, nil
}

// descriptions are captions, all of which is said.
type descriptions struct{ spoken }

// Texts implements fusion.Written.
func (s descriptions) Texts(i, n int, r *rand.Rand) ([]fusion.Passage, error) {
	list := make([]fusion.Passage, n)
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
		list[k] = fusion.Passage{IDs: ids, Say: say, Prefix: 1, Look: look}
	}
	return list, nil
}

// dialogues are questions that follow one another, with their answers, which are said. Rounds that do not fit are left out.
type dialogues struct{ spoken }

// Texts implements fusion.Written.
func (s dialogues) Texts(i, n int, r *rand.Rand) ([]fusion.Passage, error) {
	list := make([]fusion.Passage, n)
	for k := range list {
		asked := s.Dialogue(i, r)
		for turns := turnsOf(asked); ; turns = turns[:len(turns)-1] {
			ids, said, err := text.Dialogue(s.tokenizer, turns)
			if err != nil {
				return nil, err
			}
			if len(ids) <= s.dialogue {
				list[k] = fusion.Passage{IDs: ids, Say: said, Prefix: 1, Look: looks(said, asked, s.counting)}
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
