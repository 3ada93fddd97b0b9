package palm_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/palm"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/task"
)

// backend is what the user has; quick is the Go backend, which has nothing to compile.
var backend, quick compute.Backend

func TestMain(m *testing.M) {
	var err error
	if backend, err = xla.Open(); err == nil {
		quick, err = compute.NewWithConfig("go:parallelism=-1")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// small is a model that is quick to compile.
func small() palm.Config {
	return palm.Config{
		Parallel: transformer.Parallel{Width: 16, Layers: 2, Heads: 2, HeadWidth: 8, MLP: 32, LayerNorm: 1e-6},
		Vocab:    24, Context: 12, ZLoss: 1e-4,
	}
}

// TestPresets pins the number of parameters of every preset; a preset that is not in the table fails. Those of the paper are within
// 1 % of what it states in table 1. The formula is that of the model as it is built.
func TestPresets(t *testing.T) {
	want := map[string]int{
		"8b":        8_632_012_800,
		"62b":       62_495_662_080,
		"540b":      540_356_474_880,
		"book":      1_081_984,
		"book-long": 1_926_080,
	}
	paper := map[string]float64{"8b": 8.63e9, "62b": 62.50e9, "540b": 540.35e9}
	for _, name := range slices.Sorted(maps.Keys(palm.Presets)) {
		c := palm.Presets[name]
		if err := c.Validate(); err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
		if n, ok := want[name]; !ok {
			t.Errorf("preset %s is not in this table: it has %d parameters", name, c.Parameters())
		} else if got := c.Parameters(); got != n {
			t.Errorf("preset %s has %d parameters, want %d", name, got, n)
		}
		delete(want, name)
		if n, ok := paper[name]; ok {
			if off := math.Abs(float64(c.Parameters())/n - 1); off > 0.01 {
				t.Errorf("preset %s has %d parameters, and the paper %g", name, c.Parameters(), n)
			}
			continue // too large to be built
		}
		store := model.NewStore()
		build(t, store, c)
		if got := store.NumParameters(); got != c.Parameters() {
			t.Errorf("preset %s has %d parameters when it is built, and %d by the formula", name, got, c.Parameters())
		}
	}
	for name := range want {
		t.Errorf("preset %s is gone", name)
	}
}

// build builds the whole model's graph, without compiling it, so that the store has every weight.
func build(t *testing.T, store *model.Store, c palm.Config) {
	t.Helper()
	g := NewGraph(quick, "weights")
	defer g.Finalize()
	model.SetStore(g, store)
	err := task.Try(func() error {
		palm.Read(store.RootScope(), Const(g, [][]int32{{0, 1}}), c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// initialised is a store of the model's weights, of random numbers that are always the same.
func initialised(t *testing.T, c palm.Config) *model.Store {
	t.Helper()
	store := model.NewStore()
	build(t, store, c)
	for v := range store.IterVariables() {
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(v.Path()))
		r := rand.New(rand.NewPCG(1, hash.Sum64()))
		std := 1.0
		if v.Name() == "weights" {
			std = 1 / math.Sqrt(float64(v.Shape().Dim(0)))
		}
		values := make([]float32, v.Shape().Size())
		for i := range values {
			values[i] = float32(std * r.NormFloat64())
			if v.Name() == "gain" {
				values[i] = 1
			}
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// text is n random tokens, always the same.
func text(seed uint64, n, vocab int) []int32 {
	r := rand.New(rand.NewPCG(seed, 5))
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(r.IntN(vocab))
	}
	return tokens
}

// TestValidate: each setting is refused by its name.
func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*palm.Config){
		"palm: width is 0":     func(c *palm.Config) { c.Width = 0 },
		"palm: vocab is 1":     func(c *palm.Config) { c.Vocab = 1 },
		"palm: context is 1":   func(c *palm.Config) { c.Context = 1 },
		"palm: z_loss is -1":   func(c *palm.Config) { c.ZLoss = -1 },
		"palm: z_loss is NaN":  func(c *palm.Config) { c.ZLoss = math.NaN() },
		"palm: z_loss is +Inf": func(c *palm.Config) { c.ZLoss = math.Inf(1) },
	} {
		c := small()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// leaks reports whether logits of an earlier place depend on a later token.
func leaks(t *testing.T, b compute.Backend, read func(s *model.Scope, tokens *Node) *Node) bool {
	t.Helper()
	c := small()
	tokens := text(1, c.Context, c.Vocab)
	run := nntest.Compile(t, b, initialised(t, c), func(s *model.Scope, in []*Node) []*Node { return []*Node{read(s, in[0])} })
	before := run(tensors.FromFlatDataAndDimensions(tokens, 1, c.Context))[0]
	for at := range tokens {
		changed := slices.Clone(tokens)
		changed[at] = (changed[at] + 1) % int32(c.Vocab)
		after := run(tensors.FromFlatDataAndDimensions(changed, 1, c.Context))[0]
		if !slices.Equal(after[:at*c.Vocab], before[:at*c.Vocab]) {
			return true
		}
		if slices.Equal(after[at*c.Vocab:], before[at*c.Vocab:]) {
			t.Errorf("token %d changes nothing", at)
		}
	}
	return false
}

// TestCausal: no logits depend on a later token. A mask that lets one position look ahead is planted, and the guard sees it.
func TestCausal(t *testing.T) {
	c := small()
	if leaks(t, quick, func(s *model.Scope, tokens *Node) *Node { return palm.Read(s, tokens, c).Logits }) {
		t.Error("the model sees tokens that it is to predict")
	}
	planted := func(s *model.Scope, tokens *Node) *Node {
		self := c.Attention()
		self.Mask = attention.Mask{Causal: true, Prefix: Const(tokens.Graph(), int32(2))} // the first two see each other
		e := s.GetVariable("embedding").NodeValue(tokens.Graph())
		x := transformer.EncodeParallel(s, Gather(e, ExpandAxes(tokens, -1)), self, c.Parallel).X
		return Einsum("BLD,VD->BLV", x, e)
	}
	if !leaks(t, quick, planted) {
		t.Error("a leak that was planted is not seen")
	}
}

// TestStart: at the start the embeddings are N(0, 1) and the logits of about that size, which the division by √D is for: so a model
// knows nothing, and Z is near V.
func TestStart(t *testing.T) {
	c := small()
	c.Width, c.Vocab = 64, 200
	out := nntest.Run(t, quick, initialised(t, c), func(s *model.Scope, in []*Node) []*Node {
		return []*Node{palm.Read(s, in[0], c).Logits}
	}, tensors.FromFlatDataAndDimensions(text(2, 40, c.Vocab), 4, 10))
	square := 0.0
	for _, x := range out[0] {
		square += x * x / float64(len(out[0]))
	}
	if std := math.Sqrt(square); std < 0.5 || std > 2 {
		t.Errorf("the logits have a standard deviation of %g, want about 1", std)
	}
}

// TestLoss: cross-entropy with z-loss, by the plain formula.
func TestLoss(t *testing.T) {
	c := small()
	c.ZLoss = 0.5
	logits, next := nntest.Random(1, 2, 3, 5), []int32{0, 4, 1, 3, 3, 2}
	out := nntest.Run(t, backend, nil, func(_ *model.Scope, in []*Node) []*Node {
		return []*Node{palm.Loss(in[0], in[1], c)}
	}, logits, tensors.FromFlatDataAndDimensions(next, 2, 3))
	want, flat := 0.0, nntest.Flat(t, logits)
	for i, token := range next {
		z := 0.0
		for _, x := range flat[i*5 : (i+1)*5] {
			z += math.Exp(x)
		}
		want += (math.Log(z) - flat[i*5+int(token)] + 0.5*math.Log(z)*math.Log(z)) / 6
	}
	if math.Abs(out[0][0]-want) > 1e-9 {
		t.Errorf("the loss is %v, want %v", out[0][0], want)
	}
}
