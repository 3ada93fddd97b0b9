package models_test

import (
	"fmt"

	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// A preset is a copy, to be changed at will; Complete fills in what depends on the data.
func Example() {
	settings, err := models.Preset(models.CLIP, "mnist-tiny")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Set(&settings, "model.vision.width", "64"), run.Set(&settings, "training.steps", "100"))
	config, err := models.Complete(models.CLIP, "mnist-tiny", 1, settings)
	if err != nil {
		fmt.Println(err)
		return
	}
	size := settings.Model.(*clip.Config)
	fmt.Printf("%d steps, vision %d wide, %d tokens, captions of up to %d\n", config.Training.Steps, size.Vision.Width, size.Text.Vocab, size.Text.Context)

	_, err = models.Preset(models.CLIP, "mnist-huge")
	fmt.Println(err)
	// Output:
	// <nil> <nil>
	// 100 steps, vision 64 wide, 44 tokens, captions of up to 10
	// models: task clip has no preset "mnist-huge"; there are mnist, mnist-demo, mnist-tiny
}

func ExamplePrompts() {
	for _, language := range []string{"en", "zh"} {
		prompts, err := models.Prompts("mnist", language)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(prompts[7][0], "…", len(prompts), "classes")
	}
	// Output:
	// a photo of the digit seven. … 10 classes
	// 一张数字七的照片 … 10 classes
}
