package codebook_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/nn/codebook"
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

// small is a codebook of three codes in the plane.
var small = codebook.Config{Codes: 3, Width: 2, Commitment: 0.25, Decay: 0.5, Revive: 0.2}

// stored makes the weights of a codebook.
func stored(t *testing.T, counts []float32, vectors [][]float32) *model.Store {
	t.Helper()
	s := model.NewStore()
	for name, value := range map[string]any{"counts": counts, "vectors": vectors} {
		s.RootScope().VariableWithValue(name, value)
	}
	return s
}

func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= 1e-5 }) {
		t.Errorf("%s: %.6f, want %.6f", what, got, want)
	}
}

// TestQuantize: the vectors are (0, 0), (2, 0) and (0, 4). A point halfway between two takes the first. The gradient
// of what comes out goes to z as it is, beside that of the commitment, 2β(z − e)/6 over six numbers; none goes to the codebook.
func TestQuantize(t *testing.T) {
	store := stored(t, []float32{1, 1, 1}, [][]float32{{0, 0}, {2, 0}, {0, 4}})
	z := tensors.FromValue([][]float32{{0.2, 0.1}, {1, 0}, {1, 3}})
	out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		q := codebook.Quantize(s, in[0], small)
		weighed := ReduceAllSum(Mul(q.X, Const(in[0].Graph(), [][]float32{{1, 2}, {3, 4}, {5, 6}})))
		return []*Node{q.Codes, q.X, q.Loss, Gradient(Add(weighed, q.Loss), in[0])[0]}
	}, z)
	near(t, "codes", out[0], []float64{0, 0, 2})
	near(t, "vectors", out[1], []float64{0, 0, 0, 0, 0, 4})
	near(t, "loss", out[2], []float64{0.25 * (0.04 + 0.01 + 1 + 1 + 1) / 6})
	pull := func(d float64) float64 { return 2 * 0.25 * d / 6 }
	near(t, "gradient", out[3], []float64{1 + pull(0.2), 2 + pull(0.1), 3 + pull(1), 4, 5 + pull(1), 6 + pull(-1)})
	for v := range store.IterVariables() {
		if v.Trainable {
			t.Errorf("%s would be changed by an optimizer", v.Path())
		}
	}
}

// TestVectors: codes give the vectors back that Quantize gave them for.
func TestVectors(t *testing.T) {
	store := stored(t, []float32{1, 1, 1}, [][]float32{{0, 0}, {2, 0}, {0, 4}})
	out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{codebook.Vectors(s, in[0], small)}
	}, tensors.FromValue([][]int32{{2, 0}, {1, 1}}))
	near(t, "vectors", out[0], []float64{0, 4, 0, 0, 2, 0, 2, 0})
}

// TestFollow: with γ = 1/2 a code that three of four vectors are near has N = (1+3)/2 and moves by (Σz − 3e)/2/N. One that none is near
// stays, and has half of what it had; where that is too little it is dead, and starts again at one of the batch.
func TestFollow(t *testing.T) {
	book := codebook.Config{Codes: 4, Width: 2, Decay: 0.5, Revive: 0.2}
	store := stored(t, []float32{1, 1, 0.5, 0.3}, [][]float32{{0, 0}, {5, 5}, {7, 8}, {9, 9}})
	z := [][]float32{{1, 0}, {0, 1}, {1, 1}, {-1, 2}}
	nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		codebook.Follow(s, in[0], Const(in[0].Graph(), []int32{0, 0, 0, 1}), book)
		return []*Node{ReduceAllSum(in[0])}
	}, tensors.FromValue(z))
	near(t, "counts", nntest.Flat(t, value(t, store, "/counts")), []float64{2, 1, 0.25, 1})
	vectors := nntest.Flat(t, value(t, store, "/vectors"))
	near(t, "vectors of those that live", vectors[:6], []float64{0.5, 0.5, 2, 3.5, 7, 8})
	revived := []float32{float32(vectors[6]), float32(vectors[7])}
	if !slices.ContainsFunc(z, func(row []float32) bool { return slices.Equal(row, revived) }) {
		t.Errorf("the dead code is revived at %v, which is not of the batch %v", revived, z)
	}
}

func value(t *testing.T, s *model.Store, path string) *tensors.Tensor {
	t.Helper()
	x, err := s.GetVariable(path).Value()
	check.Must(t, err)
	return x
}

