package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Config is everything that decides the outcome of a run. It is written to config.json when the run is created and never
// changes afterwards.
type Config struct {
	Kind     string            `json:"kind"`               // what sort of model: a row of the table in mmlib/models
	Preset   string            `json:"preset,omitempty"`   // the preset that the settings started from
	Seed     uint64            `json:"seed"`               // the only source of randomness
	Init     string            `json:"init,omitempty"`     // the run folder whose weights this run starts from (fine-tuning)
	Data     json.RawMessage   `json:"data,omitempty"`     // the settings of the source of examples
	Training *Training         `json:"training,omitempty"` // nil for weights that came from elsewhere and are not trained here
	Model    json.RawMessage   `json:"model,omitempty"`    // the model's own Config, e.g. clip.Config
	Files    []string          `json:"files,omitempty"`    // the other files of the run folder that the model cannot be used without
	Versions map[string]string `json:"versions,omitempty"` // go, gomlx, go-xla, plugin, backend; for the record
}

// Training is what the trainer needs to know besides the task.
type Training struct {
	Steps        int      `json:"steps"`
	BatchSize    int      `json:"batch_size"`
	LearningRate float64  `json:"learning_rate"` // peak; linear warm-up, then cosine to FinalRate of it
	Warmup       int      `json:"warmup"`        // steps
	FinalRate    float64  `json:"final_rate"`    // the last step's learning rate, as a fraction of the peak
	WeightDecay  float64  `json:"weight_decay"`  // decoupled; not on biases, gains and scalars (CLIP §2.5)
	Beta1        float64  `json:"beta1"`
	Beta2        float64  `json:"beta2"`
	Epsilon      float64  `json:"epsilon"`
	ClipNorm     float64  `json:"clip_norm"`  // the gradient's largest global norm; 0 for no limit
	Devices      int      `json:"devices"`    // 0 for all that the backend has and the batch divides into
	Frozen       []string `json:"frozen"`     // path prefixes of weights that do not change, e.g. "/vision"
	SaveEvery    int      `json:"save_every"` // steps between checkpoints
	LogEvery     int      `json:"log_every"`  // steps between lines of metrics.jsonl
	Keep         int      `json:"keep"`       // checkpoints kept besides the best one

	// The learning rate of a layer falls by this factor with every layer below the head, 0 < d ≤ 1; 0 is 1: the same for all.
	LayerDecay float64 `json:"layer_decay,omitempty"`

	// Training ends after so many validations, one every SaveEvery steps, that did not better the best measure; 0: it never ends early.
	Patience int `json:"patience,omitempty"`
}

// Validate names the key and the value at fault. What Data and Model hold is checked by whoever reads them.
func (c Config) Validate() error {
	if c.Kind == "" {
		return errors.New("run: kind is empty: it must name a kind of model, as \"clip\"")
	}
	for key, raw := range map[string]json.RawMessage{"data": c.Data, "model": c.Model} {
		if len(raw) > 0 && (bytes.TrimSpace(raw)[0] != '{' || !json.Valid(raw)) {
			return fmt.Errorf("run: %s is not a JSON object", key)
		}
	}
	for _, name := range c.Files {
		if err := checkName(name); err != nil {
			return fmt.Errorf("run: files: %w", err)
		}
	}
	if c.Training == nil {
		return nil
	}
	if err := c.Training.Validate(); err != nil {
		return fmt.Errorf("run: training.%w", err)
	}
	return nil
}

// Validate names the key and the value at fault.
func (t Training) Validate() error {
	const least, belowOne = math.SmallestNonzeroFloat64, 1 - 1e-15
	err := first(
		atLeast("steps", t.Steps, 1),
		atLeast("batch_size", t.BatchSize, 1),
		within("learning_rate", t.LearningRate, least, math.MaxFloat64),
		atLeast("warmup", t.Warmup, 0),
		within("final_rate", t.FinalRate, 0, 1),
		within("weight_decay", t.WeightDecay, 0, math.MaxFloat64),
		within("beta1", t.Beta1, 0, belowOne),
		within("beta2", t.Beta2, 0, belowOne),
		within("epsilon", t.Epsilon, least, math.MaxFloat64),
		within("clip_norm", t.ClipNorm, 0, math.MaxFloat64),
		atLeast("devices", t.Devices, 0),
		atLeast("save_every", t.SaveEvery, 1),
		atLeast("log_every", t.LogEvery, 1),
		atLeast("keep", t.Keep, 1),
		within("layer_decay", t.LayerDecay, 0, 1),
		atLeast("patience", t.Patience, 0),
	)
	if err != nil {
		return err
	}
	if t.Warmup > t.Steps {
		return fmt.Errorf("warmup is %d: it must be at most training.steps (%d)", t.Warmup, t.Steps)
	}
	if t.Devices > 0 && t.BatchSize%t.Devices != 0 {
		return fmt.Errorf("devices is %d: training.batch_size (%d) must be a multiple of it", t.Devices, t.BatchSize)
	}
	for i, path := range t.Frozen {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("frozen[%d] is %q: it must begin with \"/\", as the paths of weights do", i, path)
		}
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func atLeast(key string, x, least int) error {
	if x < least {
		return fmt.Errorf("%s is %d: it must be at least %d", key, x, least)
	}
	return nil
}

// within refuses numbers outside of low to high, and NaN.
func within(key string, x, low, high float64) error {
	switch {
	case x >= low && x <= high:
		return nil
	case math.IsNaN(x) || math.IsInf(x, 0):
		return fmt.Errorf("%s is %g: it must be a finite number", key, x)
	case low == math.SmallestNonzeroFloat64:
		return fmt.Errorf("%s is %g: it must be above 0", key, x)
	case x < low:
		return fmt.Errorf("%s is %g: it must be at least %g", key, x, low)
	case high == 1-1e-15:
		return fmt.Errorf("%s is %g: it must be below 1", key, x)
	}
	return fmt.Errorf("%s is %g: it must be at most %g", key, x, high)
}
