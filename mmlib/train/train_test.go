package train

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/nn"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
)

// TestMain ends at once: under -race the destructors of a plugin can abort an orderly exit.
func TestMain(m *testing.M) { syscall.Exit(m.Run()) }

func backend(t testing.TB) compute.Backend {
	t.Helper()
	b, err := xla.Open()
	check.Must(t, err)
	return b
}

const in, out = 4, 3

// fit is a small task: out numbers are to be learned from in numbers.
type fit struct {
	examples int
	model    func(s *model.Scope, x *Node) (y *Node)
	batch    func(examples []int) error // what may go wrong in a batch, or nil
	metrics  []string
}

func example(i int) (x [in]float32, y [out]float32) {
	for k := range x {
		x[k] = float32(math.Sin(float64(1 + 5*i + 3*k)))
		for j := range y {
			y[j] += x[k] * float32(k-j) / 2
		}
	}
	return x, y
}

func (f *fit) Len() int          { return f.examples }
func (f *fit) Metrics() []string { return f.metrics }

// Batch adds a little noise, as augmentation would.
func (f *fit) Batch(examples []int, r *rand.Rand) (task.Batch, error) {
	if f.batch != nil {
		if err := f.batch(examples); err != nil {
			return task.Batch{}, err
		}
	}
	var xs, ys []float32
	for _, i := range examples {
		x, y := example(i)
		for k := range x {
			x[k] += 0.01 * float32(r.NormFloat64())
		}
		xs, ys = append(xs, x[:]...), append(ys, y[:]...)
	}
	return task.Batch{
		Inputs: []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(xs, len(examples), in),
			tensors.FromFlatDataAndDimensions(ys, len(examples), out),
			tensors.FromFlatDataAndDimensions([]float32{1, 1, 1}, out), // weights of the outputs: shared by all devices
		},
		Shared: []bool{false, false, true},
	}, nil
}

func (f *fit) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	square := Square(Sub(f.model(s, in[0]), in[1]))
	l := ReduceAllMean(Mul(square, ExpandLeftToRank(in[2], 2)))
	metrics := make([]*Node, len(f.metrics))
	for i := range metrics {
		metrics[i] = MulScalar(l, float64(i+2))
	}
	return l, metrics
}

// network has two layers and dropout between them, so that the random state is a part of the training.
func network(s *model.Scope, x *Node) *Node {
	x = Tanh(nn.Dense(s.At("hidden"), x, 16, 0.5))
	x = layers.DropoutStatic(s, x, 0.3)
	return nn.Dense(s.At("out"), x, out, 0.5)
}

// linear is y = gain·(x·W) + b: a matrix, a vector and a scalar.
func linear(s *model.Scope, x *Node) *Node {
	g := x.Graph()
	variable := func(name string, dims ...int) *Node {
		return s.VariableWithShape(name, shapes.Make(x.DType(), dims...)).NodeValue(g)
	}
	y := Mul(variable("gain"), MatMul(x, variable("weights", in, out)))
	return Add(y, ExpandLeftToRank(variable("biases", out), 2))
}

func settings() run.Training {
	return run.Training{
		Steps: 12, BatchSize: 8, LearningRate: 0.02, Warmup: 3, FinalRate: 0.1, WeightDecay: 0.05,
		Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1,
		Devices: 1, SaveEvery: 5, LogEvery: 1, Keep: 2,
	}
}

