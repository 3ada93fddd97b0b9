package run_test

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/run"
)

func settings() run.Config {
	return run.Config{
		Kind: "clip", Preset: "mnist-demo", Seed: 1,
		Data: json.RawMessage(`{"name":"mnist"}`),
		Training: &run.Training{
			Steps: 300, BatchSize: 256, LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6,
			SaveEvery: 100, LogEvery: 10, Keep: 1,
		},
		Model: json.RawMessage(`{}`),
	}
}

// A training run creates its folder, saves as it goes, and whoever predicts later loads the best weights by the folder's path.
func Example() {
	dir, err := os.MkdirTemp("", "runs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "demo")

	folder, err := run.Create(dir, settings(), nil)
	if err != nil {
		log.Fatal(err)
	}
	folder.Best = "accuracy"
	for i, accuracy := range []float64{0.91, 0.97, 0.95} {
		step := int64(100 * (i + 1))
		weights := model.NewStore()
		if _, err := weights.CreateVariable("/logit_scale", tensors.FromValue(float32(step))); err != nil {
			log.Fatal(err)
		}
		if err := folder.Save(weights, step, map[string]float64{"accuracy": accuracy}); err != nil {
			log.Fatal(err)
		}
	}
	if err := folder.Close(); err != nil {
		log.Fatal(err)
	}

	trained, err := run.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	weights := model.NewStore()
	step, err := trained.LoadWeights(weights)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(trained.Config().Preset, "at step", step)
	fmt.Println(weights.GetVariable("/logit_scale").MustValue().Value())
	// Output:
	// mnist-demo at step 200
	// 200
}

func ExampleSet() {
	config := settings()
	fmt.Println(run.Set(&config, "training.learning_rate", "5e-4"), config.Training.LearningRate)
	fmt.Println(run.Set(&config, "batch_size", "64"), config.Training.BatchSize)
	fmt.Println(run.Set(&config, "batch_size", "many"))
	fmt.Println(run.Set(&config, "lerning_rate", "1"))
	// Output:
	// <nil> 0.0005
	// <nil> 64
	// run: training.batch_size cannot be "many": it must be a whole number
	// run: there is no setting "lerning_rate": the nearest are training.learning_rate, training.final_rate, init
}
