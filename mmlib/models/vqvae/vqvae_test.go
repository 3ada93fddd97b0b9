package vqvae_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/vqvae"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/run"
	"gomm/mmlib/train"
)

// What is trained here runs on the Go backend, which has nothing to compile; the rest on whatever there is.
var backend, quick compute.Backend

func TestMain(m *testing.M) {
	var err, quickErr error
	backend, err = xla.Open()
	quick, quickErr = compute.NewWithConfig("go:parallelism=-1") // which the default may deadlock
	if err := errors.Join(err, quickErr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// small is for pictures of four patches, with a code of eight for each.
func small(method codebook.Method) vqvae.Config {
	blocks := transformer.Config{Width: 16, Layers: 1, Heads: 2, MLP: 32, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	c := vqvae.Config{Autoencoder: codebook.Autoencoder{
		ImageSize: 8, Channels: 1, PatchSize: 4, Method: method, Encoder: blocks, Decoder: blocks,
		Codebook: codebook.Config{Codes: 8, Width: 4, Commitment: 0.02, Decay: 0.8, Revive: 0.5},
	}}
	if method == codebook.Relaxed {
		c.Hot, c.Cold, c.Cooling, c.Divergence = 1, 0.1, 100, 1e-5
	}
	return c
}

// stripes are pictures of four patches, each of which shows one of four patterns: ten pictures of four codes.
type stripes struct{}

func (stripes) Len() int                 { return 10 }
func (stripes) Shape() (f, h, w, c int)  { return 1, 8, 8, 1 }
func (stripes) pattern(i, patch int) int { return (i*7 + patch*patch + i*patch) % 4 }
func (stripes) at(pattern, y, x int) float32 {
	return []float32{0, 1, float32(x % 2), float32(y % 2)}[pattern]
}

func (s stripes) Picture(dst []float32, i int, _ *rand.Rand) {
	for y := range 8 {
		for x := range 8 {
			dst[y*8+x] = s.at(s.pattern(i, y/4*2+x/4), y, x)
		}
	}
}

// pixels are all pictures.
func pixels() *tensors.Tensor {
	flat := make([]float32, 10*64)
	for i := range 10 {
		stripes{}.Picture(flat[i*64:(i+1)*64], i, nil)
	}
	return tensors.FromFlatDataAndDimensions(flat, 10, 8, 8, 1)
}

// trained trains a model on the ten pictures and returns its weights and its last metrics.
func trained(t *testing.T, c vqvae.Config, steps int) (*model.Store, map[string]float64) {
	t.Helper()
	job, err := vqvae.NewPretraining(c, stripes{})
	check.Must(t, err)
	training := run.Training{
		Steps: steps, BatchSize: 10, LearningRate: 1e-2, Warmup: 5, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1,
		SaveEvery: steps, LogEvery: steps, Keep: 1, Devices: 1,
	}
	config := run.Config{Kind: "vqvae", Seed: 3, Model: []byte(`{}`), Training: &training}
	f, err := run.Create(filepath.Join(t.TempDir(), "run"), config, nil)
	check.Must(t, err)
	defer f.Close()
	last := map[string]float64{}
	tr, err := train.New(quick, job, f, train.Hooks{Progress: func(p train.Progress) { last = p.Metrics }})
	check.Must(t, err)
	check.Must(t, tr.Run(t.Context()))
	return tr.Store(), maps.Clone(last)
}

// TestOverfit: ten pictures of four patterns are learnt by heart, by both methods, with and without an adversary, and what the codes of
// the trained model give back is what they are.
func TestOverfit(t *testing.T) {
	adversary := small(codebook.VQ)
	adversary.Adversary = vqvae.Adversary{Weight: 0.01, PatchSize: 4, Width: 8}
	for name, c := range map[string]vqvae.Config{
		"vq": small(codebook.VQ), "relaxed": small(codebook.Relaxed), "with an adversary": adversary,
	} {
		store, metrics := trained(t, c, 250)
		s, err := infer.Open(quick, &vqvae.Predictor{Config: c, Weights: store}, nil, 10)
		check.Must(t, err)
		x := pixels()
		codes, err := s.Call("codes", x)
		check.Must(t, err)
		back, err := s.Call("drawing", codes[0])
		check.Must(t, err)
		sum := 0.0
		want, got := tensors.MustCopyFlatData[float32](x), tensors.MustCopyFlatData[float32](back[0])
		for i := range want {
			sum += math.Pow(float64(want[i]-got[i]), 2)
		}
		if sum /= float64(len(want)); sum > 0.01 {
			t.Errorf("%s: the mean squared error is %.4f; metrics %v", name, sum, metrics)
		}
	}
}

// TestUnusedCode plants the fault that revival is there for: without it a codebook that starts far from everything stays unused.
func TestUnusedCode(t *testing.T) {
	c := small(codebook.VQ)
	c.Codebook.Revive = 0
	if _, metrics := trained(t, c, 100); metrics["use"] >= 0.5 {
		t.Errorf("without revival %.2f of the codes are in use: this start is too good to show the fault", metrics["use"])
	}
	if _, metrics := trained(t, small(codebook.VQ), 100); metrics["use"] < 0.5 {
		t.Errorf("with revival %.2f of the codes are in use", metrics["use"])
	}
}

// TestTemperature: τ falls along half a cosine, and stays.
func TestTemperature(t *testing.T) {
	c := small(codebook.Relaxed)
	c.Cooling = 4
	job, err := vqvae.NewPretraining(c, stripes{})
	check.Must(t, err)
	store := model.NewStore()
	exec, err := model.NewExec(backend, store, func(s *model.Scope, in []*Node) []*Node {
		l, metrics := job.Loss(s, in)
		return append([]*Node{l}, metrics...) // all of them: the Go backend does not run what leads nowhere
	})
	check.Must(t, err)
	for step, want := range []float64{1, 0.1 + 0.9*(1+math.Sqrt(0.5))/2, 0.55, 0.1 + 0.9*(1-math.Sqrt(0.5))/2, 0.1, 0.1} {
		out, err := exec.Call(pixels())
		check.Must(t, err)
		if got := tensors.ToScalar[float32](out[4]); math.Abs(float64(got)-want) > 1e-5 {
			t.Errorf("step %d: temperature %g, want %g", step, got, want)
		}
	}
}

// TestPresets pins the number of parameters of every preset, of what is used after training; a preset that is not in the table fails.
func TestPresets(t *testing.T) {
	want := map[string]int{"mnist": 317_472, "mnist-dvae": 328_208, "mnist-tiny": 48_192, "scenes": 606_371}
	for name, c := range vqvae.Presets {
		check.Must(t, c.Validate())
		store := model.NewStore()
		g := NewGraph(backend, "weights")
		model.SetStore(g, store)
		x := Zeros(g, shapes.Make(dtypes.Float32, 1, c.ImageSize, c.ImageSize, c.Channels))
		for _, f := range (&vqvae.Predictor{Config: c, Weights: store}).Funcs() {
			x = f.Graph(store.RootScope(), []*Node{x})[0]
		}
		if n, ok := want[name]; !ok || n != store.NumParameters() {
			t.Errorf("preset %s has %d parameters, want %d", name, store.NumParameters(), n)
		}
		g.Finalize()
	}
	for name := range want {
		if _, ok := vqvae.Presets[name]; !ok {
			t.Errorf("preset %s is gone", name)
		}
	}
}

// TestValidate: what is out of range is named, with its value.
func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*vqvae.Config){
		"image_size is 0":           func(c *vqvae.Config) { c.ImageSize = 0 },
		"channels is 0":             func(c *vqvae.Config) { c.Channels = 0 },
		"image_size 8":              func(c *vqvae.Config) { c.PatchSize = 3 },
		`method is "best"`:          func(c *vqvae.Config) { c.Method = "best" },
		"codebook.codes is 1":       func(c *vqvae.Config) { c.Codebook.Codes = 1 },
		"encoder.width 16":          func(c *vqvae.Config) { c.Encoder.Heads = 3 },
		"decoder.mlp is 0":          func(c *vqvae.Config) { c.Decoder.MLP = 0 },
		"hot, cold":                 func(c *vqvae.Config) { c.Hot = 1 },
		"cold is 0":                 func(c *vqvae.Config) { c.Method = codebook.Relaxed },
		"hot is NaN":                func(c *vqvae.Config) { c.Method, c.Cold, c.Hot = codebook.Relaxed, 1, math.NaN() },
		"cooling is -1":             func(c *vqvae.Config) { c.Method, c.Cold, c.Hot, c.Cooling = codebook.Relaxed, 1, 1, -1 },
		"divergence is -1":          func(c *vqvae.Config) { c.Method, c.Cold, c.Hot, c.Divergence = codebook.Relaxed, 1, 1, -1 },
		"adversary.weight is -1":    func(c *vqvae.Config) { c.Adversary.Weight = -1 },
		"adversary.patch_size is 3": func(c *vqvae.Config) { c.Adversary = vqvae.Adversary{Weight: 1, PatchSize: 3, Width: 1} },
		"adversary.width is 0":      func(c *vqvae.Config) { c.Adversary = vqvae.Adversary{Weight: 1, PatchSize: 4} },
	} {
		c := small(codebook.VQ)
		check.Must(t, c.Validate())
		change(&c)
		check.Error(t, c.Validate(), want)
	}
	_, err := vqvae.NewPretraining(vqvae.Presets["mnist"], stripes{})
	check.Error(t, err, "8×8 pixels", "28×28 pixels", "image_size")
}
