// Package run is the run folder: one trained model, with everything that decided it and everything that came of it.
//
//	runs/NAME/
//	  config.json            kind, preset, seed and every setting: written once, never changed
//	  tokenizer.json, …      what the model cannot be used without, named in config.json
//	  checkpoints/00000500/  the state after 500 steps, in GoMLX's checkpoint format, with manifest.json
//	  metrics.jsonl          one line for each step that was logged: {"step":10,"loss":2.3}
//	  training.json          what the training run cost and where it ended
//	  report.html            one file, to be opened in a browser
//	  summary.json           the numbers at the end
//	  .lock                  held by the process that trains
//
// Three functions open one. [Create] starts a run, [Resume] goes on with it, [Open] reads it. Only one process at a time
// may train in a folder: Create and Resume take a lock, which the operating system gives back however the process ends.
// Readers need no lock, because whatever is in the folder under its final name is whole.
//
// That is the one idea behind all of it: a file or a checkpoint is written under a temporary name, forced to the disk, and
// then renamed, which a file system does at once or not at all. Whenever the process is killed, even in the middle of
// [Folder.Save], what [Folder.Load] finds is the last checkpoint that was finished. Sums in each checkpoint's manifest show
// when a file was damaged later; then the checkpoint before it is used, and a warning says so.
//
// settings.go is the other half of the package: settings by their dotted names ([Set], [Keys]), and JSON that refuses keys
// it does not know ([DecodeStrict]).
package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

const (
	configFile  = "config.json"
	summaryFile = "summary.json"
	lockFile    = ".lock"
)

// Folder is a run folder. Its methods may be called from several goroutines.
type Folder struct {
	// Best names the validation metric by which the best checkpoint is chosen: the largest value, or the smallest when the
	// name begins with a minus: "accuracy", "-loss". Set it before the first Save, which records it.
	Best string

	// Warn receives what is worth knowing and no error, as a damaged checkpoint that was passed over. It must not call the
	// folder's methods. Nil means the standard log.
	Warn func(message string)

	dir    string
	config Config
	lock   *flock.Flock // nil: opened for reading
	disk   disk

	mu      sync.Mutex // guards metrics and closed, and lets one Save or Load run at a time
	metrics *os.File   // metrics.jsonl, opened by the first Log
	closed  bool
}

// Create starts a run in dir with the settings c and the files that the model cannot be used without, such as its
// tokenizer's: by name, and named in config.json. The folder must not hold a run yet. config.json comes last: a folder
// that has one is complete.
func Create(dir string, c Config, files map[string][]byte) (*Folder, error) {
	return create(disk{}, dir, c, files)
}

func create(d disk, dir string, c Config, files map[string][]byte) (*Folder, error) {
	c.Files = slices.Sorted(maps.Keys(files))
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := d.mkdir(dir); err != nil {
		return nil, fmt.Errorf("run: creating the run folder: %w", err)
	}
	if err := vacant(dir); err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, config: c, disk: d}
	if err := f.takeLock(); err != nil {
		return nil, err
	}
	err := vacant(dir) // again: another process may have been between the first look and the lock
	if err == nil {
		err = f.fill(files)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Vacant returns an error unless a run can be created in dir: there is no such folder yet, or it is empty. Create looks
// again; this is for what takes time to prepare.
func Vacant(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return vacant(dir)
}

// vacant returns an error unless dir is empty, or an earlier Create was killed in it.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	switch found := names(entries); {
	case slices.Contains(found, configFile):
		return fmt.Errorf("run: %s already holds a run: resume it, or name another folder", dir)
	case len(found) > 0 && !slices.Contains(found, lockFile):
		return fmt.Errorf("run: %s holds other files (%s) and no run: name another folder", dir, found[0])
	}
	return nil
}

