package dalle_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/dalle"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/codebook"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
	"gomm/mmlib/train"
)

// What is trained here runs on the Go backend, which has nothing to compile; the rest on whatever there is.
var backend, quick compute.Backend

func TestMain(m *testing.M) {
	var err, quickErr error
	backend, err = xla.Open()
	quick, quickErr = compute.NewWithConfig("go:parallelism=-1") // which the default may deadlock
	if err := errors.Join(err, quickErr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	syscall.Exit(m.Run()) // see package xla on the race detector
}

// small reads captions of up to three tokens, of eleven and padding, and draws pictures of four codes.
func small() dalle.Config {
	blocks := transformer.Config{Width: 32, Layers: 2, Heads: 2, MLP: 64, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	return dalle.Config{
		Text: dalle.TextConfig{Vocab: 12, Context: 3, Pad: 0, Start: 1},
		Image: codebook.Autoencoder{
			ImageSize: 8, Channels: 1, PatchSize: 4, Method: codebook.VQ, Encoder: blocks, Decoder: blocks,
			Codebook: codebook.Config{Codes: 16, Width: 4, Commitment: 0.02, Decay: 0.9, Revive: 0.5},
		},
		Stream: blocks, TextWeight: 1. / 8,
	}
}

// ten are pictures of random pixels, each with a caption of its own of one or two tokens.
type ten struct{}

func (ten) Len() int                { return 10 }
func (ten) Shape() (f, h, w, c int) { return 1, 8, 8, 1 }

func (ten) Picture(dst []float32, i int, _ *rand.Rand) {
	r := rand.New(rand.NewPCG(uint64(i), 5))
	for k := range dst {
		dst[k] = r.Float32()
	}
}

func caption(i int) []int32 { return []int32{int32(2 + i), int32(i % 2 * 3), 0} }

func (ten) Texts(examples []int, _ *rand.Rand) (ids [][]int32, own, group []int32) {
	for i := range 10 {
		ids = append(ids, caption(i))
	}
	for _, i := range examples {
		own, group = append(own, int32(i)), append(group, int32(i))
	}
	return ids, own, group
}

// trained trains the second stage on the ten examples; the first has random weights, by which different pictures have different codes.
func trained(t *testing.T, job task.Task, steps int) (*model.Store, map[string]float64) {
	t.Helper()
	training := run.Training{
		Steps: steps, BatchSize: 10, LearningRate: 5e-3, Warmup: 5, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, ClipNorm: 1,
		SaveEvery: steps, LogEvery: steps, Keep: 1, Devices: 1, Frozen: []string{"/codes"},
	}
	config := run.Config{Kind: "dalle", Seed: 1, Model: []byte(`{}`), Training: &training}
	f, err := run.Create(filepath.Join(t.TempDir(), "run"), config, nil)
	check.Must(t, err)
	defer f.Close()
	last := map[string]float64{}
	tr, err := train.New(quick, job, f, train.Hooks{Progress: func(p train.Progress) { last = p.Metrics }})
	check.Must(t, err)
	check.Must(t, tr.Run(t.Context()))
	return tr.Store(), maps.Clone(last)
}

// codesOf are those that the first stage gives the ten pictures.
func codesOf(t *testing.T, s *infer.Session) [][]int32 {
	t.Helper()
	pixels := make([]float32, 10*64)
	for i := range 10 {
		ten{}.Picture(pixels[i*64:(i+1)*64], i, nil)
	}
	out, err := s.Call("codes", tensors.FromFlatDataAndDimensions(pixels, 10, 8, 8, 1))
	check.Must(t, err)
	return slices.Collect(slices.Chunk(tensors.MustCopyFlatData[int32](out[0]), 4))
}

// draw writes the codes for the ten captions.
func draw(t *testing.T, s *infer.Session, p *dalle.Predictor, o infer.Sampling) [][]int32 {
	t.Helper()
	prompts := make([][]int32, 10)
	for i := range prompts {
		prompts[i] = p.Prompt(caption(i))
	}
	tokens, err := infer.Generate(context.Background(), s, p.Decoder(), nil, prompts, o, nil)
	check.Must(t, err)
	for _, row := range tokens {
		for k := range row {
			row[k] -= p.FirstCode()
		}
	}
	return tokens
}

// TestOverfit: ten pictures are learnt by heart: from its caption each is drawn code by code. Labels shifted twice, positions mixed up or
// a leak across the mask would all be learnt as well in training, and then draw something else.
func TestOverfit(t *testing.T) {
	c := small()
	job, err := dalle.NewPretraining(c, ten{})
	check.Must(t, err)
	store, metrics := trained(t, job, 150)
	p := &dalle.Predictor{Config: c, Weights: store}
	s, err := infer.Open(quick, p, nil, 10)
	check.Must(t, err)
	want, got := codesOf(t, s), draw(t, s, p, infer.Sampling{})
	if right := matches(got, want); right < 9 {
		t.Errorf("%d of 10 pictures are drawn as they were learnt; metrics %v", right, metrics)
	}
	if different(want) < 8 {
		t.Errorf("the first stage gives only %d different pictures: the test says little", different(want))
	}
}

func matches(got, want [][]int32) (n int) {
	for i := range got {
		if slices.Equal(got[i], want[i]) {
			n++
		}
	}
	return n
}

func different(rows [][]int32) int {
	seen := map[string]bool{}
	for _, r := range rows {
		seen[fmt.Sprint(r)] = true
	}
	return len(seen)
}

// faulty is a task with a planted fault: what it reads of the pictures' codes is one place off.
type faulty struct{ *dalle.Pretraining }

func (f faulty) Loss(s *model.Scope, in []*Node) (*Node, []*Node) { return f.ShiftedTwice(s, in) }

// TestShiftedTwice plants labels that are shifted twice: training goes well, and what is drawn is wrong.
func TestShiftedTwice(t *testing.T) {
	c := small()
	job, err := dalle.NewPretraining(c, ten{})
	check.Must(t, err)
	store, metrics := trained(t, faulty{job}, 150)
	if metrics["image_loss"] > 0.5 {
		t.Errorf("training with the fault does not even go well: %v", metrics)
	}
	p := &dalle.Predictor{Config: c, Weights: store}
	s, err := infer.Open(quick, p, nil, 10)
	check.Must(t, err)
	if right := matches(draw(t, s, p, infer.Sampling{}), codesOf(t, s)); right > 4 {
		t.Errorf("with labels shifted twice %d of 10 pictures are drawn right: the test of overfitting sees nothing", right)
	}
}

// random makes weights of normal random numbers.
func random(t *testing.T, c dalle.Config) *dalle.Predictor {
	t.Helper()
	p := &dalle.Predictor{Config: c, Weights: model.NewStore()}
	g := NewGraph(backend, "weights")
	defer g.Finalize()
	model.SetStore(g, p.Weights)
	for _, f := range p.Funcs() {
		var in []*Node
		for _, shape := range f.In {
			in = append(in, Zeros(g, shapes.Make(shape.DType, append([]int{1}, shape.Dimensions...)...)))
		}
		f.Graph(p.Weights.RootScope(), in)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for v := range p.Weights.IterVariables() {
		flat := make([]float32, v.Shape().Size())
		for i := range flat {
			flat[i] = float32(r.NormFloat64()) * 0.4
		}
		check.Must(t, v.SetValue(tensors.FromFlatDataAndDimensions(flat, v.Shape().Dimensions...)))
	}
	return p
}

// TestCached: what is drawn with what was computed for earlier tokens kept is what is drawn by computing all again, token for token, alone
// and ten at once. The same seed draws the same, whatever stands beside it; another seed something else.
func TestCached(t *testing.T) {
	c := small()
	p := random(t, c)
	one, err := infer.Open(backend, p, nil, 1)
	check.Must(t, err)
	all, err := infer.Open(backend, p, nil, 10)
	check.Must(t, err)
	greedy := draw(t, all, p, infer.Sampling{})
	whole := nntest.Compile(t, backend, p.Weights, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{ArgMax(dalle.Stream(s, in[0], c), -1, dtypes.Int32)}
	})
	for i := range 10 {
		tokens := p.Prompt(caption(i))
		for n := range c.Image.Count() {
			padded := append(slices.Clone(tokens), make([]int32, c.Length()-len(tokens))...)
			next := whole(tensors.FromFlatDataAndDimensions(padded, 1, c.Length()))[0][len(tokens)-1]
			if got := greedy[i][n] + p.FirstCode(); got != int32(next) {
				t.Fatalf("caption %d, code %d: token %d with what is kept, %g without", i, n, got, next)
			}
			tokens = append(tokens, int32(next))
		}
	}
	o := infer.Sampling{Temperature: 1, Seed: 7}
	drawn := draw(t, all, p, o)
	for i := range 10 {
		own := o
		own.FirstRow = i
		tokens, err := infer.Generate(context.Background(), one, p.Decoder(), nil, [][]int32{p.Prompt(caption(i))}, own, nil)
		check.Must(t, err)
		for k := range tokens[0] {
			if tokens[0][k]-p.FirstCode() != drawn[i][k] {
				t.Fatalf("caption %d alone: %v, among others %v", i, tokens[0], drawn[i])
			}
		}
	}
	o.Seed = 8
	if other := draw(t, all, p, o); matches(other, drawn) > 5 {
		t.Error("another seed draws the same")
	}
}

// TestVocabularies: behind each place only the tokens that may follow there are probable, and the loss is what the formula says: the mean
// over the text's tokens, weighed with w, and that over the codes, each among its own vocabulary.
func TestVocabularies(t *testing.T) {
	c := small()
	p := random(t, c)
	job, err := dalle.NewPretraining(c, ten{})
	check.Must(t, err)
	b, err := job.Batch([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil)
	check.Must(t, err)
	s, err := infer.Open(backend, p, []string{"codes"}, 10)
	check.Must(t, err)
	codes := codesOf(t, s)
	out := nntest.Run(t, backend, p.Weights, func(s *model.Scope, in []*Node) []*Node {
		l, metrics := job.Loss(s, in)
		return append([]*Node{l}, metrics...) // all of them: the Go backend does not run what leads nowhere
	}, b.Inputs...)
	whole := nntest.Compile(t, backend, p.Weights, func(s *model.Scope, in []*Node) []*Node { return []*Node{dalle.Stream(s, in[0], c)} })
	var textLoss, imageLoss float64
	for i := range 10 {
		stream := p.Prompt(caption(i))
		for _, k := range codes[i] {
			stream = append(stream, k+p.FirstCode())
		}
		x := whole(tensors.FromFlatDataAndDimensions(stream[:c.Length()], 1, c.Length()))[0]
		for at := range c.Length() {
			row := x[at*c.Tokens() : (at+1)*c.Tokens()]
			first, last, sum := 0, c.FirstCode(), &textLoss
			if at >= c.Text.Context {
				first, last, sum = c.FirstCode(), c.Tokens(), &imageLoss
			}
			z := 0.0
			for k, v := range row {
				if k >= first && k < last {
					z += math.Exp(v)
				} else if v > -1e8 {
					t.Fatalf("place %d: token %d has the logit %g, and cannot follow there", at, k, v)
				}
			}
			*sum -= row[stream[at+1]] - math.Log(z)
		}
	}
	textLoss, imageLoss = textLoss/float64(10*c.Text.Context), imageLoss/float64(10*c.Image.Count())
	for i, want := range []float64{textLoss/8 + imageLoss*7/8, textLoss, imageLoss} {
		if math.Abs(out[i][0]-want) > 1e-3*want {
			t.Errorf("number %d is %.5f, by hand %.5f", i, out[i][0], want)
		}
	}
}
