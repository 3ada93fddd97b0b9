package simclr_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/simclr"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

var backend compute.Backend

func TestMain(m *testing.M) {
	var err error
	if backend, err = xla.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// small is a model that is quick to compile, of one block.
func small() simclr.Config {
	return simclr.Config{
		Vision: vision.Config{ImageSize: 4, Channels: 1, PatchSize: 2, Config: transformer.Config{
			Width: 16, Layers: 1, Heads: 2, MLP: 32, Activation: nn.GELUTanh, LayerNorm: 1e-5,
		}},
		Hidden: 16, Projection: 8, Temperature: 0.2,
	}
}

// build builds the whole model's graph, without compiling it, so that the store has every weight.
func build(t *testing.T, store *model.Store, c simclr.Config) {
	t.Helper()
	g := NewGraph(backend, "weights")
	defer g.Finalize()
	model.SetStore(g, store)
	err := task.Try(func() error {
		v := c.Vision
		simclr.Encode(store.RootScope(), Parameter(g, "x", shapes.Make(dtypes.Float32, 1, v.ImageSize, v.ImageSize, v.Channels)), c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// initialised is a store of the model's weights, of random numbers that are always the same. To compile the model's own
// initial values takes longer than most tests.
func initialised(t *testing.T, c simclr.Config) *model.Store {
	t.Helper()
	store := model.NewStore()
	build(t, store, c)
	r := rand.New(rand.NewPCG(1, 2))
	for v := range store.IterVariables() {
		dims := v.Shape().Dimensions
		values := make([]float32, v.Shape().Size())
		for i := range values {
			switch {
			case v.Name() == "gain":
				values[i] = 1
			case len(dims) == 2:
				values[i] = float32(r.NormFloat64() / math.Sqrt(float64(dims[0])))
			}
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, dims...)); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// TestPresets pins the number of parameters of every preset; a preset that is not in the table fails.
func TestPresets(t *testing.T) {
	want := map[string]int{
		"mnist":      357_856,
		"mnist-demo": 162_816,
		"mnist-tiny": 65_440,
	}
	for _, name := range slices.Sorted(maps.Keys(simclr.Presets)) {
		c := simclr.Presets[name]
		if err := c.Validate(); err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
		store := model.NewStore()
		build(t, store, c)
		if n, ok := want[name]; !ok {
			t.Errorf("preset %s is not in this table: it has %d parameters", name, store.NumParameters())
		} else if got := store.NumParameters(); got != n {
			t.Errorf("preset %s has %d parameters, want %d", name, got, n)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("preset %s is gone", name)
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(c *simclr.Config){
		"simclr: vision.image_size 4 is not a multiple of patch_size 3": func(c *simclr.Config) { c.Vision.PatchSize = 3 },
		"simclr: vision.width 16 is not a multiple of heads 3":          func(c *simclr.Config) { c.Vision.Heads = 3 },
		"simclr: hidden is 0":         func(c *simclr.Config) { c.Hidden = 0 },
		"simclr: projection is -1":    func(c *simclr.Config) { c.Projection = -1 },
		"simclr: temperature is 0":    func(c *simclr.Config) { c.Temperature = 0 },
		"simclr: temperature is NaN":  func(c *simclr.Config) { c.Temperature = math.NaN() },
		"simclr: temperature is +Inf": func(c *simclr.Config) { c.Temperature = math.Inf(1) },
	} {
		c := small()
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// plain is NT-Xent and the accuracy as equation 1 has them, in loops: views 2k−1 and 2k of the paper are z[k] and zPlus[k].
func plain(z, zPlus [][]float64, tau float64) (loss, accuracy float64) {
	sim := func(u, v []float64) float64 {
		var dot, uu, vv float64
		for k := range u {
			dot, uu, vv = dot+u[k]*v[k], uu+u[k]*u[k], vv+v[k]*v[k]
		}
		return dot / math.Sqrt(uu*vv)
	}
	n := len(z)
	all := append(slices.Clone(z), zPlus...)
	for i := range all {
		j := (i + n) % (2 * n)
		sum, nearest := 0.0, true
		for k := range all {
			if k != i {
				sum += math.Exp(sim(all[i], all[k]) / tau)
				nearest = nearest && sim(all[i], all[k]) <= sim(all[i], all[j])
			}
		}
		loss -= math.Log(math.Exp(sim(all[i], all[j])/tau)/sum) / float64(2*n)
		if nearest {
			accuracy += 1 / float64(2*n)
		}
	}
	return loss, accuracy
}

// TestLoss compares loss and accuracy with the plain formulas.
func TestLoss(t *testing.T) {
	for _, n := range []int{2, 7} {
		for _, tau := range []float64{0.1, 0.5} {
			c := simclr.Config{Temperature: tau}
			z, zPlus := nntest.Random(1, n, 3), nntest.Random(2, n, 3)
			out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
				return []*Node{simclr.Loss(in[0], in[1], c), simclr.Accuracy(in[0], in[1])}
			}, z, zPlus)
			rows := func(x *tensors.Tensor) [][]float64 { return slices.Collect(slices.Chunk(nntest.Flat(t, x), 3)) }
			l, a := plain(rows(z), rows(zPlus), tau)
			if math.Abs(out[0][0]-l) > 1e-9*(1+l) || math.Abs(out[1][0]-a) > 1e-12 {
				t.Errorf("%d pictures, τ %g: loss %v and accuracy %v, want %v and %v", n, tau, out[0][0], out[1][0], l, a)
			}
		}
	}
}

// TestHead: the projection is W⁽²⁾·ReLU(W⁽¹⁾h + b⁽¹⁾) + b⁽²⁾ of the representation.
func TestHead(t *testing.T) {
	c := small()
	store := initialised(t, c)
	out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		v := simclr.Encode(s, in[0], c)
		v.Projections.AssertDims(3, c.Projection)
		v.Pooled.AssertDims(3, c.Vision.Width)
		return []*Node{v.Pooled, v.Projections}
	}, tensors.FromFlatDataAndDimensions(pixels(3), 3, 4, 4, 1))
	weights := func(path string) []float64 { return nntest.Flat(t, store.GetVariable(path).MustValue()) }
	w1, w2 := weights("/projection/hidden/weights"), weights("/projection/out/weights")
	for row := range 3 {
		h := out[0][row*c.Vision.Width:][:c.Vision.Width]
		for p := range c.Projection {
			want := 0.0
			for k := range c.Hidden {
				sum := 0.0
				for d, x := range h {
					sum += x * w1[d*c.Hidden+k]
				}
				want += max(0, sum) * w2[k*c.Projection+p]
			}
			if got := out[1][row*c.Projection+p]; math.Abs(got-want) > 1e-4 {
				t.Errorf("picture %d: projection %d is %v, want %v", row, p, got, want)
			}
		}
	}
}