func newFolder(t testing.TB, seed uint64, c run.Training) *run.Folder {
	t.Helper()
	f, err := run.Create(filepath.Join(t.TempDir(), "run"), run.Config{
		Kind: "fit", Seed: seed, Training: &c,
	}, nil)
	check.Must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func trainer(t testing.TB, x task.Task, f *run.Folder, h Hooks) *Trainer {
	t.Helper()
	tr, err := New(backend(t), x, f, h)
	check.Must(t, err)
	return tr
}

// trainAll trains to the end and returns the digest of the weights.
func trainAll(t testing.TB, x task.Task, f *run.Folder, h Hooks) string {
	t.Helper()
	tr := trainer(t, x, f, h)
	check.Must(t, tr.Run(context.Background()))
	return digest(t, tr.Store())
}

func digest(t testing.TB, s *model.Store) string {
	t.Helper()
	d, err := run.Digest(s)
	check.Must(t, err)
	return d
}

// weights reads the values of all weights, by path.
func weights(t testing.TB, s *model.Store) map[string][]float32 {
	t.Helper()
	values := map[string][]float32{}
	for v := range s.IterVariables() {
		if !run.IsWeight(v.Path()) {
			continue
		}
		value, err := v.Value()
		check.Must(t, err)
		if values[v.Path()], err = tensors.CopyFlatData[float32](value); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

// compare wants two sets of weights to be equal, but for what rounding makes of them.
func compare(t testing.TB, got, want map[string][]float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d weights, want %d", len(got), len(want))
	}
	for path, w := range want {
		if len(got[path]) != len(w) {
			t.Errorf("%s has %d values, want %d", path, len(got[path]), len(w))
			continue
		}
		for i := range w {
			if d := math.Abs(float64(got[path][i] - w[i])); !(d <= tolerance) {
				t.Errorf("%s[%d] is %g, want %g: a difference of %.2g", path, i, got[path][i], w[i], d)
			}
		}
	}
}

func TestRunTells(t *testing.T) {
	c := settings()
	c.LogEvery = 4
	f := newFolder(t, 1, c)
	f.Best = "-error"
	var seen []Progress
	var validated []int64
	tr := trainer(t, &fit{examples: 20, model: network, metrics: []string{"double", "triple"}}, f, Hooks{
		Progress: func(p Progress) { seen = append(seen, p) },
		Validate: func(s *model.Store, step int64) (map[string]float64, error) {
			validated = append(validated, step)
			return map[string]float64{"error": 1 / float64(step)}, nil
		},
	})
	check.Must(t, tr.Run(context.Background()))
	check.Must(t, tr.Run(context.Background())) // nothing is left to do

	if len(seen) != 12 || tr.Step() != 12 || tr.Devices() != 1 {
		t.Fatalf("%d steps were told of, the last is %d, on %d devices; want 12, 12, 1", len(seen), tr.Step(), tr.Devices())
	}
	for i, p := range seen {
		m := p.Metrics
		if p.Step != int64(i+1) || p.Steps != 12 || !near(m["double"], 2*p.Loss) || !near(m["triple"], 3*p.Loss) || !(m["gradient_norm"] > 0) {
			t.Errorf("step %d is told as %+v", i+1, p)
		}
	}
	if want := []int64{5, 10, 12}; !slices.Equal(validated, want) {
		t.Errorf("validated after steps %v, want %v", validated, want)
	}
	points, err := f.ReadMetrics()
	check.Must(t, err)
	var logged []int64
	for _, p := range points {
		if rate, ok := p.Metrics["learning_rate"]; ok {
			logged = append(logged, p.Step)
			if want := LearningRate(c, p.Step-1); !near(rate, want) || !near(p.Metrics["loss"], seen[p.Step-1].Loss) {
				t.Errorf("step %d is logged as %v; want rate %g, loss %g", p.Step, p.Metrics, want, seen[p.Step-1].Loss)
			}
		}
	}
	if want := []int64{1, 4, 8, 12}; !slices.Equal(logged, want) {
		t.Errorf("steps %v were logged, want %v", logged, want)
	}
	saved, err := f.Checkpoints()
	check.Must(t, err)
	for _, s := range saved {
		if !near(s.Metrics["error"], 1/float64(s.Step)) {
			t.Errorf("checkpoint %d has metrics %v", s.Step, s.Metrics)
		}
	}
	if last := saved[len(saved)-1]; last.Step != 12 || last.Digest != digest(t, tr.Store()) {
		t.Errorf("the last checkpoint is of step %d with digest %s", last.Step, last.Digest)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(b)) }
