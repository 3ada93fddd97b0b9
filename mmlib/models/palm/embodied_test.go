package palm_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/palm"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/attention"
	"gomm/mmlib/nn/regions"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
	"gomm/mmlib/task"
)

// The tokens of the tests, and the length of their texts.
const (
	pad, start, mask, first, end, vocab = 0, 1, 2, 3, 15, 16

	length = 8
)

// embodied is a model that is quick to compile; a picture is five tokens to it.
func embodied() palm.EmbodiedConfig {
	return palm.EmbodiedConfig{
		Vision: vision.Config{
			ImageSize: 8, Channels: 1, PatchSize: 2, Stem: vision.Hierarchical,
			Config: transformer.Config{Width: 24, Layers: 1, Heads: 4, MLP: 48, Activation: nn.GELUTanh, LayerNorm: 1e-5},
		},
		Pool: 2,
		Text: palm.TextConfig{
			Config: palm.Config{
				Parallel: transformer.Parallel{Width: 32, Layers: 2, Heads: 4, HeadWidth: 8, MLP: 64, LayerNorm: 1e-6},
				Vocab:    vocab, Context: 20, ZLoss: 1e-4,
			},
			Pad: pad, Start: start, End: end, Mask: mask,
		},
		Length: length, Texts: 2,
		Supervision: regions.Supervision{Classification: 0.5, Regions: regions.Config{Grid: 2, Classes: []int{2, 3}}, Grounding: 0.2},
	}
}

// TestScenes pins the size of the models for scenes; those of package fusion have 1,050,944 and 1,058,624 weights.
func TestScenes(t *testing.T) {
	for grid, want := range map[int]int{2: 1_053_120, 4: 1_060_800} {
		c := palm.Scenes(grid)
		c.Length = 24
		check.Must(t, c.Validate())
		store := model.NewStore()
		buildEmbodied(t, store, c)
		if got := store.NumParameters(); got != want {
			t.Errorf("grid %d: %d weights, want %d", grid, got, want)
		}
	}
}

// buildEmbodied builds the graph of a whole model, without compiling it, so that the store has every weight.
func buildEmbodied(t *testing.T, store *model.Store, c palm.EmbodiedConfig) {
	t.Helper()
	g := NewGraph(quick, "weights")
	defer g.Finalize()
	model.SetStore(g, store)
	check.Must(t, task.Try(func() error {
		s, side := store.RootScope(), c.Vision.ImageSize
		picture := palm.See(s, Zeros(g, shapes.Make(dtypes.Float32, 1, side, side, c.Vision.Channels)), c).Tokens
		palm.Write(s, Const(g, [][]int32{{0, 1}}), picture, c)
		return nil
	}))
}

// randomEmbodied makes weights of normal random numbers, so large that what is written differs from picture to picture.
func randomEmbodied(t *testing.T, c palm.EmbodiedConfig) *model.Store {
	t.Helper()
	store, r := model.NewStore(), rand.New(rand.NewPCG(7, 7))
	buildEmbodied(t, store, c)
	paths := map[string]*model.Variable{}
	for v := range store.IterVariables() {
		paths[v.Path()] = v
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		v := paths[path]
		flat := make([]float32, v.Shape().Size())
		for i := range flat {
			flat[i] = float32(r.NormFloat64()) * 0.5
			if path == "/language/prefix/weights" { // a picture is to matter
				flat[i] *= 2
			}
		}
		check.Must(t, v.SetValue(tensors.FromFlatDataAndDimensions(flat, v.Shape().Dimensions...)))
	}
	return store
}

// pictures are the first n random pictures, [n, 8, 8, 1].
func pictures(n int) *tensors.Tensor {
	flat := make([]float32, n*64)
	for i := range n {
		examples{}.Picture(flat[i*64:(i+1)*64], i, nil)
	}
	return tensors.FromFlatDataAndDimensions(flat, n, 8, 8, 1)
}

