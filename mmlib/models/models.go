// Package models is the table of everything gomm can train and use. A row of it, a [Kind], joins a model to its settings
// and its data: the papers and the sources of examples do not know each other.
//
//	settings, err := models.Preset("clip", "mnist-demo")   // change them at will, or by run.Set
//	model, err := models.Open("runs/demo/clip")            // the best weights of a run, for mmlib/infer
//
// Training, which needs a folder and a backend, is mmlib/experiment's business.
//
// A new model is a package below this one, with its Config, its task.Task and its task.Predictor; a file here with its row;
// and a line in [Kinds]. [Register] adds a row from outside the library.
package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/book"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// Kind is a row of the table: what there is to know of one kind of model.
type Kind struct {
	About   string // what training does, in a line: "pretrain CLIP on pictures and captions"
	Trained Way    // which command trains it

	// Presets are named settings, made afresh by each call, so that changing them does not change the table. Default
	// names the one to begin with.
	Presets map[string]func() Settings
	Default string

	// Config returns a new Config of the model, to be filled from a run's config.json.
	Config func() Config

	// Train loads the data, checks everything that can be checked, and makes the job. With files, those of the run that is
	// resumed or begun from, it reads them; what is missing it makes and puts into Job.Files.
	Train func(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error)

	// Open makes a model of weights, for use.
	Open func(s Settings, files Files, weights *model.Store) (*Model, error)

	// Begin adapts settings for starting from the weights of another run, or says why that is impossible; Keep then removes
	// from that run's weights what this kind does not use. Both are nil for a kind that starts from random weights only.
	Begin func(s *Settings, from Settings) error
	Keep  func(*model.Store) error

	// Inherits names the files of the run it begins from that it takes over.
	Inherits []string

	// Label says what such a run holds, in a word or two: "linear probe".
	Label func(Settings) string

	// Measure names how such a model is measured: a row of mmlib/experiment's table of measures. MeasureOf, if not nil, chooses
	// another one by the settings.
	Measure   string
	MeasureOf func(Settings) string
}

// Way is how a kind of model is trained.
type Way string

// The ways, which are commands of gomm.
const (
	Pretrained Way = "pretrain"
	Finetuned  Way = "finetune"
)

// Config is the size of a model: a pointer to a struct whose fields in JSON are the settings "model.…" of a run.
type Config interface {
	Validate() error // names the setting and the value at fault
}

// Adapted is a Config of a model that LoRA can adapt (see nn.LoRA). Where its settings ask for that, what a run began with is
// frozen, and the low-rank terms are trained in its place.
type Adapted interface {
	Config

	// Merge folds the low-rank terms in a store of the model's weights into those beside them, and sets LoRA in the Config to
	// none.
	Merge(weights *model.Store) error
}

// Settings are everything that decides a run. Those of a preset may be changed freely; [run.Set] does so by name:
// "training.steps", "data.validation", "model.vision.width".
type Settings struct {
	Kind   string `json:"-"`
	Preset string `json:"-"` // that the settings started from
	Init   string `json:"-"` // the run whose weights training starts from; empty for random ones
	Seed   uint64 `json:"-"`

	Data     data.Source   `json:"data"`     // nil for imported weights
	Training *run.Training `json:"training"` // nil for imported weights
	Model    Config        `json:"model"`
}

// Validate checks all settings, each by its own rules.
func (s Settings) Validate() error {
	if s.Data != nil {
		if err := s.Data.Validate(); err != nil {
			return fmt.Errorf("data.%w", err)
		}
	}
	if s.Training != nil {
		if err := s.Training.Validate(); err != nil {
			return fmt.Errorf("training.%w", err)
		}
	}
	if s.Model == nil {
		return errors.New("models: the settings have no model")
	}
	return s.Model.Validate()
}

// Files are the files of a run folder that its model cannot be used without, by name.
type Files map[string][]byte

// The names of such files.
const (
	TokenizerFile  = "tokenizer.json"  // text.Tokenizer: how texts become ids
	PreprocessFile = "preprocess.json" // picture.Preprocess: how pictures become numbers
	ClassesFile    = "classes.json"    // captions.Classes: names and templates of the classes, by language
)

// Job is a model ready to be trained.
type Job struct {
	Settings Settings // with what the data decided filled in
	Task     task.Task
	Splits   map[string]data.Set
	Files    Files
}

// Model is a trained model, opened for use.
type Model struct {
	task.Predictor
	Settings   Settings
	Tokenizer  text.Tokenizer     // nil for a model without texts
	Preprocess picture.Preprocess // of its pictures; zero for a model without
	Classes    captions.Classes   // that it distinguishes, or whose names it has learned; nil for none
	Step       int64              // of the checkpoint that the weights are from: the best on the validation split
}

// Func returns the named function of the model, and reports whether it has it.
func (m *Model) Func(name string) (task.Func, bool) {
	funcs := m.Funcs()
	i := slices.IndexFunc(funcs, func(f task.Func) bool { return f.Name == name })
	if i < 0 {
		return task.Func{}, false
	}
	return funcs[i], true
}

