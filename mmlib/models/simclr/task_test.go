package simclr_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/infer"
	"gomm/mmlib/models/simclr"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
	"gomm/mmlib/train"
)

// pictures are random ones of 4×4 pixels; with r they get a random brightness and some noise.
type pictures struct{ n int }

func (p pictures) Len() int                                     { return p.n }
func (p pictures) Shape() (frames, height, width, channels int) { return 1, 4, 4, 1 }
func (p pictures) Picture(dst []float32, i int, r *rand.Rand) {
	own := rand.New(rand.NewPCG(7, uint64(i)))
	for k := range dst {
		dst[k] = float32(own.NormFloat64())
	}
	if r != nil {
		light := r.Float32()
		for k := range dst {
			dst[k] += light + 0.1*float32(r.NormFloat64())
		}
	}
}

// pixels are the first n pictures, as a predictor takes them.
func pixels(n int) []float32 {
	out := make([]float32, n*16)
	for i := range n {
		pictures{n}.Picture(out[i*16:(i+1)*16], i, nil)
	}
	return out
}

func pretraining(t *testing.T, n int) *simclr.Pretraining {
	t.Helper()
	p, err := simclr.NewPretraining(small(), pictures{n})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBatch: two views of each picture, which differ from each other and from the picture, a function of r alone.
func TestBatch(t *testing.T) {
	job, examples := pretraining(t, 9), []int{5, 0, 3, 3}
	batch := func(seed uint64) [2][]float32 {
		b, err := job.Batch(examples, rand.New(rand.NewPCG(seed, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Inputs) != 2 || !slices.Equal(b.Shared, []bool{false, false}) {
			t.Fatalf("there are %d inputs, shared: %v", len(b.Inputs), b.Shared)
		}
		var views [2][]float32
		for k, in := range b.Inputs {
			if in.Shape().String() != "(Float32)[4, 4, 4, 1]" {
				t.Fatalf("the views have the shape %s", in.Shape())
			}
			views[k] = tensors.MustCopyFlatData[float32](in)
		}
		return views
	}
	a, again, other := batch(1), batch(1), batch(2)
	for k := range a {
		if !slices.Equal(a[k], again[k]) {
			t.Errorf("view %d is another one the second time", k)
		}
		if slices.Equal(a[k], other[k]) {
			t.Errorf("view %d is the same for another r", k)
		}
	}
	original := make([]float32, 16)
	for n, i := range examples {
		pictures{9}.Picture(original, i, nil)
		first, second := a[0][n*16:(n+1)*16], a[1][n*16:(n+1)*16]
		if slices.Equal(first, second) || slices.Equal(first, original) || slices.Equal(second, original) {
			t.Errorf("example %d: views %v and %v of %v", i, first, second, original)
		}
		for k := range original {
			if d := first[k] - original[k]; d < -0.6 || d > 1.6 {
				t.Errorf("example %d: pixel %d of its view is %v away: it is another picture's", i, k, d)
			}
		}
	}
	if slices.Equal(a[0][2*16:3*16], a[0][3*16:]) {
		t.Error("an example that comes twice has the same view twice")
	}
}

func TestRefuses(t *testing.T) {
	c := small()
	_, err := simclr.NewPretraining(c, nil)
	wants(t, err, "no pictures")
	_, err = simclr.NewPretraining(c, pictures{0})
	wants(t, err, "no pictures")
	c.Vision.ImageSize = 8
	_, err = simclr.NewPretraining(c, pictures{3})
	wants(t, err, "4×4 pixels", "8×8", "vision.image_size")
	c.Hidden = 0
	_, err = simclr.NewPretraining(c, pictures{3})
	wants(t, err, "hidden is 0")
}

func wants(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v, want one with %q", err, w)
		}
	}
}

// TestOverfit: a model that cannot tell sixteen pictures apart has a bug. Saved and loaded again, it gives the same
// representations, of length 1.
func TestOverfit(t *testing.T) {
	const n = 16
	job := pretraining(t, n)
	settings, err := json.Marshal(job.Config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/run"
	f, err := run.Create(dir, run.Config{Kind: "simclr", Seed: 1, Model: settings, Training: &run.Training{
		Steps: 150, BatchSize: n, LearningRate: 5e-3, Warmup: 5, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1,
		Devices: 1, SaveEvery: 1000, LogEvery: 1000, Keep: 1,
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var first, last train.Progress
	start := initialised(t, job.Config)
	trainer, err := train.New(backend, job, f, train.Hooks{
		Init: func(s *model.Store) error {
			for v := range start.IterVariables() {
				if _, err := s.CreateVariable(v.Path(), v.MustValue()); err != nil {
					return err
				}
			}
			return nil
		},
		Progress: func(p train.Progress) {
			if last = p; p.Step == 1 {
				first = p
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := trainer.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if last.Loss > 0.5 || last.Loss > first.Loss/2 || last.Metrics["batch_accuracy"] != 1 {
		t.Errorf("the loss went from %g to %g, the accuracy to %g: want nearly 0 and 1", first.Loss, last.Loss, last.Metrics["batch_accuracy"])
	}
	saved, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	weights := model.NewStore()
	if _, err := saved.LoadWeights(weights); err != nil {
		t.Fatal(err)
	}
	image := call(t, &simclr.Predictor{Config: job.Config, Weights: weights}, n)
	if !slices.Equal(image, call(t, &simclr.Predictor{Config: job.Config, Weights: trainer.Store()}, n)) {
		t.Error("the saved and loaded model gives other representations")
	}
	for i := range n {
		length := 0.0
		for _, x := range image[i*job.Config.Vision.Width:][:job.Config.Vision.Width] {
			length += float64(x) * float64(x)
		}
		if math.Abs(length-1) > 1e-5 {
			t.Errorf("representation %d has length %v, want 1", i, math.Sqrt(length))
		}
	}
}

// call embeds the first n pictures.
func call(t *testing.T, p task.Predictor, n int) []float32 {
	t.Helper()
	s, err := infer.Open(backend, p, nil, n)
	if err != nil {
		t.Fatal(err)
	}
	out, err := infer.Call(s, "image", n, pixels(n))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
