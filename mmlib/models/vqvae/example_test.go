package vqvae_test

import (
	"fmt"

	"gomm/mmlib/models/vqvae"
)

// The preset for MNIST writes a picture of 28×28 pixels, 784 bytes, as 49 codes of 7 bits.
func Example() {
	c := vqvae.Presets["mnist"]
	fmt.Println(c.Count(), "codes of", c.Codebook.Codes)
	c.PatchSize = 5
	fmt.Println(c.Validate())
	// Output:
	// 49 codes of 128
	// vqvae: image_size 28 is not a multiple of patch_size 5
}
