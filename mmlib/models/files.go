package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gomm/mmlib/data"
	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/data/text"
	"gomm/mmlib/task"
)

// What rows need of the sets of a source, besides what their papers declare. A set offers what it has.
type (
	// pictured is a set of pictures that are made by a Preprocess.
	pictured interface{ Preprocess() picture.Preprocess }

	// named is a set whose examples belong to classes with names.
	named interface{ Classes() captions.Classes }

	// captioned is a set of pictures that come with texts.
	captioned interface {
		Texts() ([]string, error) // all that there are, for a vocabulary
		Pairs(captions.Encode) (*captions.Pairs, error)
	}
)

// Load loads the splits of a source for a row's Train, with pictures of the size that the model reads. They are prepared as
// those of the run whose files are given, and classes called as there, so that a model that is resumed or begun from sees
// what it was trained on.
// Load puts [PreprocessFile] and, for examples of classes, [ClassesFile] into files.
func Load(ctx context.Context, s Settings, files Files, o data.Options, size, channels int) (map[string]data.Set, error) {
	o.Picture = picture.Preprocess{Size: size, Channels: channels, Frames: o.Picture.Frames}
	if file, ok := files[PreprocessFile]; ok {
		var err error
		if o.Picture, err = readPreprocess(file); err != nil {
			return nil, err
		}
	}
	if file, ok := files[ClassesFile]; ok {
		var err error
		if o.Classes, err = captions.Read(file); err != nil {
			return nil, fmt.Errorf("%s: %w", ClassesFile, err)
		}
	}
	splits, err := s.Data.Load(ctx, o)
	if err != nil {
		return nil, err
	}
	train, ok := splits[data.Train]
	if !ok || train.Len() == 0 {
		return nil, fmt.Errorf("models: the data set %s has no training examples", s.Data)
	}
	p, ok := train.(pictured)
	if !ok {
		return nil, fmt.Errorf("models: the data set %s has no pictures, and a %s reads them", s.Data, s.Kind)
	}
	file, err := json.MarshalIndent(p.Preprocess(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	files[PreprocessFile] = append(file, '\n')
	if n, ok := train.(named); ok && files[ClassesFile] == nil {
		if files[ClassesFile], err = n.Classes().File(); err != nil {
			return nil, err
		}
	}
	return splits, nil
}

func readPreprocess(file []byte) (picture.Preprocess, error) {
	var p picture.Preprocess
	if err := json.Unmarshal(file, &p); err != nil {
		return p, fmt.Errorf("%s: %w", PreprocessFile, err)
	}
	return p, nil
}

// NewModel makes a model for a row's Open: a predictor, with what the files of the run say of texts, pictures and classes.
// The files in need must be there.
func NewModel(p task.Predictor, s Settings, files Files, need ...string) (*Model, error) {
	for _, name := range need {
		if _, ok := files[name]; !ok {
			return nil, fmt.Errorf("models: the run lacks the file %s, without which the model cannot be used", name)
		}
	}
	m := &Model{Predictor: p, Settings: s}
	var err error
	if file, ok := files[PreprocessFile]; ok {
		if m.Preprocess, err = readPreprocess(file); err != nil {
			return nil, err
		}
	}
	if file, ok := files[TokenizerFile]; ok {
		if m.Tokenizer, err = text.Read(file); err != nil {
			return nil, fmt.Errorf("%s: %w", TokenizerFile, err)
		}
	}
	if file, ok := files[ClassesFile]; ok {
		if m.Classes, err = captions.Read(file); err != nil {
			return nil, fmt.Errorf("%s: %w", ClassesFile, err)
		}
	}
	return m, nil
}
