package run

import (
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"gomm/mmlib/internal/check"
)

// trainer trains a small network with dropout, whose random state is what a careless resume loses.
func trainer(t *testing.T, b compute.Backend, s *model.Store) *train.Trainer {
	network := func(scope *model.Scope, _ any, in []*Node) []*Node {
		x := layers.Dense(scope.In("hidden"), in[0], true, 16)
		x = layers.DropoutStatic(scope, Tanh(x), 0.5)
		return []*Node{layers.Dense(scope.In("out"), x, true, 1)}
	}
	return train.NewTrainer(b, s, network, loss.MeanSquaredError, optimizer.Adam().Done(), nil, nil)
}

func steps(t *testing.T, r *train.Trainer, from, to int) {
	t.Helper()
	for step := from; step < to; step++ {
		x, y := make([]float32, 32), make([]float32, 8)
		for i := range x {
			x[i] = float32((i*7+step*3)%11)/11 - 0.5
			y[i/4] += x[i]
		}
		_, err := r.TrainStep(train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, 8, 4)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, 8, 1)},
		})
		check.Must(t, err)
	}
}

// TestResumeEqualsUnbroken trains six steps at once, and three steps and three more in a new store. Both must end with the
// same weights, to the last bit.
func TestResumeEqualsUnbroken(t *testing.T) {
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	defer b.Finalize()
	seeded := func() *model.Store {
		s := model.NewStore()
		state, err := RNGStateFromSeed(42)
		check.Must(t, err)
		newVariable(t, s, "/#rngState", state).SetTrainable(false)
		return s
	}
	unbroken := seeded()
	steps(t, trainer(t, b, unbroken), 0, 6)
	want, err := Digest(unbroken)
	check.Must(t, err)

	f, _ := newRun(t, 2)
	before := seeded()
	steps(t, trainer(t, b, before), 0, 3)
	check.Must(t, f.Save(before, 3, nil))
	after := model.NewStore()
	_, err = f.Load(after)
	check.Must(t, err)
	steps(t, trainer(t, b, after), 3, 6)
	got, err := Digest(after)
	check.Must(t, err)
	if got != want {
		t.Errorf("the resumed training ends with the digest %s, the unbroken one with %s", got, want)
	}
	if halfway, _ := Digest(before); halfway == want {
		t.Error("the digest did not change in three steps: the test sees nothing")
	}
}
