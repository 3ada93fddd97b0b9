package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/models/fusion"
	"gomm/mmlib/models/palm"
	"gomm/mmlib/task"
)

// embodied are PaLM-E's models. Their presets are as large as those of package fusion and learn from the same examples for as many steps,
// so that they can be compared. From a pretrained fusion they take the vision transformer over.
func embodied() architecture {
	return architecture{
		before: "palme-", label: "PaLM-E ", from: "by PaLM-E, with the vision transformer of a pretrained fusion",
		config: func() Config { return new(palm.EmbodiedConfig) },
		scenes: func(w writing) Config {
			c := palm.Scenes(2)
			c.Length, c.Texts, c.Classification, c.Regions, c.Grounding = w.length, w.each, 0.5, sceneRegions(2), w.grounding
			return &c
		},
		fill: func(s Config) (Config, filled) {
			c := *s.(*palm.EmbodiedConfig)
			t := &c.Text
			read := reading{c.Vision.ImageSize, c.Vision.Channels, t.Tokenizer, &t.Vocab, &t.Pad, &t.Start, &t.End, &t.Mask}
			return &c, filled{read, &c.Length, c.Counting}
		},
		begin: beginEmbodied,
		keep:  keepEmbodied,
		task: func(c Config, texts task.Written) (task.Task, error) {
			return palm.NewWriting(*c.(*palm.EmbodiedConfig), texts)
		},
		open: func(c Config, weights *model.Store) task.Predictor {
			return &palm.Writer{Config: *c.(*palm.EmbodiedConfig), Weights: weights}
		},
	}
}

// beginEmbodied takes over the vision transformer of a model of package fusion, with the tokens of its texts, or all of another PaLM-E.
func beginEmbodied(s, from Config) bool {
	c := s.(*palm.EmbodiedConfig)
	see := func(before fusion.Config, regions fusion.Regions) {
		t := before.Text
		c.Vision, c.Pool, c.Regions = before.Vision, before.Pool, regions
		c.Text.Vocab, c.Text.Pad, c.Text.Start, c.Text.End, c.Text.Mask, c.Text.Tokenizer = t.Vocab, t.Pad, t.Start, t.End, t.Mask, t.Tokenizer
	}
	switch before := from.(type) {
	case *fusion.PretrainingConfig:
		see(before.Config, before.Regions)
	case *fusion.WriterConfig:
		see(before.Config, before.Regions)
	case *palm.EmbodiedConfig:
		c.Vision, c.Pool, c.Text, c.Regions = before.Vision, before.Pool, before.Text, before.Regions
	default:
		return false
	}
	return true
}

// keepEmbodied removes what a fusion has for texts, and no PaLM-E reads, from a store of its weights.
func keepEmbodied(s *model.Store) error {
	var others []string
	for v := range s.IterVariables() {
		kept := []string{"/vision/", "/picture/", "/regions/", "/language/", "/" + model.RNGStateVariableName}
		if !slices.ContainsFunc(kept, func(prefix string) bool { return strings.HasPrefix(v.Path(), prefix) }) {
			others = append(others, v.Path())
		}
	}
	for _, path := range others {
		if err := s.DeleteVariable(path); err != nil {
			return fmt.Errorf("models: leaving out %s: %w", path, err)
		}
	}
	return nil
}