func (f *Folder) fill(files map[string][]byte) error {
	if err := f.disk.mkdir(f.Path("checkpoints")); err != nil {
		return fmt.Errorf("run: creating the run folder: %w", err)
	}
	for _, name := range f.config.Files {
		if err := f.WriteFile(name, files[name]); err != nil {
			return err
		}
	}
	data, err := encode(f.config)
	if err != nil {
		return fmt.Errorf("run: config: %w", err)
	}
	if err := f.disk.replace(f.Path(configFile), data); err != nil {
		return fmt.Errorf("run: writing the config: %w", err)
	}
	if err := f.disk.syncDir(filepath.Dir(filepath.Clean(f.dir))); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// Open opens the run folder dir for reading. It changes nothing, so it may be used while another process trains.
func Open(dir string) (*Folder, error) {
	path := filepath.Join(dir, configFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run: %s is not a run folder: %w: name one that holds a run", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	f := &Folder{dir: dir}
	if isOld(data) {
		return nil, fmt.Errorf("run: %s was made by an earlier version of gomm, which kept less in the folder than the model needs now: "+
			"train it again in another folder; its settings are in %s", dir, path)
	}
	if err := DecodeStrict(data, &f.config); err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	if err := f.config.Validate(); err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	for _, raw := range []*json.RawMessage{&f.config.Data, &f.config.Model} { // without their indentation in config.json
		var compact bytes.Buffer
		if err := json.Compact(&compact, *raw); err == nil && len(*raw) > 0 {
			*raw = compact.Bytes()
		}
	}
	return f, nil
}

// isOld reports whether a config.json is of the form before version 2, in which "task" stood for the kind.
func isOld(config []byte) bool {
	var old struct {
		Kind *string `json:"kind"`
		Task *string `json:"task"`
	}
	return json.Unmarshal(config, &old) == nil && old.Kind == nil && old.Task != nil
}

// Files reads the files that the model cannot be used without.
func (f *Folder) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range f.config.Files {
		data, err := os.ReadFile(f.Path(filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("run: a file that the model needs: %w", err)
		}
		files[name] = data
	}
	return files, nil
}

// Resume opens the run folder dir to go on training in it: it takes the lock and sweeps what a killed process left.
func Resume(dir string) (*Folder, error) {
	f, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if err := f.takeLock(); err != nil {
		return nil, err
	}
	if err := f.sweep(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Close gives the lock back. Closing twice does nothing.
func (f *Folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var failed error
	if f.metrics != nil {
		failed = f.metrics.Close()
		f.metrics = nil
	}
	if f.lock != nil && !f.closed {
		failed = errors.Join(failed, f.lock.Unlock())
	}
	f.closed = true
	if failed != nil {
		return fmt.Errorf("run: closing %s: %w", f.dir, failed)
	}
	return nil
}

// Config returns the settings of the run.
func (f *Folder) Config() Config { return f.config }

// Path returns the path of a file in the run folder; without a name, the folder's own.
func (f *Folder) Path(name ...string) string {
	return filepath.Join(append([]string{f.dir}, name...)...)
}

// WriteFile puts a file into the run folder, whole or not at all. Name may lead into a folder, which is made if need be
// ("pictures/0500.png"). A folder opened for reading takes files too: a report is written after the training run.
func (f *Folder) WriteFile(name string, data []byte) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("run: cannot write %w", err)
	}
	path := f.Path(filepath.FromSlash(name))
	err := f.disk.mkdir(filepath.Dir(path))
	if err == nil {
		err = f.disk.replace(path, data)
	}
	if err != nil {
		return fmt.Errorf("run: writing %s: %w", name, err)
	}
	return nil
}

// checkName refuses a name that leads out of the run folder, or to what the folder keeps itself.
func checkName(name string) error {
	switch first, _, _ := strings.Cut(filepath.ToSlash(filepath.Clean(name)), "/"); {
	case !filepath.IsLocal(name) || first == ".":
		return fmt.Errorf("%q: the name must lead into the run folder", name)
	case slices.Contains([]string{configFile, "checkpoints", metricsFile, lockFile}, first):
		return fmt.Errorf("%q: the run folder keeps %s itself", name, first)
	}
	return nil
}

// WriteSummary writes v to summary.json.
func (f *Folder) WriteSummary(v any) error {
	data, err := encode(v)
	if err != nil {
		return fmt.Errorf("run: %s: %w", summaryFile, err)
	}
	return f.WriteFile(summaryFile, data)
}

// writable is the error of a folder in which this process may not train.
func (f *Folder) writable() error {
	switch {
	case f.closed:
		return fmt.Errorf("run: %s is closed", f.dir)
	case f.lock == nil:
		return fmt.Errorf("run: %s was opened for reading: use Resume to train in it", f.dir)
	}
	return nil
}

func (f *Folder) warn(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if f.Warn == nil {
		log.Print(message)
		return
	}
	f.Warn(message)
}

// encode is JSON for people: indented, with <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
