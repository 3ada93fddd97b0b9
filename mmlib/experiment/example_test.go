package experiment_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gomm/kernels/xla"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/experiment"
	"gomm/mmlib/models"
)

// Pretrains a small CLIP for three steps, which teach it nothing yet, and measures it.
func Example() {
	err := func() error {
		temp, err := os.MkdirTemp("", "runs")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		settings, err := models.Preset(models.CLIP, "mnist-tiny")
		if err != nil {
			return err
		}
		settings.Training.Steps, settings.Training.Warmup, settings.Training.BatchSize, settings.Data.Validation = 3, 1, 32, 40
		config, err := models.Complete(models.CLIP, "mnist-tiny", 1, settings)
		if err != nil {
			return err
		}
		backend, err := xla.Open()
		if err != nil {
			return err
		}
		dir := filepath.Join(temp, "first")
		folder, err := experiment.Create(dir, config)
		if err != nil {
			return err
		}
		trained, err := experiment.Train(context.Background(), backend, folder, experiment.Options{})
		if err != nil {
			return err
		}
		fmt.Println(trained.Steps, "steps; validation measured:", len(trained.Validation), "figures")

		m, err := models.Open(dir)
		if err != nil {
			return err
		}
		session, err := experiment.Session(backend, m)
		if err != nil {
			return err
		}
		_, test, err := mnist.Load(mnist.MNIST, mnist.Options{})
		if err != nil {
			return err
		}
		zero, err := experiment.MeasureZeroShot(session, m.Config, m.Tokenizer, test.Limit(50))
		if err != nil {
			return err
		}
		fmt.Println(zero.Images.Rows, "pictures,", zero.Similarity["zh"].Width, "classes")
		return nil
	}()
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 3 steps; validation measured: 3 figures
	// 50 pictures, 10 classes
}