// TestEmbodiedRefuses: each setting is refused by its name and value.
func TestEmbodiedRefuses(t *testing.T) {
	for want, change := range map[string]func(*palm.EmbodiedConfig){
		"palm: vision.image_size 7 is not a multiple":           func(c *palm.EmbodiedConfig) { c.Vision.ImageSize = 7 },
		"palm: text.width is 0":                                 func(c *palm.EmbodiedConfig) { c.Text.Width = 0 },
		"palm: text.vocab is 1":                                 func(c *palm.EmbodiedConfig) { c.Text.Vocab = 1 },
		"palm: text.z_loss is NaN":                              func(c *palm.EmbodiedConfig) { c.Text.ZLoss = math.NaN() },
		"palm: text.end is 16: it must be one of the 16 tokens": func(c *palm.EmbodiedConfig) { c.Text.End = 16 },
		"palm: text.mask is -1":                                 func(c *palm.EmbodiedConfig) { c.Text.Mask = -1 },
		`palm: text.tokenizer is "bytes"`:                       func(c *palm.EmbodiedConfig) { c.Text.Tokenizer = "bytes" },
		"palm: pool is 3":                                       func(c *palm.EmbodiedConfig) { c.Pool = 3 },
		"palm: pool is -1":                                      func(c *palm.EmbodiedConfig) { c.Pool = -1 },
		"palm: length is 1":                                     func(c *palm.EmbodiedConfig) { c.Length = 1 },
		"palm: length is 16: it must be between 2 and 15, which is text.context, 20, without the 5 tokens of the picture": func(
			c *palm.EmbodiedConfig) {
			c.Length = 16
		},
		"palm: texts is 0":                       func(c *palm.EmbodiedConfig) { c.Texts = 0 },
		"palm: classification is -1":             func(c *palm.EmbodiedConfig) { c.Classification = -1 },
		"palm: grounding is NaN":                 func(c *palm.EmbodiedConfig) { c.Grounding = math.NaN() },
		"palm: counting is true and grounding 0": func(c *palm.EmbodiedConfig) { c.Counting, c.Grounding = true, 0 },
		"palm: regions.grid is 3":                func(c *palm.EmbodiedConfig) { c.Regions.Grid = 3 },
		"palm: regions.classes is empty":         func(c *palm.EmbodiedConfig) { c.Regions.Classes = nil },
	} {
		c := embodied()
		change(&c)
		check.Error(t, c.Validate(), want)
	}
	check.Must(t, embodied().Validate())
	_, err := palm.NewWriting(embodied(), bare{})
	check.Error(t, err, "palm: classification is not 0, and the examples have no classes of regions")
	_, err = palm.NewWriting(embodied(), large{})
	check.Error(t, err, "9×9 pixels", "8×8 pixels", "vision.image_size")
}

// bare are examples without classes, large ones of another size.
type bare struct{ task.Written }

func (bare) Len() int                 { return 1 }
func (bare) Shape() (_, _, _, _ int)  { return 1, 8, 8, 1 }
func (large) Shape() (_, _, _, _ int) { return 1, 9, 9, 1 }

type large struct{ examples }

// written are the logits of a function of texts [B, 8] and pictures, compiled once.
func written(t *testing.T, c palm.EmbodiedConfig, write func(s *model.Scope, ids, picture *Node) *Node) func(ids []int32,
	pictures *tensors.Tensor) []float64 {
	t.Helper()
	run := nntest.Compile(t, quick, randomEmbodied(t, c), func(s *model.Scope, in []*Node) []*Node {
		return []*Node{write(s, in[0], palm.See(s, in[1], c).Tokens)}
	})
	return func(ids []int32, pictures *tensors.Tensor) []float64 {
		return run(tensors.FromFlatDataAndDimensions(ids, len(ids)/length, length), pictures)[0]
	}
}

// peeks reports whether logits of an earlier place depend on a later token.
func peeks(t *testing.T, c palm.EmbodiedConfig, write func(s *model.Scope, ids, picture *Node) *Node) bool {
	t.Helper()
	read, ids := written(t, c, write), text(1, length, vocab)
	before := read(ids, pictures(1))
	for at := range ids {
		changed := slices.Clone(ids)
		changed[at] = (changed[at] + 1) % vocab
		after := read(changed, pictures(1))
		if !slices.Equal(after[:at*vocab], before[:at*vocab]) {
			return true
		}
		if slices.Equal(after[at*vocab:], before[at*vocab:]) {
			t.Errorf("token %d changes nothing", at)
		}
	}
	return false
}

