package clip_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/infer"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
	"gomm/mmlib/train"
)

// trained trains on all ten examples at every step, from the weights in start, and returns the folder, the weights and
// what the last step reported.
func trained(t *testing.T, name string, job task.Task, config any, start *model.Store, steps int, rate float64) (dir string,
	weights *model.Store, last train.Progress) {
	t.Helper()
	settings, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	f, err := run.Create(dir+"/run", run.Config{
		Kind: name, Seed: 1, Model: settings,
		Training: &run.Training{
			Steps: steps, BatchSize: 10, LearningRate: rate, Warmup: 5, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1,
			Devices: 1, SaveEvery: 1000, LogEvery: 1000, Keep: 1,
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	hooks := train.Hooks{
		Init: func(s *model.Store) error {
			for v := range start.IterVariables() {
				if _, err := s.CreateVariable(v.Path(), v.MustValue()); err != nil {
					return err
				}
			}
			return nil
		},
		Progress: func(p train.Progress) { last = p },
	}
	trainer, err := train.New(backend, job, f, hooks)
	if err != nil {
		t.Fatal(err)
	}
	if err := trainer.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir + "/run", trainer.Store(), last
}

// loaded opens the folder again and loads its weights.
func loaded(t *testing.T, dir string) *model.Store {
	t.Helper()
	f, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if _, err := f.LoadWeights(store); err != nil {
		t.Fatal(err)
	}
	return store
}

// call runs one of a predictor's functions.
func call[In float32 | int32](t *testing.T, p task.Predictor, name string, n int, in []In) []float32 {
	t.Helper()
	s, err := infer.Open(backend, p, []string{name}, n)
	if err != nil {
		t.Fatal(err)
	}
	out, err := infer.Call(s, name, n, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ten are the examples, as a predictor takes them.
func ten(p pictures) []float32 {
	out := make([]float32, 10*16)
	for i := range 10 {
		p.Picture(out[i*16:(i+1)*16], i, nil)
	}
	return out
}

// TestOverfitPretraining: a model that cannot learn ten examples by heart has a bug. Five classes with two captions each:
// the loss goes down to its floor, ln 2, and each picture lies nearest to a caption of its class. Saved and loaded again,
// the model gives the same embeddings.
func TestOverfitPretraining(t *testing.T) {
	const classes = 5
	job := pretraining(t, 10, classes, "meanings")
	dir, weights, last := trained(t, "clip", job, job.Config, initialised(t, job.Config), 120, 2e-3)
	if floor := last.Metrics["floor"]; math.Abs(floor-math.Ln2) > 1e-5 || last.Loss > floor+0.05 {
		t.Errorf("after %d steps the loss is %g, the floor %g (ln 2)", last.Step, last.Loss, floor)
	}
	if a := last.Metrics["batch_accuracy"]; a != 1 {
		t.Errorf("after %d steps the accuracy is %g, want 1", last.Step, a)
	}
	if s := last.Metrics["logit_scale"]; s < 1 || s > 100 {
		t.Errorf("the logit scale is %g, want one between 1 and 100", s)
	}

	live, saved := &clip.Predictor{Config: job.Config, Weights: weights}, &clip.Predictor{Config: job.Config, Weights: loaded(t, dir)}
	var captions []int32
	for k := range classes * each {
		captions = append(captions, ids(k)...)
	}
	in := ten(pictures{10, classes})
	image, text := call(t, saved, "image", 10, in), call(t, saved, "text", 10, captions)
	if !slices.Equal(image, call(t, live, "image", 10, in)) || !slices.Equal(text, call(t, live, "text", 10, captions)) {
		t.Error("the saved and loaded model gives other embeddings")
	}
	for i := range 10 {
		best, nearest := math.Inf(-1), 0
		for k := range 10 {
			dot := 0.0
			for d := range job.Config.Projection {
				dot += float64(image[i*job.Config.Projection+d]) * float64(text[k*job.Config.Projection+d])
			}
			if dot > best {
				best, nearest = dot, k
			}
		}
		if class := nearest / each; class != i%classes {
			t.Errorf("zero-shot, picture %d of class %d is nearest to a caption of class %d", i, i%classes, class)
		}
	}
}

// TestOverfitClassifier: the same for the classifier, from CLIP's vision tower.
func TestOverfitClassifier(t *testing.T) {
	config := clip.ClassifierConfig{Vision: small().Vision, Classes: 10}
	examples := pictures{10, 10}
	job, err := clip.NewFinetuning(config, examples)
	if err != nil {
		t.Fatal(err)
	}
	start := initialised(t, small())
	if err := clip.KeepVision(start); err != nil {
		t.Fatal(err)
	}
	dir, weights, last := trained(t, "classifier", job, config, start, 80, 1e-2)
	if last.Loss > 0.05 || last.Metrics["batch_accuracy"] != 1 {
		t.Errorf("after %d steps the loss is %g and the accuracy %g, want nearly 0 and 1", last.Step, last.Loss, last.Metrics["batch_accuracy"])
	}
	live, saved := &clip.Classifier{Config: config, Weights: weights}, &clip.Classifier{Config: config, Weights: loaded(t, dir)}
	probabilities := call(t, saved, "classify", 10, ten(examples))
	if !slices.Equal(probabilities, call(t, live, "classify", 10, ten(examples))) {
		t.Error("the saved and loaded classifier gives other probabilities")
	}
	for i := range 10 {
		row, sum := probabilities[i*10:(i+1)*10], 0.0
		for _, p := range row {
			sum += float64(p)
		}
		if math.Abs(sum-1) > 1e-5 || row[i] != slices.Max(row) {
			t.Errorf("picture %d of class %d has the probabilities %v", i, i, row)
		}
	}
}