// Question encodes a question as the model's function "next" reads it: its ids, padded, and how many of them it has.
func (m *Model) Question(s string) (ids []int32, prefix int32, err error) {
	f, ok := m.Func("next")
	if !ok || m.Tokenizer == nil {
		return nil, 0, fmt.Errorf("models: a %s answers no questions", m.Settings.Kind)
	}
	asked, err := text.Ask(m.Tokenizer, nil, s)
	if err != nil {
		return nil, 0, err
	}
	ids = make([]int32, f.In[1].Dim(0))
	if len(asked) >= len(ids) {
		return nil, 0, fmt.Errorf("models: the question %q has %d tokens, and the model reads at most %d: shorten it", s, len(asked), len(ids)-1)
	}
	pad, _ := m.Tokenizer.Special(text.Pad)
	for i := copy(ids, asked); i < len(ids); i++ {
		ids[i] = pad
	}
	return ids, int32(len(asked)), nil
}

// Answered encodes a question with an answer as the model's function "score" reads it: its ids, padded, and how many of them are the
// question's.
func (m *Model) Answered(question, answer string) (ids []int32, prefix int32, err error) {
	f, ok := m.Func("score")
	if !ok || m.Tokenizer == nil {
		return nil, 0, fmt.Errorf("models: a %s does not say how probable an answer is", m.Settings.Kind)
	}
	whole, _, err := text.Dialogue(m.Tokenizer, []text.Turn{{Question: question, Answer: answer}})
	if err != nil {
		return nil, 0, err
	}
	asked, err := text.Ask(m.Tokenizer, nil, question)
	if err != nil {
		return nil, 0, err
	}
	ids = make([]int32, f.In[1].Dim(0))
	if len(whole) > len(ids) {
		return nil, 0, fmt.Errorf("models: the question %q has %d tokens, the answer %q with its end %d, and the model has room for %d: "+
			"shorten them", question, len(asked), answer, len(whole)-len(asked), len(ids))
	}
	pad, _ := m.Tokenizer.Special(text.Pad)
	for i := copy(ids, whole); i < len(ids); i++ {
		ids[i] = pad
	}
	return ids, int32(len(asked)), nil
}

// IDs encodes a text as the model's function "text" reads it.
func (m *Model) IDs(s string) ([]int32, error) {
	f, ok := m.Func("text")
	if !ok || m.Tokenizer == nil {
		return nil, fmt.Errorf("models: a %s reads no texts", m.Settings.Kind)
	}
	return text.Fixed(m.Tokenizer, s, f.In[0].Dim(0), text.Refuse)
}

var table struct {
	sync.Mutex
	kinds   map[string]Kind
	sources map[string]func() data.Source
}

// Kinds is the table of models.
func Kinds() map[string]Kind {
	kinds := map[string]Kind{
		"clip":       clipKind(),
		"classifier": classifierKind(),
		"simclr":     simclrKind(),
		"convnet":    convnetKind(),
		"dalle":      dalleKind(),
		"fusion":     fusionKind(),
		"palm":       palmKind(),
		"parti":      partiKind(),
		"vqvae":      vqvaeKind(),
	}
	maps.Copy(kinds, writerKinds())
	table.Lock()
	defer table.Unlock()
	maps.Copy(kinds, table.kinds)
	return kinds
}

// Sources is the table of the sources of examples, with the settings that they have by default.
func Sources() map[string]func() data.Source {
	sources := map[string]func() data.Source{
		mnist.MNIST:     func() data.Source { return &mnist.Source{Name: mnist.MNIST, Validation: 5000} },
		mnist.Fashion:   func() data.Source { return &mnist.Source{Name: mnist.Fashion, Validation: 5000} },
		scenes.Name:     func() data.Source { return scenes.Default() },
		scenes.FilmName: func() data.Source { return scenes.DefaultFilms() },
		book.Name:       func() data.Source { return book.Default() },
	}
	table.Lock()
	defer table.Unlock()
	maps.Copy(sources, table.sources)
	return sources
}

// Register adds a kind of model from outside the library, under a name of its own.
func Register(name string, k Kind) {
	table.Lock()
	defer table.Unlock()
	if table.kinds == nil {
		table.kinds = map[string]Kind{}
	}
	table.kinds[name] = k
}

// RegisterSource adds a source of examples from outside the library. The name is the one that the source's String returns.
func RegisterSource(name string, source func() data.Source) {
	table.Lock()
	defer table.Unlock()
	if table.sources == nil {
		table.sources = map[string]func() data.Source{}
	}
	table.sources[name] = source
}

// Names lists the kinds that a command trains, or all kinds for an empty way, in alphabetical order.
func Names(way Way) []string {
	var names []string
	for name, k := range Kinds() {
		if way == "" || k.Trained == way {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Lookup returns a row of the table.
func Lookup(kind string) (Kind, error) {
	k, ok := Kinds()[kind]
	if !ok {
		return Kind{}, fmt.Errorf("models: there is no kind of model %q; there are %s", kind, strings.Join(Names(""), ", "))
	}
	return k, nil
}

// Preset returns a kind's settings of that name, or the default ones for "". They are a copy, which the caller may change.
func Preset(kind, name string) (Settings, error) {
	k, err := Lookup(kind)
	if err != nil {
		return Settings{}, err
	}
	if name == "" {
		name = k.Default
	}
	preset, ok := k.Presets[name]
	if !ok {
		return Settings{}, fmt.Errorf("models: %s has no preset %q; there are %s", kind, name,
			strings.Join(slices.Sorted(maps.Keys(k.Presets)), ", "))
	}
	s := preset()
	s.Kind, s.Preset, s.Seed = kind, name, 1
	return s, nil
}
