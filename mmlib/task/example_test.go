package task_test

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gomm/mmlib/task"
)

// Functions that build graphs panic on bad shapes. At the border of a package a panic becomes an error.
func ExampleTry() {
	err := task.Try(func() error {
		panic("patches of 5 do not divide 28 pixels")
	})
	fmt.Println("error:", err)
	// Output:
	// error: patches of 5 do not divide 28 pixels
}

// A Func describes one thing that a trained model can do. Its shapes leave out the batch axis.
func ExampleFunc() {
	image := task.Func{
		Name: "image",
		In:   []shapes.Shape{shapes.Make(dtypes.Float32, 28, 28, 1)},
		Out:  []shapes.Shape{shapes.Make(dtypes.Float32, 64)},
	}
	fmt.Println(image.Name, "takes", image.In[0].Size(), "numbers and gives", image.Out[0].Size())
	// Output:
	// image takes 784 numbers and gives 64
}
