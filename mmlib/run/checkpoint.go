package run

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
)

const (
	manifestFile = "manifest.json"
	replaced     = ".old" // ends the name of a checkpoint while one of the same step takes its place
)

// Checkpoint describes a saved state: it is what manifest.json in its folder holds.
type Checkpoint struct {
	Step         int64           `json:"step"`
	Digest       string          `json:"digest"`                  // of the trainable weights, see [Digest]
	Best         string          `json:"best,omitempty"`          // [Folder.Best] when it was saved
	Metrics      Metrics         `json:"metrics,omitempty"`       // on the validation split
	NotTrainable []string        `json:"not_trainable,omitempty"` // paths, for GoMLX's format has no place for this flag
	Files        map[string]File `json:"files"`
	Sum          string          `json:"sum"` // SHA-256 of this manifest with an empty sum
}

// File is the size and the sum of a file.
type File struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Save saves the state of the store after the given step, with the metrics that it reached on the validation split (or nil).
// The state is all variables but GoMLX's running metrics. It is written to a temporary folder, forced to the disk and then
// renamed, so that it is there as a whole or not at all. Then old checkpoints go: Training.Keep of them stay, and the best.
//
// Saving a step again replaces it. Metrics that are nil are taken over when the weights are the same.
func (f *Folder) Save(s *model.Store, step int64, metrics map[string]float64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.writable(); err != nil {
		return err
	}
	if step < 0 {
		return fmt.Errorf("run: cannot save step %d: steps count from 0", step)
	}
	if err := f.save(s, step, metrics); err != nil {
		return fmt.Errorf("run: step %d was not saved: %w (the checkpoints before it are as they were; remove the cause, then resume the run)",
			step, err)
	}
	f.prune(step)
	return nil
}

func (f *Folder) save(s *model.Store, step int64, metrics Metrics) error {
	list, err := variables(s)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("the store has no variables")
	}
	c := Checkpoint{Step: step, Best: f.Best, Metrics: metrics}
	for _, v := range list {
		if !v.trainable {
			c.NotTrainable = append(c.NotTrainable, v.path)
		}
	}
	if c.Digest, err = digest(list); err != nil {
		return err
	}
	if old, err := readManifest(f.stepPath(step)); err == nil && metrics == nil && old.Digest == c.Digest {
		c.Metrics = old.Metrics
	}
	if err := f.syncMetrics(); err != nil { // a checkpoint's metrics must be there when it is
		return err
	}
	unfinished := f.Path("checkpoints", temporary+stepName(step))
	if err := f.writeCheckpoint(unfinished, c, list); err != nil {
		_ = f.disk.remove(unfinished)
		return err
	}
	return f.install(unfinished, f.stepPath(step))
}

// writeCheckpoint writes a checkpoint into dir. The manifest comes last.
func (f *Folder) writeCheckpoint(dir string, c Checkpoint, list []variable) error {
	if err := f.disk.remove(dir); err != nil {
		return err
	}
	if err := f.disk.mkdir(dir); err != nil {
		return err
	}
	var err error
	if c.Files, err = writeState(f.disk, dir, baseName(c.Step), list); err != nil {
		return err
	}
	if c.Sum, err = c.sum(); err != nil {
		return err
	}
	data, err := encode(c)
	if err != nil {
		return err
	}
	if _, err := f.disk.write(filepath.Join(dir, manifestFile), data); err != nil {
		return err
	}
	return f.disk.syncDir(dir)
}

// install gives a finished checkpoint its name. A folder cannot be renamed onto another, so one of the same step steps
// aside first; until the new one is there, it counts under its other name.
func (f *Folder) install(unfinished, final string) error {
	there, err := exists(final)
	if err != nil {
		return err
	}
	if there {
		if err := f.disk.remove(final + replaced); err != nil {
			return err
		}
		if err := f.disk.rename(final, final+replaced); err != nil {
			return err
		}
	}
	if err := f.disk.rename(unfinished, final); err != nil {
		return err
	}
	if err := f.disk.syncDir(f.Path("checkpoints")); err != nil {
		return err
	}
	if there {
		f.discard(final + replaced)
	}
	return nil
}

// discard removes a checkpoint. It loses its name first, so that none is ever seen half removed.
func (f *Folder) discard(path string) {
	gone := f.Path("checkpoints", temporary+"gone-"+filepath.Base(path))
	err := errors.Join(f.disk.remove(gone), f.disk.rename(path, gone), f.disk.remove(gone))
	if err != nil {
		f.warn("run: removing an old checkpoint: %v", err)
	}
}

