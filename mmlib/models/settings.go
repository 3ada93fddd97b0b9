package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data"
	"gomm/mmlib/run"
)

// UseData switches to another data set: one of the table, or a file of the user's that a source of the table reads, such as a text.
// If it takes the same settings, they are kept; otherwise its defaults apply.
func (s *Settings) UseData(name string) error {
	source, err := newSource(name)
	if err != nil {
		if source, err = s.fileSource(name, err); err != nil {
			return err
		}
		s.Data = source
		return nil
	}
	if s.Data != nil && reflect.TypeOf(source) == reflect.TypeOf(s.Data) {
		if err := transfer(source, s.Data); err != nil {
			return err
		}
	}
	s.Data = source
	return nil
}

// fileSource is the source that reads a file: the present one, or else one of the table. unknown is the error for a name that is
// neither a data set nor a file.
func (s *Settings) fileSource(name string, unknown error) (data.Source, error) {
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		return nil, fmt.Errorf("%w; nor is there a file of that name", unknown)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	if f, ok := s.Data.(data.FileSource); ok && f.UseFile(path) {
		return f, nil
	}
	for _, known := range slices.Sorted(maps.Keys(Sources())) {
		if f, ok := Sources()[known]().(data.FileSource); ok && f.UseFile(path) {
			return f, nil
		}
	}
	return nil, fmt.Errorf("models: the file %s is of a kind that no data set reads: texts end in .txt or .md", name)
}

// transfer copies all settings of a source but its name.
func transfer(to, from data.Source) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	var settings map[string]json.RawMessage
	if err := json.Unmarshal(raw, &settings); err != nil {
		return fmt.Errorf("models: the settings of %s: %w", from, err)
	}
	delete(settings, "name")
	if raw, err = json.Marshal(settings); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	return run.DecodeStrict(raw, to)
}

func newSource(name string) (data.Source, error) {
	source, ok := Sources()[name]
	if !ok {
		return nil, fmt.Errorf("models: there is no data set %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(Sources())), ", "))
	}
	return source(), nil
}

// Config is the form in which settings are kept in a run folder.
func (s Settings) Config() (run.Config, error) {
	c := run.Config{Kind: s.Kind, Preset: s.Preset, Init: s.Init, Seed: s.Seed, Training: s.Training}
	var err error
	if s.Data != nil {
		if c.Data, err = json.Marshal(s.Data); err != nil {
			return c, fmt.Errorf("models: the settings of the data: %w", err)
		}
	}
	if c.Model, err = json.Marshal(s.Model); err != nil {
		return c, fmt.Errorf("models: the settings of the model: %w", err)
	}
	return c, nil
}

// Decode is the reverse of [Settings.Config]: the kind and data.name choose what the settings are decoded into.
func Decode(c run.Config) (Settings, error) {
	s := Settings{Kind: c.Kind, Preset: c.Preset, Init: c.Init, Seed: c.Seed, Training: c.Training}
	k, err := Lookup(c.Kind)
	if err != nil {
		return s, err
	}
	if len(c.Data) > 0 {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(c.Data, &named); err != nil {
			return s, fmt.Errorf("models: data: %w", err)
		}
		if s.Data, err = newSource(named.Name); err != nil {
			return s, err
		}
		if err := run.DecodeStrict(c.Data, s.Data); err != nil {
			return s, err
		}
	}
	s.Model = k.Config()
	return s, run.DecodeStrict(c.Model, s.Model)
}

// Merge makes of settings and weights with low-rank terms those of the same model without (see [Adapted]); others it leaves as
// they are.
func (s Settings) Merge(weights *model.Store) error {
	if a, ok := s.Model.(Adapted); ok {
		return a.Merge(weights)
	}
	return nil
}

// Open loads the best weights of a run folder. A model that LoRA adapted is opened without the low-rank terms, which are folded
// into its weights: it is as fast as the one it began from. Its Settings are of that model; [ReadSettings] has the run's.
func Open(dir string) (*Model, error) {
	f, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	weights := model.NewStore()
	step, err := f.LoadWeights(weights)
	if err != nil {
		return nil, err
	}
	m, err := open(f, weights)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	m.Step = step
	return m, nil
}

func open(f *run.Folder, weights *model.Store) (*Model, error) {
	s, err := Decode(f.Config())
	if err != nil {
		return nil, err
	}
	if err := s.Merge(weights); err != nil {
		return nil, err
	}
	files, err := f.Files()
	if err != nil {
		return nil, err
	}
	k, err := Lookup(s.Kind)
	if err != nil {
		return nil, err
	}
	return k.Open(s, files, weights)
}

// ReadSettings returns the settings of the run in a folder.
func ReadSettings(dir string) (Settings, error) {
	f, err := run.Open(dir)
	if err != nil {
		return Settings{}, err
	}
	defer f.Close()
	s, err := Decode(f.Config())
	if err != nil {
		return s, fmt.Errorf("%s: %w", dir, err)
	}
	return s, nil
}

// StartFrom makes the settings start from the weights of the run in a folder: its data set and the sizes that the weights
// have are taken over. Its low-rank terms, if it has any, become part of these weights.
func (s *Settings) StartFrom(dir string) error {
	k, err := Lookup(s.Kind)
	if err != nil {
		return err
	}
	if k.Begin == nil {
		return fmt.Errorf("models: a %s starts from random weights, not from another run", s.Kind)
	}
	from, err := ReadSettings(dir)
	if err != nil {
		return err
	}
	if err := from.Merge(model.NewStore()); err != nil {
		return err
	}
	if err := k.Begin(s, from); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	s.Init, err = filepath.Abs(dir)
	return err
}
