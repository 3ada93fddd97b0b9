package parti_test

import (
	"fmt"

	"gomm/mmlib/models/parti"
)

// The caption that says nothing is its end alone; by it the model is guided.
func ExampleConfig_Empty() {
	c := parti.Presets["mnist"]
	c.Text.Context = 4
	fmt.Println(c.Empty())
	c.Drop = 1
	fmt.Println(c.Validate())
	// Output:
	// [2 0 0 0]
	// parti: drop is 1: it must be at least 0 and below 1
}