// prune removes checkpoints, but not the one just saved, nor the Training.Keep latest, nor the best, nor any of a later
// step: those are damaged ones that Load passed over, and training will come by and replace them.
func (f *Folder) prune(saved int64) {
	found, err := f.stored()
	if err != nil {
		f.warn("run: removing old checkpoints: %v", err)
		return
	}
	found = slices.DeleteFunc(found, func(x stored) bool { return x.step > saved })
	keep := 1
	if f.config.Training != nil {
		keep = max(f.config.Training.Keep, 1)
	}
	if len(found) <= keep {
		return
	}
	best := slices.IndexFunc(byMerit(found), stored.complete)
	for _, x := range found[keep:] {
		if best >= 0 && byMerit(found)[best].step == x.step {
			continue
		}
		f.discard(x.path)
	}
}

// stored is a checkpoint's folder, with its manifest if that is whole.
type stored struct {
	step     int64
	path     string
	manifest Checkpoint
	err      error
}

// stored lists the checkpoints, the latest first.
func (f *Folder) stored() ([]stored, error) {
	entries, err := os.ReadDir(f.Path("checkpoints"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run: %w", err)
	}
	found := names(entries)
	var list []stored
	for _, name := range found {
		plain, old := strings.CutSuffix(name, replaced)
		step, err := strconv.ParseInt(plain, 10, 64)
		if err != nil || stepName(step) != plain || old && slices.Contains(found, plain) {
			continue
		}
		x := stored{step: step, path: f.Path("checkpoints", name)}
		x.manifest, x.err = readManifest(x.path)
		if x.err == nil && x.manifest.Step != step {
			x.err = fmt.Errorf("%s is damaged: it is of step %d", filepath.Join(x.path, manifestFile), x.manifest.Step)
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b stored) int { return cmp.Compare(b.step, a.step) })
	return list, nil
}

// complete reports whether the files are there in their full size: a quick look, where Load checks the sums.
func (x stored) complete() bool {
	if x.err != nil {
		return false
	}
	for name, file := range x.manifest.Files {
		if info, err := os.Stat(filepath.Join(x.path, name)); err != nil || info.Size() != file.Size {
			return false
		}
	}
	return true
}

// byMerit orders checkpoints, given the latest first, by the metric that the latest of them names as the measure, the best
// first. Of equal ones the later is better; those without the metric come last. Those whose manifest is damaged come before
// all: any of them may have been the best, so that none is passed over in silence.
func byMerit(list []stored) []stored {
	list = slices.Clone(list)
	named := slices.IndexFunc(list, func(x stored) bool { return x.err == nil && x.manifest.Best != "" })
	if named < 0 {
		return list
	}
	metric, smaller := strings.CutPrefix(list[named].manifest.Best, "-")
	merit := func(x stored) float64 {
		if x.err != nil {
			return math.Inf(1)
		}
		value, ok := x.manifest.Metrics[metric]
		if !ok || math.IsNaN(value) {
			return math.Inf(-1)
		}
		if smaller {
			return -value
		}
		return value
	}
	slices.SortStableFunc(list, func(a, b stored) int { return cmp.Compare(merit(b), merit(a)) })
	return list
}

func readManifest(dir string) (Checkpoint, error) {
	path := filepath.Join(dir, manifestFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Checkpoint{}, err
	}
	var c Checkpoint
	if err := json.Unmarshal(data, &c); err != nil {
		return Checkpoint{}, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if sum, err := c.sum(); err != nil || sum != c.Sum {
		return Checkpoint{}, fmt.Errorf("%s is damaged: its SHA-256 is not the one it was written with", path)
	}
	return c, nil
}

func (c Checkpoint) sum() (string, error) {
	c.Sum = ""
	data, err := json.Marshal(c)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// check compares the file at path with what the manifest says of it.
func (c Checkpoint) check(path string, size int64, sum [sha256.Size]byte) error {
	want := c.Files[filepath.Base(path)]
	if size != want.Size {
		return fmt.Errorf("%s is damaged: it has %d bytes and was written with %d", path, size, want.Size)
	}
	if hex.EncodeToString(sum[:]) != want.SHA256 {
		return fmt.Errorf("%s is damaged: its SHA-256 is not the one it was written with", path)
	}
	return nil
}

func (f *Folder) stepPath(step int64) string { return f.Path("checkpoints", stepName(step)) }

// stepName is a step in eight digits or more, so that names sort as steps do.
func stepName(step int64) string { return fmt.Sprintf("%08d", step) }

// baseName begins as GoMLX wants it.
func baseName(step int64) string { return "checkpoint-step-" + stepName(step) }
