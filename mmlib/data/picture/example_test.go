package picture_test

import (
	"fmt"
	"image"
	"image/color"
	"log"

	"gomm/mmlib/data/picture"
)

// Prepares a picture for OpenAI's CLIP ViT-B/32: 224×224 pixels, normalised.
func ExamplePreprocess() {
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			img.Set(x, y, color.RGBA{255, 128, 0, 255})
		}
	}
	clip := picture.CLIP(224)
	values := make([]float32, clip.Len())
	if err := clip.Apply(values, img); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d values, of which the first pixel's: %.4f\n", len(values), values[:3])
	// Output:
	// 150528 values, of which the first pixel's: [1.9303 0.1689 -1.4802]
}