// TestEmbodiedCausal: no logits depend on a later token. A prefix that reaches one token too far into the text is planted, and the guard
// sees it.
func TestEmbodiedCausal(t *testing.T) {
	c := embodied()
	if peeks(t, c, func(s *model.Scope, ids, picture *Node) *Node { return palm.Write(s, ids, picture, c).Logits }) {
		t.Error("the model sees tokens that it is to say")
	}
	planted := func(s *model.Scope, ids, picture *Node) *Node {
		ls, n := s.At("language"), c.Prefix()
		e := ls.GetVariable("embedding").NodeValue(ids.Graph())
		seen := nn.Dense(ls.At("prefix"), picture, c.Text.Width, 1)
		self := c.Text.Attention()
		self.Mask = attention.Mask{Causal: true, Prefix: Const(ids.Graph(), int32(n+2))} // the picture, and two tokens of the text
		x := Concatenate([]*Node{seen, Gather(e, ExpandAxes(ids, -1))}, 1)
		out := transformer.EncodeParallel(ls, x, self, c.Text.Parallel).X
		return Einsum("BLD,VD->BLV", Slice(out, AxisRange(), AxisRange(n)), e)
	}
	if !peeks(t, c, planted) {
		t.Error("a leak that was planted is not seen")
	}
}

// TestPictureMatters: what is said of one picture is not what is said of another, at any place; of texts that share a batch each is about
// its own, and is what it is alone.
func TestPictureMatters(t *testing.T) {
	c := embodied()
	read := written(t, c, func(s *model.Scope, ids, picture *Node) *Node { return palm.Write(s, ids, picture, c).Logits })
	row := length * vocab
	ids, seen := text(1, length, vocab), nntest.Flat(t, pictures(2))
	picture := func(i int) *tensors.Tensor {
		flat := make([]float32, 64)
		for k := range flat {
			flat[k] = float32(seen[i*64+k])
		}
		return tensors.FromFlatDataAndDimensions(flat, 1, 8, 8, 1)
	}
	one, other := read(ids, picture(0)), read(ids, picture(1))
	for at := range length {
		if slices.Equal(one[at*vocab:(at+1)*vocab], other[at*vocab:(at+1)*vocab]) {
			t.Errorf("place %d says the same of two pictures", at)
		}
	}
	second := text(2, length, vocab)
	both := read(slices.Concat(ids, second, ids, second), pictures(2)) // two texts about each of two pictures
	for name, test := range map[string]struct {
		got, want []float64
	}{"first": {both[:row], one}, "third": {both[2*row : 3*row], other}, "fourth": {both[3*row:], read(second, picture(1))}} {
		for i := range test.got {
			if math.Abs(test.got[i]-test.want[i]) > 1e-4 {
				t.Fatalf("the %s text beside others: logit %d is %g, alone %g", name, i, test.got[i], test.want[i])
			}
		}
	}
}

// TestEmbodiedMerge: low-rank terms are of the vision transformer, and become part of it.
func TestEmbodiedMerge(t *testing.T) {
	c := embodied()
	c.Vision.LoRA.Rank = 2
	store := randomEmbodied(t, c)
	seen := func(c palm.EmbodiedConfig) []float64 {
		return nntest.Run(t, quick, store, func(s *model.Scope, in []*Node) []*Node {
			return []*Node{palm.See(s, in[0], c).Tokens}
		}, pictures(1))[0]
	}
	before, low := seen(c), store.NumVariables()
	check.Must(t, c.Merge(store))
	after := seen(c)
	for i := range before {
		if math.Abs(before[i]-after[i]) > 1e-3 {
			t.Fatalf("number %d was %g and is %g", i, before[i], after[i])
		}
	}
	for v := range store.IterVariables() {
		if strings.Contains(v.Path(), "lora") {
			t.Errorf("%s is left of %d weights", v.Path(), low)
		}
	}
}
