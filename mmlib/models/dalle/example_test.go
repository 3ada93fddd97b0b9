package dalle_test

import (
	"fmt"

	"gomm/mmlib/models/dalle"
)

// A caption of two tokens where four fit: each place that is left gets a padding token of its own, behind the tokenizer's. Then come the
// tokens of the codes.
func ExampleConfig_Unpadded() {
	c := dalle.Presets["mnist"]
	c.Text.Context = 4
	fmt.Println(c.Unpadded([]int32{7, 2, 0, 0}))
	fmt.Println(c.FirstCode(), "is code 0, and there are", c.Tokens(), "tokens")
	// Output:
	// [7 2 46 47]
	// 48 is code 0, and there are 176 tokens
}
