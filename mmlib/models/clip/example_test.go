package clip_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/models/clip"
)

// Zero-shot, once the towers have done their work: a picture's embedding is compared with those of two prompts, and the
// softmax of the logits says how sure the model is of each.
func ExampleLogits() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	picture := [][]float32{{0.6, 0.8}}
	prompts := [][]float32{{0.8, 0.6}, {0.96, -0.28}}
	out, err := model.CallOnceN(backend, model.NewStore(), func(s *model.Scope, image, text *graph.Node) (*graph.Node, *graph.Node) {
		logits := clip.Logits(s, image, text, clip.Config{Temperature: 0.5})
		return logits, graph.Softmax(logits)
	}, picture, prompts)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("logits %.3f, probabilities %.3f\n", out[0].Value(), out[1].Value())
	// Output: logits [[1.920 0.704]], probabilities [[0.771 0.229]]
}

func ExampleConfig_Validate() {
	config := clip.Presets["mnist-tiny"]
	config.Vision.ImageSize = 30
	fmt.Println(config.Validate())
	// Output: clip: vision.image_size 30 is not a multiple of patch_size 7
}
