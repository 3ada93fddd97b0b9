package picture_test

import (
	"encoding/json"
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

// Stores how a model wants its pictures beside the model, and reads it back.
func ExamplePreprocess_json() {
	siglip := picture.Preprocess{Size: 224, Channels: 3, Resize: picture.Squash, Mean: []float32{0.5, 0.5, 0.5},
		Std: []float32{0.5, 0.5, 0.5}}
	file, err := json.Marshal(siglip)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", file)
	var p picture.Preprocess
	if err := json.Unmarshal(file, &p); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Resize, p.Len())
	fmt.Println(json.Unmarshal([]byte(`{"size": 224, "channels": 3, "resample": 3}`), &p))
	// Output:
	// {"size":224,"channels":3,"resize":"squash","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}
	// squash 150528
	// picture: preprocessing: json: unknown field "resample"
}
