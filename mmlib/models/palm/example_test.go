package palm_test

import (
	"fmt"

	"gomm/mmlib/models/palm"
)

// The number of parameters follows from the size, so that a model need not be built to know it.
func ExampleConfig_Parameters() {
	for _, name := range []string{"book", "8b", "62b", "540b"} {
		c := palm.Presets[name]
		fmt.Printf("%-5s %4d blocks of width %5d: %.2f million\n", name, c.Layers, c.Width, float64(c.Parameters())/1e6)
	}
	// Output:
	// book     4 blocks of width   128: 1.08 million
	// 8b      32 blocks of width  4096: 8632.01 million
	// 62b     64 blocks of width  8192: 62495.66 million
	// 540b   118 blocks of width 18432: 540356.47 million
}

func ExampleConfig_Validate() {
	c := palm.Presets["book"]
	c.HeadWidth = 33
	fmt.Println(c.Validate())
	// Output: palm: head_width is 33: it must be even, and at least 2, because RoPE turns its numbers in pairs
}

// A picture stands in front of the text, and takes room.
func ExampleEmbodiedConfig_Validate() {
	c := palm.Scenes(4)
	fmt.Println(c.Prefix(), "tokens of a picture: 16 cells and the class token")
	c.Length = 500
	fmt.Println(c.Validate())
	// Output:
	// 17 tokens of a picture: 16 cells and the class token
	// palm: length is 500: it must be between 2 and 495, which is text.context, 512, without the 17 tokens of the picture
}
