package experiment

import (
	"errors"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// Import makes a run from weights trained elsewhere: every command can use the folder, but nothing can be trained in
// it.
func Import(dir string, s models.Settings, files models.Files, weights *model.Store) (err error) {
	s.Data, s.Training = nil, nil
	if err := s.Validate(); err != nil {
		return err
	}
	k, err := models.Lookup(s.Kind)
	if err != nil {
		return err
	}
	if _, err := k.Open(s, files, weights); err != nil {
		return err
	}
	c, err := s.Config()
	if err != nil {
		return err
	}
	c.Versions = versions()
	f, err := run.Create(dir, c, files)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Save(weights, 0, nil)
}

func readFiles(dir string) (models.Files, error) {
	f, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Files()
}

// versions are what decides the outcome of a run besides its settings, for the record.
func versions() map[string]string {
	v := map[string]string{"go": runtime.Version(), "os": runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, module := range info.Deps {
		if name, found := strings.CutPrefix(module.Path, "github.com/gomlx/"); found {
			v[name] = module.Version
		}
	}
	return v
}