// TestRevival: 16 codes, all but one far away at first, find the four clouds of which the vectors come if they are revived, and are used;
// if they are not, which is the fault planted, one takes all.
func TestRevival(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var z [][]float32
	for i := range 64 {
		corner := [][]float32{{1, 1}, {-1, 1}, {1, -1}, {-1, -1}}[i%4]
		z = append(z, []float32{corner[0] + float32(r.NormFloat64())/20, corner[1] + float32(r.NormFloat64())/20})
	}
	const codes = 16
	start := make([][]float32, codes)
	for k := range start {
		start[k] = []float32{float32(90 * min(k, 1)), float32(k)}
	}
	for _, test := range []struct{ revive, leastUse, mostUse, leastError, mostError float64 }{
		{0.05, 0.8, 1, 0, 0.005}, // clouds of a variance of 0.05² = 0.0025
		{0, 1. / codes, 1. / codes, 0.9, 1.1},
	} {
		c := codebook.Config{Codes: codes, Width: 2, Commitment: 0.25, Decay: 0.8, Revive: test.revive}
		store := stored(t, slices.Repeat([]float32{1}, codes), start)
		check.Must(t, store.SetRNGStateFromSeed(1))
		step := nntest.Compile(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
			q := codebook.Quantize(s, in[0], c)
			codebook.Follow(s, in[0], q.Codes, c)
			return []*Node{ReduceAllMean(Square(Sub(q.X, in[0]))), codebook.Use(q.Codes, codes), codebook.Perplexity(q.Codes, codes)}
		})
		var out [][]float64
		for range 200 {
			out = step(tensors.FromValue(z))
		}
		e, use := out[0][0], out[1][0]
		if e < test.leastError || e > test.mostError || use < test.leastUse || use > test.mostUse {
			t.Errorf("error %.4f, use %.2f, perplexity %.2f; want %+v", e, use, out[2][0], test)
		}
	}
}

// TestUse: four codes of 8, one of them twice as often as two others.
func TestUse(t *testing.T) {
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{codebook.Use(in[0], 8), codebook.Perplexity(in[0], 8)}
	}, tensors.FromValue([][]int32{{7, 7}, {0, 3}}))
	near(t, "use", out[0], []float64{3. / 8})
	near(t, "perplexity", out[1], []float64{math.Exp(0.5*math.Ln2 + 0.5*math.Log(4))})
}

// TestRelax: draws sum to 1; at a low temperature each is a single code, and the codes come as often as their probabilities say, within
// 0.03 for 4,000 draws (four standard deviations of the largest).
func TestRelax(t *testing.T) {
	const draws = 4000
	p := []float64{0.6, 0.3, 0.1}
	store := model.NewStore()
	check.Must(t, store.SetRNGStateFromSeed(1))
	out := nntest.Run(t, backend, store, func(s *model.Scope, in []*Node) []*Node {
		logits := BroadcastToDims(in[0], draws, 3)
		hard := codebook.Relax(s, logits, Const(in[0].Graph(), float32(0.01)))
		soft := codebook.Relax(s, logits, Const(in[0].Graph(), float32(5)))
		return []*Node{ReduceMean(hard, 0), ReduceMean(ReduceMax(hard, -1), 0), ReduceSum(soft, -1), ReduceMean(ReduceMax(soft, -1), 0)}
	}, tensors.FromValue([][]float32{{float32(math.Log(p[0])), float32(math.Log(p[1])), float32(math.Log(p[2]))}}))
	for k, share := range out[0] {
		if math.Abs(share-p[k]) > 0.03 {
			t.Errorf("code %d: %.3f of the draws, want %.3f", k, share, p[k])
		}
	}
	if hard, soft := out[1][0], out[3][0]; hard < 0.99 || soft > 0.6 {
		t.Errorf("the largest share of a draw is %.3f at a low temperature and %.3f at a high one", hard, soft)
	}
	near(t, "sums", out[2], slices.Repeat([]float64{1}, draws))
}

// TestDivergence: 0 for a uniform distribution, ln K for a certain one, and its gradient is that of finite differences.
func TestDivergence(t *testing.T) {
	out := nntest.Run(t, backend, nil, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{codebook.Divergence(in[0]), codebook.Divergence(in[1])}
	}, tensors.FromValue([][]float32{{3, 3, 3, 3}}), tensors.FromValue([][]float32{{0, 1000, 0, 0}}))
	near(t, "uniform and certain", []float64{out[0][0], out[1][0]}, []float64{0, math.Log(4)})
	nntest.CheckGradient(t, backend, 1, func(_ *model.Scope, in []*Node) *Node { return codebook.Divergence(in[0]) },
		nntest.Random(1, 2, 4))
}

// TestRefuses: what is out of range is named, with its value.
func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(*codebook.Config){
		"codes is 1":        func(c *codebook.Config) { c.Codes = 1 },
		"width is 0":        func(c *codebook.Config) { c.Width = 0 },
		"commitment is -1":  func(c *codebook.Config) { c.Commitment = -1 },
		"commitment is NaN": func(c *codebook.Config) { c.Commitment = math.NaN() },
		"decay is 1":        func(c *codebook.Config) { c.Decay = 1 },
		"revive is -0.1":    func(c *codebook.Config) { c.Revive = -0.1 },
		"revive is NaN":     func(c *codebook.Config) { c.Revive = math.NaN() },
	} {
		c := small
		change(&c)
		check.Error(t, c.Validate(), want)
	}
	check.Must(t, small.Validate())
	_, err := model.CallOnce(backend, model.NewStore(), func(s *model.Scope, z *Node) *Node {
		return codebook.Quantize(s, z, small).X
	}, tensors.FromShape(shapes.Make(dtypes.Float32, 4, 3)))
	check.Error(t, err, "3")
}
