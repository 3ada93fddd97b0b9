package models_test

import (
	"fmt"

	"gomm/mmlib/models"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/run"
)

// A preset is a copy, to be changed at will.
func Example() {
	settings, err := models.Preset("clip", "mnist-tiny")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Set(&settings, "model.vision.width", "64"), run.Set(&settings, "training.steps", "100"),
		settings.UseData("fashion-mnist"))
	size := settings.Model.(*clip.Config)
	fmt.Printf("%d steps on %s, vision %d wide\n", settings.Training.Steps, settings.Data, size.Vision.Width)

	_, err = models.Preset("clip", "mnist-huge")
	fmt.Println(err)
	// Output:
	// <nil> <nil> <nil>
	// 100 steps on fashion-mnist, vision 64 wide
	// models: clip has no preset "mnist-huge"; there are films, films-mean, mnist, mnist-demo, mnist-tiny
}
