package experiment_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"gomm/kernels/xla"
	"gomm/mmlib/data"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
	"gomm/mmlib/run"
)

// Pretrains a small CLIP for three steps, which teach it nothing yet, and measures it.
func Example() {
	temp, err := os.MkdirTemp("", "runs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(temp)
	ctx, dir := context.Background(), filepath.Join(temp, "first")
	backend, err := xla.Open()
	if err != nil {
		log.Fatal(err)
	}
	settings, err := models.Preset("clip", "mnist-tiny")
	if err != nil {
		log.Fatal(err)
	}
	for key, value := range map[string]string{"steps": "3", "warmup": "1", "batch_size": "32", "data.validation": "40"} {
		if err := run.Set(&settings, key, value); err != nil {
			log.Fatal(err)
		}
	}
	r, err := experiment.Create(ctx, backend, dir, settings, data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	trained, err := r.Train(ctx, experiment.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(trained.Steps, "steps; measured on the validation split:", len(trained.Validation), "figures")

	measured, err := experiment.Evaluate(ctx, backend, dir, experiment.On{Split: data.Validation})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range measured.Figures() {
		fmt.Println(f.Key, f.Unit)
	}
	// Output:
	// 3 steps; measured on the validation split: 3 figures
	// accuracy_en %
	// accuracy_zh %
	// accuracy %
}
