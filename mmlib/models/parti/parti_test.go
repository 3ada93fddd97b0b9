package parti_test

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
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/parti"
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

// small reads captions of up to three tokens, of twelve and padding, and draws pictures of four codes.
func small() parti.Config {
	blocks := transformer.Config{Width: 32, Layers: 2, Heads: 2, MLP: 64, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	return parti.Config{
		Text: parti.TextConfig{Vocab: 13, Context: 3, Pad: 0, End: 1, Config: blocks},
		Image: codebook.Autoencoder{
			ImageSize: 8, Channels: 1, PatchSize: 4, Method: codebook.VQ, Encoder: blocks, Decoder: blocks,
			Codebook: codebook.Config{Codes: 16, Width: 4, Commitment: 0.02, Decay: 0.9, Revive: 0.5},
		},
		Decoder: blocks, Drop: 0.1,
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

// caption is a word, perhaps another, and the end.
func caption(i int) []int32 {
	if i%2 == 0 {
		return []int32{int32(2 + i), 1, 0}
	}
	return []int32{int32(2 + i), 12, 1}
}

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
	config := run.Config{Kind: "parti", Seed: 1, Model: []byte(`{}`), Training: &training}
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
func draw(t *testing.T, s *infer.Session, p *parti.Predictor, guidance float64, o infer.Sampling) [][]int32 {
	t.Helper()
	var ids [][]int32
	for i := range 10 {
		ids = append(ids, caption(i))
	}
	about, prompts, err := p.Begin(ids, guidance)
	check.Must(t, err)
	codes, err := infer.Generate(context.Background(), s, p.Decoder(), about, prompts, o, nil)
	check.Must(t, err)
	return codes
}

// TestOverfit: ten pictures are learnt by heart: from its caption each is drawn code by code. Labels shifted twice, positions mixed up or
// a leak across the mask would all be learnt as well in training, and then draw something else.
func TestOverfit(t *testing.T) {
	c := small()
	job, err := parti.NewPretraining(c, ten{})
	check.Must(t, err)
	store, metrics := trained(t, job, 150)
	p := &parti.Predictor{Config: c, Weights: store}
	s, err := infer.Open(quick, p, nil, 10)
	check.Must(t, err)
	want, got := codesOf(t, s), draw(t, s, p, 1, infer.Sampling{})
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
type faulty struct{ *parti.Pretraining }

func (f faulty) Loss(s *model.Scope, in []*Node) (*Node, []*Node) { return f.ShiftedTwice(s, in) }

// TestShiftedTwice plants labels that are shifted twice: training goes well, and what is drawn is wrong.
func TestShiftedTwice(t *testing.T) {
	c := small()
	job, err := parti.NewPretraining(c, ten{})
	check.Must(t, err)
	store, metrics := trained(t, faulty{job}, 150)
	if metrics["loss"] > 0.5 {
		t.Errorf("training with the fault does not even go well: %v", metrics)
	}
	p := &parti.Predictor{Config: c, Weights: store}
	s, err := infer.Open(quick, p, nil, 10)
	check.Must(t, err)
	if right := matches(draw(t, s, p, 1, infer.Sampling{}), codesOf(t, s)); right > 4 {
		t.Errorf("with labels shifted twice %d of 10 pictures are drawn right: the test of overfitting sees nothing", right)
	}
}

// random makes weights of normal random numbers.
func random(t *testing.T, c parti.Config) *parti.Predictor {
	t.Helper()
	p := &parti.Predictor{Config: c, Weights: model.NewStore()}
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

// TestCached: what is drawn with what was computed for earlier codes kept is what is drawn by computing all again, code for code, with and
// without guidance: the logits with the caption and without are those of the whole. The same seed draws the same, whatever stands beside
// it; another seed something else.
func TestCached(t *testing.T) {
	c := small()
	p := random(t, c)
	one, err := infer.Open(backend, p, nil, 1)
	check.Must(t, err)
	all, err := infer.Open(backend, p, nil, 10)
	check.Must(t, err)
	whole := nntest.Compile(t, backend, p.Weights, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{parti.Decode(s, in[0], parti.EncodeText(s, in[1], c), c)}
	})
	n, v := c.Image.Count(), c.Tokens()
	for _, guidance := range []float64{0, 1, 2.5} {
		greedy := draw(t, all, p, guidance, infer.Sampling{})
		for i := range 10 {
			tokens := []int32{int32(c.Begin())}
			for at := range n {
				in := tensors.FromFlatDataAndDimensions(append(slices.Clone(tokens), make([]int32, n-len(tokens))...), 1, n)
				with := whole(in, tensors.FromFlatDataAndDimensions(caption(i), 1, 3))[0][at*v : (at+1)*v]
				without := whole(in, tensors.FromFlatDataAndDimensions(c.Empty(), 1, 3))[0][at*v : (at+1)*v]
				best, next := math.Inf(-1), int32(0)
				for k := range with {
					if x := without[k] + guidance*(with[k]-without[k]); x > best {
						best, next = x, int32(k)
					}
				}
				if greedy[i][at] != next {
					t.Fatalf("guidance %g, caption %d, code %d: %d with what is kept, %d without", guidance, i, at, greedy[i][at], next)
				}
				tokens = append(tokens, next)
			}
		}
	}
	o := infer.Sampling{Temperature: 1, Seed: 7}
	drawn := draw(t, all, p, 2, o)
	for i := range 10 {
		own := o
		own.FirstRow = i
		about, prompts, err := p.Begin([][]int32{caption(i)}, 2)
		check.Must(t, err)
		codes, err := infer.Generate(context.Background(), one, p.Decoder(), about, prompts, own, nil)
		check.Must(t, err)
		if !slices.Equal(codes[0], drawn[i]) {
			t.Fatalf("caption %d alone: %v, among others %v", i, codes[0], drawn[i])
		}
	}
	o.Seed = 8
	if other := draw(t, all, p, 2, o); matches(other, drawn) > 5 {
		t.Error("another seed draws the same")
	}
}

// TestLoop: the decoder compiled whole draws what it draws code by code, with guidance, also where the last group of rows is not full.
func TestLoop(t *testing.T) {
	c := small()
	p := random(t, c)
	s, err := infer.Open(backend, p, nil, 10)
	check.Must(t, err)
	l, err := infer.NewLoop(s, p.Decoder(), 4, 1, c.Image.Count())
	if errors.Is(err, infer.ErrNoLoop) && backend.Name() == quick.Name() { // tests without XLA; TestLoop of package dalle has them too
		return
	}
	check.Must(t, err)
	var ids [][]int32
	for i := range 10 {
		ids = append(ids, caption(i))
	}
	for _, o := range []infer.Sampling{{}, {Temperature: 1, Seed: 7}} {
		about, prompts, err := p.Begin(ids, 2)
		check.Must(t, err)
		got, err := l.Run(about, prompts, o)
		check.Must(t, err)
		if right := matches(got, draw(t, s, p, 2, o)); right < 10 {
			t.Errorf("%+v: %d of 10 pictures are those drawn code by code", o, right)
		}
	}
}

// TestScore: what the function "score" gives is the loss.
func TestScore(t *testing.T) {
	c := small()
	c.Drop = 0
	p := random(t, c)
	job, err := parti.NewPretraining(c, ten{})
	check.Must(t, err)
	b, err := job.Batch([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, nil)
	check.Must(t, err)
	s, err := infer.Open(backend, p, []string{"codes", "score"}, 10)
	check.Must(t, err)
	out, err := s.Call("score", b.Inputs[1], tensors.FromFlatDataAndDimensions(slices.Concat(codesOf(t, s)...), 10, c.Image.Count()))
	check.Must(t, err)
	mean := 0.0
	for _, x := range tensors.MustCopyFlatData[float32](out[0]) {
		mean += float64(x) / 10
	}
	l := nntest.Run(t, backend, p.Weights, func(s *model.Scope, in []*Node) []*Node {
		l, metrics := job.Loss(s, in)
		return append([]*Node{l}, metrics...) // all of them: the Go backend does not run what leads nowhere
	}, b.Inputs...)[0][0]
	if math.Abs(l-mean) > 1e-4*l {
		t.Errorf("the loss is %.6f, the mean score %.6f", l, mean)
	}
}

// TestDrop: so many captions are empty in training, and none without a random source.
func TestDrop(t *testing.T) {
	c := small()
	c.Drop = 0.3
	job, err := parti.NewPretraining(c, ten{})
	check.Must(t, err)
	examples, empty := make([]int, 2000), 0
	b, err := job.Batch(examples, rand.New(rand.NewPCG(1, 2)))
	check.Must(t, err)
	for row := range slices.Chunk(tensors.MustCopyFlatData[int32](b.Inputs[1]), c.Text.Context) {
		if slices.Equal(row, c.Empty()) {
			empty++
		} else if !slices.Equal(row, caption(0)) {
			t.Fatalf("a caption is %v", row)
		}
	}
	if empty < 540 || empty > 660 {
		t.Errorf("%d of 2,000 captions are empty, want about 600", empty)
	}
}
