package run

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/internal/check"
)

// towerConfig is built like a model's: an embedded struct, a named string, lists.
type blockConfig struct {
	Layers int   `json:"layers"`
	Sizes  []int `json:"sizes"`
}

type activation string

type towerConfig struct {
	PatchSize int `json:"patch_size"`
	blockConfig
	Activation activation `json:"activation"`
}

type modelConfig struct {
	Vision      towerConfig `json:"vision"`
	Text        towerConfig `json:"text"`
	Temperature float32     `json:"temperature"`
	Causal      bool        `json:"causal"`
	Private     int         `json:"-"`
	hidden      int
}

// tree joins a run's settings with those of its model: an embedded pointer, an interface, and a key that hides another.
func tree() (*Config, *modelConfig, any) {
	c, m := validConfig(), &modelConfig{hidden: 1}
	return &c, m, &struct {
		*Config
		Model any `json:"model"`
	}{&c, m}
}

func TestSet(t *testing.T) {
	c, m, target := tree()
	for _, test := range []struct {
		key, value string
		got        func() any
		want       any
	}{
		{"training.steps", "250", func() any { return c.Training.Steps }, 250},
		{"steps", " 300 ", func() any { return c.Training.Steps }, 300},
		{"seed", "18446744073709551615", func() any { return c.Seed }, uint64(math.MaxUint64)},
		{"learning_rate", "5e-4", func() any { return c.Training.LearningRate }, 5e-4},
		{"kind", "classifier", func() any { return c.Kind }, "classifier"},
		{"frozen", "/vision, /text", func() any { return c.Training.Frozen }, []string{"/vision", "/text"}},
		{"frozen", `["/a,b"]`, func() any { return c.Training.Frozen }, []string{"/a,b"}},
		{"frozen", "", func() any { return c.Training.Frozen }, []string{}},
		{"versions", `{"go":"1.26.5"}`, func() any { return c.Versions }, map[string]string{"go": "1.26.5"}},
		{"model.vision.layers", "4", func() any { return m.Vision.Layers }, 4},
		{"text.layers", "2", func() any { return m.Text.Layers }, 2},
		{"vision.sizes", "1,2,3", func() any { return m.Vision.Sizes }, []int{1, 2, 3}},
		{"vision.activation", "gelu", func() any { return m.Vision.Activation }, activation("gelu")},
		{"temperature", "0.07", func() any { return m.Temperature }, float32(0.07)},
		{"causal", "true", func() any { return m.Causal }, true},
	} {
		if err := Set(target, test.key, test.value); err != nil {
			t.Error(err)
		} else if got := test.got(); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s=%s gave %v, want %v", test.key, test.value, got, test.want)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	c, m, target := tree()
	before := fmt.Sprint(*c, *m)
	for _, test := range []struct {
		key, value string
		words      []string
	}{
		{"training.stpes", "3", []string{`"training.stpes"`, "training.steps"}},
		{"batchsize", "3", []string{"training.batch_size"}},
		{"trainin", "3", []string{"training.steps"}},
		{"layers", "3", []string{"ambiguous", "model.vision.layers", "model.text.layers"}},
		{"training", "3", []string{"group", "training.steps", "training.keep"}},
		{"model", "{}", []string{"group", "model.vision.patch_size"}},
		{"hidden", "3", []string{"no setting"}},
		{"Private", "3", []string{"no setting"}},
		{"", "3", []string{`no setting ""`}},
		{"steps", "many", []string{"training.steps", `"many"`, "a whole number"}},
		{"steps", "2.5", []string{"a whole number"}},
		{"steps", "", []string{"training.steps", `""`}},
		{"seed", "-1", []string{"seed", "from 0"}},
		{"learning_rate", "NaN", []string{"training.learning_rate", "NaN", "a finite number"}},
		{"learning_rate", "+Inf", []string{"a finite number"}},
		{"temperature", "1e60", []string{"a finite number"}},
		{"causal", "perhaps", []string{"model.causal", "true or false"}},
		{"vision.sizes", "1,x", []string{"model.vision.sizes", "a list", "a whole number"}},
		{"vision.sizes", "[1,", []string{"model.vision.sizes", "a list"}},
		{"versions", "x", []string{"versions", "a JSON object"}},
	} {
		check.Error(t, Set(target, test.key, test.value), test.words...)
	}
	if after := fmt.Sprint(*c, *m); after != before {
		t.Errorf("settings that were refused changed %s to %s", before, after)
	}
	check.Error(t, Set(Config{}, "steps", "1"), "pointer to a struct")
	check.Error(t, Set(nil, "steps", "1"), "pointer to a struct")
	check.Error(t, Set((*Config)(nil), "steps", "1"), "pointer to a struct")
}

func TestKeys(t *testing.T) {
	_, _, target := tree()
	keys := Keys(target)
	for _, key := range []string{"kind", "seed", "training.frozen", "training.keep", "model.vision.patch_size", "model.text.layers",
		"model.causal"} {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is not among %v", key, keys)
		}
	}
	for _, key := range keys {
		if strings.Contains(key, "rivate") || strings.Contains(key, "hidden") || key == "model" {
			t.Errorf("%s is among the keys", key)
		}
	}
	sorted := slices.Sorted(slices.Values(keys))
	if len(slices.Compact(sorted)) != len(keys) {
		t.Errorf("keys come twice: %v", keys)
	}
}

