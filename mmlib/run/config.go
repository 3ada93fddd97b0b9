package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Config is everything that decides the outcome of a training. It is written to config.json when a run is created and
// never changes afterwards.
type Config struct {
	Task     string            `json:"task"`           // "clip" or "classifier": a row of the table in mmlib/models
	Preset   string            `json:"preset"`         // the preset that the settings started from
	Seed     uint64            `json:"seed"`           // the only source of randomness
	Init     string            `json:"init,omitempty"` // the run folder whose weights this run starts from (fine-tuning)
	Data     Data              `json:"data"`
	Training Training          `json:"training"`
	Model    json.RawMessage   `json:"model"`              // the model's own Config, e.g. clip.Config
	Versions map[string]string `json:"versions,omitempty"` // go, gomlx, go-xla, plugin, backend; for the record
}

// Data names the examples of a run.
type Data struct {
	Name       string   `json:"name"`       // "mnist" or "fashion-mnist"
	Validation int      `json:"validation"` // training examples held out, on which checkpoints and settings are chosen
	Limit      int      `json:"limit"`      // at most so many training examples; 0 for all
	Augment    Augment  `json:"augment"`
	Captions   Captions `json:"captions"` // of tasks with texts
}

// Captions says which captions the pictures of a data set without captions of its own are given.
type Captions struct {
	Languages []string `json:"languages"` // "en", "zh"
	PerBatch  int      `json:"per_batch"` // different captions in a batch, each of them encoded once
	Sharing   string   `json:"sharing"`   // clip.Sharing: "pairs", "captions" or "meanings"
}

// Augment is the range of random affine changes to a training picture; each is drawn uniformly from ± the value.
type Augment struct {
	Shift  float64 `json:"shift"`  // pixels, both axes
	Rotate float64 `json:"rotate"` // degrees
	Scale  float64 `json:"scale"`  // relative: 0.1 is 90 % to 110 %
	Shear  float64 `json:"shear"`  // degrees
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
}

// Validate names the key and the value that are at fault. The model's settings are for the model to check.
func (c Config) Validate() error {
	if c.Task == "" {
		return errors.New("run: task is empty: it must name a task, as \"clip\"")
	}
	if model := bytes.TrimSpace(c.Model); len(model) > 0 && !bytes.Equal(model, []byte("null")) && (model[0] != '{' || !json.Valid(model)) {
		return errors.New("run: model is not a JSON object: it must be the model's own settings")
	}
	if err := c.Data.Validate(); err != nil {
		return fmt.Errorf("run: data.%w", err)
	}
	if err := c.Training.Validate(); err != nil {
		return fmt.Errorf("run: training.%w", err)
	}
	return nil
}

// Validate names the key and the value that are at fault.
func (d Data) Validate() error {
	if d.Name == "" {
		return errors.New("name is empty: it must name a data set, as \"mnist\"")
	}
	a := d.Augment
	return first(
		atLeast("validation", d.Validation, 0),
		atLeast("limit", d.Limit, 0),
		atLeast("captions.per_batch", d.Captions.PerBatch, 0),
		within("augment.shift", a.Shift, 0, math.MaxFloat64),
		within("augment.rotate", a.Rotate, 0, 180),
		within("augment.scale", a.Scale, 0, 0.99),
		within("augment.shear", a.Shear, 0, 89),
	)
}

// Validate names the key and the value that are at fault.
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
