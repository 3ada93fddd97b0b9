package models

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/book"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/palm"
)

// written is a set that is one long text.
type written interface{ Text() string }

// palmKind is a language model.
func palmKind() Kind {
	return Kind{
		About:   "PaLM, a language model of one text: a book, or a text file of your own",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"book":      palmPreset("book", 1000, 16, 3e-3),
			"book-long": palmPreset("book-long", 4000, 16, 2.5e-3),
		},
		Default: "book",
		Config:  func() Config { return new(palm.Config) },
		Train:   trainPaLM,
		Open:    openPaLM,
		Label:   func(Settings) string { return "PaLM" },
		Measure: "bits",
	}
}

// palmPreset is the model of that name in palm.Presets on the book that Go carries. recipes/book.json has what "book" reaches:
// 1.99 bits a character on the validation split and 2.20 on the test split.
func palmPreset(name string, steps, batch int, rate float64) func() Settings {
	return func() Settings {
		config := palm.Presets[name]
		t := adamW(steps, rate, 100)
		t.BatchSize, t.WeightDecay, t.SaveEvery = batch, 0.1, 250
		return Settings{Data: book.Default(), Training: &t, Model: &config}
	}
}

// trainPaLM learns the tokenizer from the training split, unless the run has one, and nothing else from the other splits.
func trainPaLM(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*palm.Config)
	splits, err := s.Data.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	set, ok := splits[data.Train].(written)
	if !ok {
		return nil, fmt.Errorf("models: the data set %s is no text, and a palm learns from one: use %s, or a text file of your own",
			s.Data, book.Name)
	}
	if source, ok := s.Data.(*book.Source); ok && source.File != "" {
		own := *source
		own.SHA256 = splits[data.Train].(*book.Set).Sum()
		s.Data = &own
	}
	if files[TokenizerFile] == nil {
		bpe, err := text.TrainBPE(slices.Values([]string{set.Text()}), text.BPEOptions{VocabSize: config.Vocab})
		if err != nil {
			return nil, fmt.Errorf("models: model.vocab: %w", err)
		}
		if files[TokenizerFile], err = text.File(bpe); err != nil {
			return nil, err
		}
	}
	tokenizer, err := text.Read(files[TokenizerFile])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TokenizerFile, err)
	}
	config.Vocab = tokenizer.VocabSize() // fewer than asked for, if the text has too few different words
	s.Model = &config
	tokens, err := tokenizer.Encode(set.Text())
	if err != nil {
		return nil, err
	}
	t, err := palm.NewPretraining(config, tokens)
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

func openPaLM(s Settings, files Files, weights *model.Store) (*Model, error) {
	m, err := NewModel(&palm.Predictor{Config: *s.Model.(*palm.Config), Weights: weights}, s, files, TokenizerFile)
	if err != nil {
		return nil, err
	}
	if v := m.Tokenizer.VocabSize(); v != s.Model.(*palm.Config).Vocab {
		return nil, fmt.Errorf("models: %s has %d tokens, and the model %d (model.vocab): they are of different runs", TokenizerFile, v,
			s.Model.(*palm.Config).Vocab)
	}
	return m, nil
}
