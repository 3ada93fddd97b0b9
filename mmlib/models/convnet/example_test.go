package convnet_test

import (
	"fmt"

	"gomm/mmlib/models/convnet"
)

// Every convolution halves the side of the picture: 28 pixels can be halved twice.
func ExampleConfig_Validate() {
	c := convnet.Digits()
	fmt.Println(c.Validate())
	c.Channels = append(c.Channels, 64)
	fmt.Println(c.Validate())
	// Output:
	// <nil>
	// convnet: image_size is 28: it must be a multiple of 8, as each of 3 convolutions halves it
}
