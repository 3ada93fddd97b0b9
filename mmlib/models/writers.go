package models

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/models/fusion"
	"gomm/mmlib/task"
)

// writing is what the rows of models that write differ in, whatever their architecture.
type writing struct {
	name, label, about, measure string
	each, steps, batch          int      // texts about each picture; training steps; pictures in a batch
	counts                      bool     // there are questions that count
	prefix                      bool     // what is given is read as a whole, where the architecture does that
	gray                        bool     // there are texts about gray scenes
	length                      int      // of texts about the preset's scenes, in tokens
	grounding                   float64  // weight of looking where an answer is read
	kinds                       []string // of questions in training; see scenes.Source
	texts                       func(spoken) (task.Written, int)
}

// architecture is a model that writes, by a paper: what all rows of it share.
type architecture struct {
	before string // stands before the names of its rows
	label  string // …, before their labels
	from   string // what it begins from, for people

	config func() Config                 // a new one
	scenes func(w writing) Config        // the preset for scenes
	fill   func(Config) (Config, filled) // a copy, and what of it the data decide
	begin  func(c, from Config) bool     // takes over what it can of the settings that it begins from; false: nothing
	keep   func(*model.Store) error      // see Kind.Keep
	task   func(Config, task.Written) (task.Task, error)
	open   func(Config, *model.Store) task.Predictor
}

// filled is what the data decide of the settings of a model that writes.
type filled struct {
	reading
	length   *int
	counting bool
}

// answerers answer questions, describers write captions, talkers hold dialogues.
func answerers() writing {
	return writing{
		name: "vqa", label: "VQA", about: "answers to questions about pictures", measure: "answers",
		each: 4, steps: 5000, batch: 32, counts: true, prefix: true, gray: true, length: 24, grounding: 0.5,
		kinds: append(scenes.Kinds(), scenes.AskComparison, scenes.AskComparison), // which are learnt last
		texts: func(s spoken) (task.Written, int) { return answers{s}, s.question + s.answer },
	}
}

func describers() writing {
	return writing{
		name: "captioner", label: "captioner", about: "captions of pictures", measure: "captions",
		each: 1, steps: 1000, batch: 64, length: 46, grounding: 0.5,
		texts: func(s spoken) (task.Written, int) { return descriptions{s}, s.caption },
	}
}

func talkers() writing {
	return writing{
		name: "dialogue", label: "dialogue", about: "dialogues about pictures", measure: "dialogues", each: 1, steps: 1500,
		batch: 32, counts: true, length: 176, grounding: 0.5,
		texts: func(s spoken) (task.Written, int) { return dialogues{s}, s.dialogue },
	}
}

// writerKinds are the rows of models that write, by name: of each architecture one for each of the tasks.
func writerKinds() map[string]Kind {
	kinds := map[string]Kind{}
	for _, a := range []architecture{fused(), embodied()} {
		for _, w := range []writing{answerers(), describers(), talkers()} {
			kinds[a.before+w.name] = w.kind(a)
		}
	}
	return kinds
}

// fused are the models of package fusion.
func fused() architecture {
	return architecture{
		from:   "from a pretrained fusion",
		config: func() Config { return new(fusion.WriterConfig) },
		scenes: func(w writing) Config {
			c := &fusion.WriterConfig{Config: fusion.Scenes(2), Length: w.length, Texts: w.each, Prefix: w.prefix}
			c.Classification, c.Regions, c.Grounding = 0.5, sceneRegions(2), w.grounding
			return c
		},
		fill: func(s Config) (Config, filled) {
			c := *s.(*fusion.WriterConfig)
			return &c, filled{fusionReading(&c.Config), &c.Length, c.Counting}
		},
		begin: func(s, from Config) bool {
			c := s.(*fusion.WriterConfig)
			switch before := from.(type) {
			case *fusion.PretrainingConfig:
				c.Config, c.Regions = before.Config, before.Regions
			case *fusion.WriterConfig:
				c.Config, c.Regions = before.Config, before.Regions
			default:
				return false
			}
			return true
		},
		keep: func(*model.Store) error { return nil },
		task: func(c Config, texts task.Written) (task.Task, error) {
			return fusion.NewWriting(*c.(*fusion.WriterConfig), texts)
		},
		open: func(c Config, weights *model.Store) task.Predictor {
			return &fusion.Writer{Config: *c.(*fusion.WriterConfig), Weights: weights}
		},
	}
}

func (w writing) kind(a architecture) Kind {
	also := ""
	if w.name == "dialogue" {
		also = " or a " + a.before + "vqa"
	}
	return Kind{
		About:   w.about + ", " + a.from + also,
		Trained: Finetuned,
		Presets: map[string]func() Settings{
			"scenes": func() Settings {
				source, training := sceneSource(2), sceneTraining(w.steps)
				source.Kinds, training.BatchSize = slices.Clone(w.kinds), w.batch
				return Settings{Data: source, Training: training, Model: a.scenes(w)}
			},
		},
		Default: "scenes",
		Config:  a.config,
		Train: func(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
			return w.train(ctx, s, files, o, a)
		},
		Open: func(s Settings, files Files, weights *model.Store) (*Model, error) {
			return NewModel(a.open(s.Model, weights), s, files, TokenizerFile, PreprocessFile)
		},
		Begin:    func(s *Settings, from Settings) error { return w.begin(s, from, a) },
		Keep:     a.keep,
		Inherits: []string{PreprocessFile, TokenizerFile},
		Label:    func(Settings) string { return a.label + w.label },
		Measure:  w.measure,
	}
}

func (w writing) train(ctx context.Context, s Settings, files Files, o data.Options, a architecture) (*Job, error) {
	if err := colored(s.Data, w.gray); err != nil {
		return nil, err
	}
	config, c := a.fill(s.Model)
	if c.counting && !w.counts {
		return nil, fmt.Errorf("models: model.counting is true, and a %s is asked for no counts: leave it out", w.label)
	}
	if source, ok := s.Data.(*scenes.Source); c.counting && ok && len(w.kinds) > 0 && len(source.Kinds) > 0 &&
		!slices.Contains(source.Kinds, scenes.AskCount) {
		return nil, fmt.Errorf("models: model.counting is true, and %q is not among data.kinds, %s: leave one of the two out", scenes.AskCount,
			strings.Join(source.Kinds, ", "))
	}
	splits, set, err := loadSpoken(ctx, s, files, o, c.reading)
	if err != nil {
		return nil, err
	}
	set.counting = c.counting
	texts, length := w.texts(set)
	*c.length = length - 1 // the last token is said and not read
	s.Model = config
	t, err := a.task(config, texts)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

// begin takes over the size and the data set of a pretrained model, or of another that writes.
func (w writing) begin(s *Settings, from Settings, a architecture) error {
	if !a.begin(s.Model, from.Model) {
		return fmt.Errorf("models: it holds a %s: a %s starts from a pretrained fusion, or from another model that writes", from.Kind,
			a.label+w.label)
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
