package models

import (
	"cmp"
	"context"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/models/fusion"
	"gomm/mmlib/run"
)

// fusionKind is the pretraining of pictures and language together.
func fusionKind() Kind {
	return Kind{
		About:   "a model of pictures and language (ALBEF, BLIP) on scenes and their captions, from random weights",
		Trained: Pretrained,
		Presets: map[string]func() Settings{
			"scenes-attributes":     fusionPreset(2, fusion.Objectives{Classification: 1}, 3000),
			"scenes-4x4-attributes": fusionPreset(4, fusion.Objectives{Classification: 1}, 3000),
			"scenes-masking":        fusionPreset(2, fusion.Objectives{Classification: 1, Masking: 1, Grounding: 0.5}, 1500),
			"scenes": fusionPreset(2,
				fusion.Objectives{Classification: 1, Contrast: 0.5, Matching: 0.5, Masking: 1, Grounding: 0.5}, 1500),
			"scenes-bpe": piecesPreset,
		},
		Default:  "scenes",
		Config:   func() Config { return new(fusion.PretrainingConfig) },
		Train:    trainFusion,
		Open:     openFusion,
		Begin:    beginFusion,
		Keep:     func(*model.Store) error { return nil },
		Inherits: []string{PreprocessFile, TokenizerFile},
		Label:    func(Settings) string { return "pretrained" },
		Measure:  "pretraining",
	}
}

// sceneSource are scenes of a grid, as the presets have them.
func sceneSource(grid int) *scenes.Source {
	s := scenes.Default()
	s.Grid, s.Augment = grid, varied
	return s
}

func sceneTraining(steps int) *run.Training {
	t := adamW(steps, 1e-3, 100)
	t.BatchSize = 64
	return &t
}

func fusionPreset(grid int, o fusion.Objectives, steps int) func() Settings {
	return func() Settings {
		source := sceneSource(grid)
		source.Shuffle = true // so that places are read, and not told from where in a caption they stand
		return Settings{
			Data: source, Training: sceneTraining(steps),
			Model: &fusion.PretrainingConfig{
				Config: fusion.Scenes(grid), Objectives: o, Regions: sceneRegions(grid), Caption: 47,
				Masking: fusion.Masking{Share: 0.15, Token: 2, First: 3, Last: 75}, Projection: 64, Hidden: 0.25,
			},
		}
	}
}

// piecesPreset is "scenes" with texts in pieces of words, as large models read them. English scenes give 424 of them.
func piecesPreset() Settings {
	s := fusionPreset(2, fusion.Objectives{Classification: 1, Contrast: 0.5, Matching: 0.5, Masking: 1, Grounding: 0.5}, 1500)()
	c := s.Model.(*fusion.PretrainingConfig)
	c.Text.Tokenizer, c.Text.Vocab = fusion.BPE, 512
	return s
}

func trainFusion(ctx context.Context, s Settings, files Files, o data.Options) (*Job, error) {
	config := *s.Model.(*fusion.PretrainingConfig)
	if err := colored(s.Data, config.Objectives == fusion.Objectives{Classification: config.Objectives.Classification}); err != nil {
		return nil, err
	}
	splits, set, err := loadSpoken(ctx, s, files, o, fusionReading(&config.Config))
	if err != nil {
		return nil, err
	}
	config.Caption = set.caption
	s.Model = &config
	if err := hide(&config.Masking, set.tokenizer); err != nil {
		return nil, err
	}
	t, err := fusion.NewPretraining(config, captionedScenes{set})
	return &Job{Settings: s, Task: t, Splits: splits, Files: files}, err
}

// colored refuses gray scenes unless what is learnt of them can be told from them: captions and dialogues tell of colors.
func colored(source data.Source, seen bool) error {
	if s, ok := source.(*scenes.Source); ok && s.Gray > 0 && !seen {
		return fmt.Errorf("models: data.gray is %g, and these texts tell of colors: gray scenes are for classification and questions", s.Gray)
	}
	return nil
}

// beginFusion goes on with other objectives.
func beginFusion(s *Settings, from Settings) error {
	pretrained, ok := from.Model.(*fusion.PretrainingConfig)
	if !ok {
		return fmt.Errorf("models: it holds a %s: a fusion goes on from a fusion", from.Kind)
	}
	c := s.Model.(*fusion.PretrainingConfig)
	if want, is := c.Text.Tokenizer, cmp.Or(pretrained.Text.Tokenizer, fusion.Words); want != "" && want != is {
		return fmt.Errorf("models: its model.text.tokenizer is %q, and these settings have %q: start from a run that was trained with it",
			is, want)
	}
	c.Config, c.Regions, s.Data = pretrained.Config, pretrained.Regions, from.Data
	if source, ok := s.Data.(*scenes.Source); ok && c.Objectives != (fusion.Objectives{Classification: c.Objectives.Classification}) {
		source.Gray = 0 // captions tell of colors
	}
	return nil
}

// hide makes masking hide all tokens but the special ones: the longest run of ids that stand for text. Those of a tokenizer of this
// library lie together.
func hide(m *fusion.Masking, t text.Tokenizer) error {
	token, ok := t.Special(text.Mask)
	if !ok {
		return fmt.Errorf("models: the tokenizer has no token %q, which hides words", text.Mask)
	}
	m.Token, m.First, m.Last = token, 0, 0
	for id, first := int32(0), int32(0); int(id) < t.VocabSize(); id++ {
		if t.Decode([]int32{id}) == "" { // a special one
			first = id + 1
		} else if id+1-first > m.Last-m.First {
			m.First, m.Last = first, id+1
		}
	}
	return nil
}

func openFusion(s Settings, files Files, weights *model.Store) (*Model, error) {
	p := &fusion.Predictor{Config: *s.Model.(*fusion.PretrainingConfig), Weights: weights}
	return NewModel(p, s, files, TokenizerFile, PreprocessFile)
}
