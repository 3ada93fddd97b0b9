package trial_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/loss"
	"gomm/mmlib/nn"
	"gomm/mmlib/notebook/trial"
)

func classify(s *model.Scope, points *Node) *Node { return nn.Dense(s.At("line"), points, 2, 0.1) }

// sides is a task: on which side of a line through the plane does a point lie?
func sides(steps int) trial.Task {
	return trial.Task{
		Examples: 1000, Steps: steps, BatchSize: 32, LearningRate: 0.05,
		Draw: func(examples []int, r *rand.Rand) []*tensors.Tensor {
			var points []float32
			var labels []int32
			for range examples {
				x, y := r.Float32()*2-1, r.Float32()*2-1
				side := int32(0)
				if x > y {
					side = 1
				}
				points, labels = append(points, x, y), append(labels, side)
			}
			return []*tensors.Tensor{
				tensors.FromFlatDataAndDimensions(points, len(labels), 2), tensors.FromFlatDataAndDimensions(labels, len(labels)),
			}
		},
		Loss: func(s *model.Scope, in []*Node) (*Node, *Node) {
			logits := classify(s, in[0])
			return loss.Classification(logits, in[1], 0), loss.Accuracy(logits, in[1])
		},
	}
}

// A model in a few lines: trained, and asked.
func Example() {
	dir, err := os.MkdirTemp("", "trial")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	backend, err := xla.Open()
	if err != nil {
		log.Fatal(err)
	}
	dir = filepath.Join(dir, "sides")
	if _, err := trial.Train(context.Background(), backend, dir, sides(200)); err != nil {
		log.Fatal(err)
	}
	out, err := trial.Call(backend, dir, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{ArgMax(classify(s, in[0]), -1, dtypes.Int32)}
	}, [][]float32{{0.9, -0.9}, {-0.9, 0.9}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out[0].Value())
	// Output: [1 0]
}

func TestTrain(t *testing.T) {
	backend, err := xla.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, dir := context.Background(), filepath.Join(t.TempDir(), "sides")
	ask := func() any {
		out, err := trial.Call(backend, dir, func(s *model.Scope, in []*Node) []*Node {
			return []*Node{classify(s, in[0])}
		}, [][]float32{{1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Value()
	}
	curve, err := trial.Train(ctx, backend, dir, sides(30))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(curve.Steps); n < 3 || len(curve.Accuracy) != n || curve.Steps[n-1] != 30 {
		t.Errorf("the curve is %+v, want accuracies up to step 30", curve)
	}
	first := ask()
	if _, err := trial.Train(ctx, backend, dir, sides(30)); err != nil {
		t.Fatalf("a second time: %v", err)
	}
	if again := ask(); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("the same seed gives %s, then %s", first, again)
	}
	if n := len(curve.Loss); n != len(curve.Steps) || curve.Loss[n-1] >= curve.Loss[0] {
		t.Errorf("the losses are %v, want them to fall", curve.Loss)
	}
	more := sides(1)
	more.From, more.LearningRate = dir, 1e-9
	begun := filepath.Join(t.TempDir(), "more")
	if _, err := trial.Train(ctx, backend, begun, more); err != nil {
		t.Fatal(err)
	}
	out, err := trial.Call(backend, begun, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{classify(s, in[0])}
	}, [][]float32{{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%.3f", out[0].Value()); got != fmt.Sprintf("%.3f", first) {
		t.Errorf("a step of no size from %v leads to %v", first, got)
	}
	other := sides(30)
	other.Seed = 2
	if _, err := trial.Train(ctx, backend, dir, other); err != nil {
		t.Fatal(err)
	}
	if again := ask(); fmt.Sprint(again) == fmt.Sprint(first) {
		t.Error("another seed gives the same weights")
	}
}

func TestRefuses(t *testing.T) {
	backend, err := xla.Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, dir := context.Background(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := trial.Train(ctx, backend, dir, sides(1)); err == nil {
		t.Error("a folder with a letter in it is taken for a trial's")
	}
	if _, err := os.Stat(filepath.Join(dir, "letter.txt")); err != nil {
		t.Errorf("the letter is gone: %v", err)
	}
	_, err = trial.Train(ctx, backend, filepath.Join(dir, "x"), trial.Task{})
	check.Error(t, err, "needs Examples")
	lost := sides(1)
	lost.From = filepath.Join(dir, "none")
	_, err = trial.Train(ctx, backend, filepath.Join(dir, "y"), lost)
	check.Error(t, err, "run the cell that trains it")
	_, err = trial.Call(backend, filepath.Join(dir, "none"), nil)
	check.Error(t, err, "run the cell that trains it")
}
