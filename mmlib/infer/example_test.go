package infer_test

import (
	"fmt"
	"log"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/infer"
	"gomm/mmlib/task"
)

// lengths is a model without weights: it measures vectors.
type lengths struct{}

func (lengths) Store() *model.Store { return model.NewStore() }

func (lengths) Funcs() []task.Func {
	return []task.Func{{
		Name: "length",
		In:   []shapes.Shape{shapes.Make(dtypes.Float32, 2)},
		Out:  []shapes.Shape{shapes.Make(dtypes.Float32)},
		Graph: func(_ *model.Scope, in []*Node) []*Node {
			return []*Node{Sqrt(ReduceSum(Square(in[0]), 1))} // [B, 2] → [B]
		},
	}}
}

// Open compiles a model's functions for batches of one and of four. Five examples are then a batch of four and one of one.
func Example() {
	backend, err := xla.Open()
	if err != nil {
		log.Fatal(err)
	}
	session, err := infer.Open(backend, lengths{}, nil, 1, 4)
	if err != nil {
		log.Fatal(err)
	}
	got, err := infer.Call(session, "length", 5, []float32{3, 4, 6, 8, 0, 1, 5, 12, 8, 15})
	fmt.Println(got, err)
	_, err = infer.Call(session, "length", 2, []float32{3, 4, 6})
	fmt.Println(err)
	// Output:
	// [5 10 1 13 17] <nil>
	// infer: "length" takes 2 values for each example ((Float32)[2]): 3 values are not 2 examples
}

// A sampler chooses among three tokens by their logits. The filters leave the likelier ones.
func ExampleSampling_Probabilities() {
	logits := []float32{0, 1, 2}
	for _, o := range []infer.Sampling{{}, {Temperature: 1}, {Temperature: 0.5}, {Temperature: 1, TopK: 2}, {Temperature: 1, TopP: 0.6}} {
		p, err := o.Probabilities(logits)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("temperature %g, top-k %d, top-p %g: %.2f\n", o.Temperature, o.TopK, o.TopP, p)
	}
	// Output:
	// temperature 0, top-k 0, top-p 0: [0.00 0.00 1.00]
	// temperature 1, top-k 0, top-p 0: [0.09 0.24 0.67]
	// temperature 0.5, top-k 0, top-p 0: [0.02 0.12 0.87]
	// temperature 1, top-k 2, top-p 0: [0.00 0.27 0.73]
	// temperature 1, top-k 0, top-p 0.6: [0.00 0.00 1.00]
}
