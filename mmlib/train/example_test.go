package train_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
	"gomm/mmlib/train"
)

// line is a task: find the line y = 3x − 1 from points on it.
type line struct{}

func (line) Len() int          { return 64 }
func (line) Metrics() []string { return nil }

func (line) Batch(examples []int, _ *rand.Rand) (task.Batch, error) {
	var x, y []float32
	for _, i := range examples {
		at := float32(i)/32 - 1
		x, y = append(x, at), append(y, 3*at-1)
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, len(x)), tensors.FromFlatDataAndDimensions(y, len(y))},
		Shared: []bool{false, false},
	}, nil
}

func (line) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	x, y := in[0], in[1]
	scalar := func(name string) *Node {
		return s.VariableWithShape(name, shapes.Make(x.DType())).NodeValue(x.Graph())
	}
	return ReduceAllMean(Square(Sub(Add(Mul(x, scalar("slope")), scalar("offset")), y))), nil
}

// A training run needs a backend, a task and a run folder with its settings.
func Example() {
	dir, err := os.MkdirTemp("", "runs")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	folder, err := run.Create(filepath.Join(dir, "line"), run.Config{
		Kind: "line", Seed: 1,
		Training: &run.Training{
			Steps: 300, BatchSize: 16, LearningRate: 0.1, Warmup: 10, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6,
			SaveEvery: 100, LogEvery: 100, Keep: 1,
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()

	backend, err := xla.Open()
	if err != nil {
		log.Fatal(err)
	}
	trainer, err := train.New(backend, line{}, folder, train.Hooks{})
	if err != nil {
		log.Fatal(err)
	}
	if err := trainer.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	for _, path := range []string{"/slope", "/offset"} {
		fmt.Printf("%s %.2f\n", path, trainer.Store().GetVariable(path).MustValue().Value())
	}
	steps, _ := folder.Steps()
	fmt.Println("saved after step", steps)
	// Output:
	// /slope 3.00
	// /offset -1.00
	// saved after step [300]
}

// The learning rate rises in the warm-up and then falls along half a cosine.
func ExampleLearningRate() {
	c := run.Training{Steps: 100, Warmup: 20, LearningRate: 1e-3, FinalRate: 0.1}
	for _, step := range []int64{0, 9, 19, 60, 99} {
		fmt.Printf("%2d %.5f\n", step, train.LearningRate(c, step))
	}
	// Output:
	//  0 0.00005
	//  9 0.00050
	// 19 0.00100
	// 60 0.00055
	// 99 0.00010
}
