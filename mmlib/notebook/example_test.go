package notebook_test

import (
	"fmt"

	nb "gomm/mmlib/notebook"
)

// One cell puts a value down, a later one picks it up.
func Example() {
	nb.Save("similarities", []float64{0.9, 0.1})

	fmt.Println(nb.Load[[]float64]("similarities"))
	// Output: [0.9 0.1]
}
