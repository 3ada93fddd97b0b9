package train

import (
	"context"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/nn"
	"gomm/mmlib/task"
)

// tall is a task whose model has two stacks, one on the other.
type tall struct{ fit }

func (*tall) Stacks() [][]string { return [][]string{{"/low", "/side"}, {"/high"}} }

// TestLayerRates: a weight's layer is read from its path.
func TestLayerRates(t *testing.T) {
	store := model.NewStore()
	for _, path := range []string{"/low/block0/weights", "/low/block2/attention/qkv/lora/query/a", "/side/block0/weights",
		"/high/block1/weights", "/side/inner/block0/weights", "/AdamOptimizer/low/block7/weights"} {
		_, err := store.CreateVariable(path, tensors.FromShape(shapes.Make(dtypes.Float32, 1)))
		check.Must(t, err)
	}
	for _, test := range []struct {
		path         string
		beside, tall float64 // the exponent of the decay: where all stacks are side by side, and where one is on the others
	}{
		{"/low/patch/weights", 4, 6},
		{"/low/norm_pre/gain", 4, 6},
		{"/low/block0/norm1/gain", 3, 5},
		{"/low/block2/attention/qkv/lora/query/a", 1, 3},
		{"/low/norm_post/gain", 0, 2},
		{"/side/token", 2, 4},
		{"/side/block0/weights", 1, 3},
		{"/side/norm/offset", 0, 2},
		{"/high/block0/weights", 2, 2},
		{"/high/block1/weights", 1, 1},
		{"/high/norm/gain", 0, 0},
		{"/side/inner/norm/gain", 0, 0},
		{"/side/inner/block0/weights", 1, 1},
		{"/side/inner/token", 2, 2},
		{"/head/weights", 0, 0},
		{"/lower/weights", 0, 0},
		{"/blocks", 0, 0},
	} {
		for k, x := range []task.Task{&fit{}, &tall{}} {
			want := math.Pow(0.5, []float64{test.beside, test.tall}[k])
			if got := layerRates(store, x, 0.5)(test.path); got != want {
				t.Errorf("%T: %s learns at a rate of %g of the head's, want %g", x, test.path, got, want)
			}
		}
	}
	err := task.Try(func() error { layerRates(model.NewStore(), &fit{}, 0.5); return nil })
	check.Error(t, err, "training.layer_decay is 0.5", "set it to 0")
}

// blocks is a stack of two with layers below and above.
func blocks(s *model.Scope, x *Node) *Node {
	low := s.At("low")
	x = nn.Dense(low.At("patch"), x, 4, 0.5)
	for i := range 2 {
		x = Tanh(nn.Dense(low.At("block%d", i), x, 4, 0.5))
	}
	return nn.Dense(s.At("out"), nn.LayerNorm(low.At("norm"), x, 1e-5), out, 0.5)
}

// TestLayerDecay: in one step from the same weights, each weight moves by the fraction of its layer; a decay of 1 is none.
func TestLayerDecay(t *testing.T) {
	quick(t)
	c := settings()
	c.Steps, c.Warmup = 1, 0
	values := func(decay float64) (before, after map[string][]float32) {
		c.LayerDecay = decay
		tr := trainer(t, &fit{examples: 20, model: blocks}, newFolder(t, 1, c), Hooks{})
		before = weights(t, tr.Store())
		check.Must(t, tr.Run(context.Background()))
		return before, weights(t, tr.Store())
	}
	before, full := values(0)
	_, one := values(1)
	compare(t, one, full, 0)
	_, decayed := values(0.25)
	for path, fraction := range map[string]float64{
		"/low/patch/weights": 1. / 64, "/low/patch/biases": 1. / 64, "/low/block0/weights": 1. / 16, "/low/block1/weights": 1. / 4,
		"/low/block1/biases": 1. / 4, "/low/norm/gain": 1, "/out/weights": 1, "/out/biases": 1,
	} {
		for i, start := range before[path] {
			got, want := float64(decayed[path][i]-start), fraction*float64(full[path][i]-start)
			if math.Abs(got-want) > 1e-7 || want == 0 {
				t.Errorf("%s[%d] moves by %g, want %g: %g of what it would without decay", path, i, got, want, fraction)
			}
		}
	}

	c.LayerDecay = 0.5
	_, err := New(backend(t), &fit{examples: 20, model: linear}, newFolder(t, 1, c), Hooks{})
	check.Error(t, err, "training.layer_decay is 0.5", "no stack of blocks")
}
