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