func TestDecodeStrict(t *testing.T) {
	_, m, target := tree()
	check.Must(t, DecodeStrict([]byte(`{"seed":7,"model":{"vision":{"layers":3,"sizes":[1]},"causal":true}}`), target))
	if m.Vision.Layers != 3 || !m.Causal || target.(interface{ Validate() error }).Validate() != nil {
		t.Errorf("decoded %+v", m)
	}
	for text, words := range map[string][]string{
		`{"training":{"stesp":1}}`:             {`"training.stesp"`, "training.steps"},
		`{"Seed":1}`:                           {`"Seed"`, "seed"},
		`{"model":{"vision":{"layer":1}}}`:     {`"model.vision.layer"`, "model.vision.layers"},
		`{"training":{"steps":"many"}}`:        {"training.steps", "string", "a whole number"},
		`{"training":{"steps":1.5}}`:           {"training.steps", "a whole number"},
		`{"training":3}`:                       {"run: training is", "number", "a JSON object"},
		`{"model":{"vision":{"sizes":["x"]}}}`: {"model.vision.sizes", "string"},
		`{"seed":1} {}`:                        {"JSON"},
		`{"seed":`:                             {"JSON"},
		`[]`:                                   {"array", "a JSON object"},
		``:                                     {"JSON"},
	} {
		check.Error(t, DecodeStrict([]byte(text), target), words...)
	}
	var list struct {
		Rows []struct {
			Name string `json:"name"`
		} `json:"rows"`
	}
	check.Error(t, DecodeStrict([]byte(`{"rows":[{"name":"a"},{"nam":"b"}]}`), &list), "rows.1.nam")
}

func TestValidate(t *testing.T) {
	check.Must(t, validConfig().Validate())
	for words, spoil := range map[string]func(*Config){
		"kind is empty":                                       func(c *Config) { c.Kind = "" },
		"data is not a JSON object":                           func(c *Config) { c.Data = json.RawMessage("3") },
		"model is not a JSON object":                          func(c *Config) { c.Model = json.RawMessage("[]") },
		"training.steps is 0: it must be at least 1":          func(c *Config) { c.Training.Steps = 0 },
		"training.batch_size is 0: it must be at least 1":     func(c *Config) { c.Training.BatchSize = 0 },
		"training.learning_rate is 0: it must be above 0":     func(c *Config) { c.Training.LearningRate = 0 },
		"training.learning_rate is +Inf: it must be a finite": func(c *Config) { c.Training.LearningRate = math.Inf(1) },
		"training.warmup is 101":                              func(c *Config) { c.Training.Warmup = 101 },
		"training.final_rate is 2: it must be at most 1":      func(c *Config) { c.Training.FinalRate = 2 },
		"training.weight_decay is -1":                         func(c *Config) { c.Training.WeightDecay = -1 },
		"training.beta1 is 1: it must be below 1":             func(c *Config) { c.Training.Beta1 = 1 },
		"training.beta2 is NaN":                               func(c *Config) { c.Training.Beta2 = math.NaN() },
		"training.epsilon is 0":                               func(c *Config) { c.Training.Epsilon = 0 },
		"training.clip_norm is -1":                            func(c *Config) { c.Training.ClipNorm = -1 },
		"training.devices is 3":                               func(c *Config) { c.Training.Devices = 3 },
		`training.frozen[0] is "vision"`:                      func(c *Config) { c.Training.Frozen = []string{"vision"} },
		"training.save_every is 0":                            func(c *Config) { c.Training.SaveEvery = 0 },
		"training.log_every is 0":                             func(c *Config) { c.Training.LogEvery = 0 },
		"training.keep is 0":                                  func(c *Config) { c.Training.Keep = 0 },
	} {
		c := validConfig()
		spoil(&c)
		check.Error(t, c.Validate(), "run: "+words)
		_, err := Create(t.TempDir(), c, nil)
		check.Error(t, err, words)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"steps", "stpes", 2}, {"数字", "数", 1}, {"ab", "ba", 2}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) is %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
