// Package models is the table of everything gomm can train and use: a name to settings, a task and a predictor. It joins
// data to papers, which do not know each other: captions are made of a data set's class names, tokenised, and handed to
// the model.
//
//	settings, err := models.Preset(models.CLIP, "mnist-demo")   // change settings at will
//	job, err := models.NewJob(config, mnist.Options{})          // data and task: for mmlib/train
//	model, err := models.Open("runs/demo/clip")                 // a trained run: for mmlib/infer
package models

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// TokenizerFile is the tokenizer's file in a run folder.
const TokenizerFile = "tokenizer.json"

// Job is a training ready to be run: the task, and the data that it is measured on.
type Job struct {
	Config     run.Config
	Task       task.Task
	Validation *mnist.Set // held out of the training set
	Test       *mnist.Set
	Tokenizer  *text.Words // nil for a task without texts
}

// Complete fills in what settings leave to the data, the size of the vocabulary and the length of the longest caption, and
// makes a run's Config of them.
func Complete(task, preset string, seed uint64, s Settings) (run.Config, error) {
	if c, ok := s.Model.(*clip.Config); ok {
		words, err := vocabulary(s.Data)
		if err != nil {
			return run.Config{}, err
		}
		c.Text.Vocab, c.Text.Context = words.tokenizer.VocabSize(), words.longest
	}
	settings, err := json.Marshal(s.Model)
	if err != nil {
		return run.Config{}, fmt.Errorf("models: %w", err)
	}
	c := run.Config{Task: task, Preset: preset, Seed: seed, Data: s.Data, Training: s.Training, Model: settings}
	if err := c.Validate(); err != nil {
		return run.Config{}, err
	}
	// The model's own settings are checked here too, before there is a run folder.
	switch m := s.Model.(type) {
	case *clip.Config:
		_, _, err = pretraining(c, noPicture{})
	case *clip.ClassifierConfig:
		err = m.Validate()
	}
	return c, err
}

// noPicture stands in for the data where only settings are checked.
type noPicture struct{}

func (noPicture) Len() int                           { return 1 }
func (noPicture) Class(int) int                      { return 0 }
func (noPicture) Picture([]float32, int, *rand.Rand) {}

// NewJob loads the data and makes the task.
func NewJob(c run.Config, opt mnist.Options) (*Job, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	all, test, err := mnist.Load(c.Data.Name, opt)
	if err != nil {
		return nil, err
	}
	if c.Data.Validation >= all.Len() {
		return nil, fmt.Errorf("models: data.validation is %d: it must leave some of the %d training examples", c.Data.Validation, all.Len())
	}
	j := &Job{Config: c, Test: test}
	training, validation := all.Split(c.Data.Validation)
	j.Validation = validation
	if c.Data.Limit > 0 {
		training = training.Limit(c.Data.Limit)
	}
	training.Augment = mnist.Augment(c.Data.Augment)
	if err := training.Augment.Validate(); err != nil {
		return nil, fmt.Errorf("models: data.augment: %w", err)
	}
	switch c.Task {
	case CLIP:
		j.Task, j.Tokenizer, err = pretraining(c, training)
		return j, err
	case Classifier:
		j.Task, err = finetuning(c, training)
		return j, err
	}
	return nil, fmt.Errorf("models: task %q is unknown; there are %s", c.Task, strings.Join(Tasks(), ", "))
}

func pretraining(r run.Config, pictures clip.Pictures) (*clip.Pretraining, *text.Words, error) {
	var c clip.Config
	if err := run.DecodeStrict(r.Model, &c); err != nil {
		return nil, nil, err
	}
	words, err := vocabulary(r.Data)
	if err != nil {
		return nil, nil, err
	}
	captions := make([]clip.Caption, len(words.captions))
	for i, caption := range words.captions {
		ids, err := words.tokenizer.Encode(caption, c.Text.Context)
		if err != nil {
			return nil, nil, err
		}
		captions[i] = clip.Caption{IDs: ids, Class: words.classes[i]}
	}
	t, err := clip.NewPretraining(c, pictures, captions, r.Data.Captions.PerBatch, clip.Sharing(r.Data.Captions.Sharing))
	return t, words.tokenizer, err
}

func finetuning(r run.Config, pictures clip.Pictures) (*clip.Finetuning, error) {
	var c clip.ClassifierConfig
	if err := run.DecodeStrict(r.Model, &c); err != nil {
		return nil, err
	}
	return clip.NewFinetuning(c, pictures)
}

// Predictor is the job's model over the given weights.
func (j *Job) Predictor(weights *model.Store) (task.Predictor, error) {
	return predictor(j.Config, weights)
}

func predictor(c run.Config, weights *model.Store) (task.Predictor, error) {
	switch c.Task {
	case CLIP:
		p := &clip.Predictor{Weights: weights}
		return p, run.DecodeStrict(c.Model, &p.Config)
	case Classifier:
		p := &clip.Classifier{Weights: weights}
		return p, run.DecodeStrict(c.Model, &p.Config)
	}
	return nil, fmt.Errorf("models: task %q is unknown; there are %s", c.Task, strings.Join(Tasks(), ", "))
}

// Model is a trained run, opened for use.
type Model struct {
	task.Predictor
	Config    run.Config
	Tokenizer *text.Words // nil for a model without texts
	Step      int64       // of the checkpoint that the weights are from: the best on the validation split
}

// Open loads the best weights of a run folder.
func Open(dir string) (*Model, error) {
	f, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := &Model{Config: f.Config()}
	weights := model.NewStore()
	if m.Step, err = f.LoadWeights(weights); err != nil {
		return nil, err
	}
	if m.Predictor, err = predictor(m.Config, weights); err != nil {
		return nil, err
	}
	if m.Config.Task == CLIP {
		m.Tokenizer, err = readTokenizer(f)
	}
	return m, err
}
