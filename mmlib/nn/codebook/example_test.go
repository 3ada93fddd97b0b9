package codebook_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/nn/codebook"
)

// A codebook of two codes learns where the vectors are.
func Example() {
	backend, err := xla.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	book := codebook.Config{Codes: 2, Width: 1, Commitment: 0.25, Decay: 0.5, Revive: 0.01}
	weights := model.NewStore()
	for name, value := range map[string]any{"counts": []float32{1, 1}, "vectors": [][]float32{{-0.1}, {0.1}}} {
		weights.RootScope().VariableWithValue(name, value)
	}
	step, err := model.NewExec(backend, weights, func(s *model.Scope, z *graph.Node) (*graph.Node, *graph.Node) {
		q := codebook.Quantize(s, z, book)
		codebook.Follow(s, z, q.Codes, book)
		return q.Codes, q.X
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer step.Finalize()
	for i := range 21 {
		codes, vectors, err := step.Call2([][]float32{{-3}, {-1}, {4}})
		if err != nil {
			fmt.Println(err)
			return
		}
		if i%20 == 0 {
			fmt.Printf("step %d: codes %v, vectors %.2f\n", i, codes.Value(), vectors.Value())
		}
	}
	// Output:
	// step 0: codes [0 0 1], vectors [[-0.10] [-0.10] [0.10]]
	// step 20: codes [0 0 1], vectors [[-2.00] [-2.00] [4.00]]
}
