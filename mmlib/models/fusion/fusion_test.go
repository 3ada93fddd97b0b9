package fusion_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/fusion"
	"gomm/mmlib/nn"
	"gomm/mmlib/nn/transformer"
	"gomm/mmlib/nn/vision"
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

// The tokens of the tests.
const (
	pad, start, mask, first, end, vocab = 0, 1, 2, 3, 15, 16
)

func small() fusion.Config {
	blocks := transformer.Config{Width: 32, Layers: 1, Heads: 4, MLP: 64, Activation: nn.GELUTanh, LayerNorm: 1e-5}
	return fusion.Config{
		Vision: vision.Config{ImageSize: 8, Channels: 1, PatchSize: 4, Stem: vision.Hierarchical, Config: blocks},
		Text: fusion.TextConfig{
			Vocab: vocab, Context: 12, Pad: pad, Start: start, End: end, Mask: mask, FusionLayers: 1, Config: blocks,
		},
	}
}

// examples are random pictures, each with a random text of its own of four words, two questions and answers, and classes of regions.
type examples struct{ n int }

func (e examples) Len() int                                     { return e.n }
func (e examples) Shape() (frames, height, width, channels int) { return 1, 8, 8, 1 }

func (e examples) Picture(dst []float32, i int, _ *rand.Rand) {
	own := source(uint64(i))
	for k := range dst {
		dst[k] = float32(own.NormFloat64())
	}
}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

// words are n of example i.
func words(i, n int) []int32 {
	own, list := source(uint64(1000+i)), make([]int32, n)
	for k := range list {
		list[k] = first + own.Int32N(end-first)
	}
	return list
}

// fixed is a text with start, end and padding.
func fixed(length int, words ...int32) []int32 {
	ids := append(append([]int32{start}, words...), end)
	return append(ids, make([]int32, length-len(ids))...)
}

func (e examples) Caption(i int, _ *rand.Rand) ([]int32, error) { return fixed(7, words(i, 4)...), nil }

// GroundedCaption says of each word of the caption which of the four regions it is about.
func (e examples) GroundedCaption(i int, _ *rand.Rand) (fusion.Passage, error) {
	p := fusion.Passage{IDs: fixed(7, words(i, 4)...), Look: make([][]int, 7)}
	for k := 1; k < 5; k++ {
		p.Look[k] = []int{source(uint64(4000 + 10*i + k)).IntN(4)}
	}
	return p, nil
}

// Texts are dialogues of two rounds: of a word that is read and one that is said, each with an end. The first that is said counts some of
// the four regions.
func (e examples) Texts(i, n int, _ *rand.Rand) ([]fusion.Passage, error) {
	list := make([]fusion.Passage, n)
	for k := range list {
		w, counted := words(i+100*k, 2), []int{fusion.ClassToken}
		for region := range 4 {
			if source(uint64(3000+10*i+region)).IntN(2) == 0 {
				counted = append(counted, region)
			}
		}
		list[k] = fusion.Passage{
			IDs: []int32{start, first + int32(k), w[0], end, first + 5, w[1], end},
			Say: []bool{false, false, true, true, false, true, true}, Prefix: 2,
			Look: [][]int{nil, nil, counted, nil, nil, nil, nil},
		}
	}
	return list, nil
}

func (e examples) Classes(dst []int32, i int) {
	own := source(uint64(2000 + i))
	for k := range dst {
		dst[k] = own.Int32N(2)
	}
}

func regions() fusion.Regions { return fusion.Regions{Grid: 2, Classes: []int{2, 2}} }

func masking() fusion.Masking {
	return fusion.Masking{Share: 0.3, Token: mask, First: first, Last: end}
}

func pretraining(o fusion.Objectives) fusion.PretrainingConfig {
	return fusion.PretrainingConfig{
		Config: small(), Objectives: o, Regions: regions(), Caption: 7, Masking: masking(), Projection: 16, Hidden: 0.2,
	}
}

func writing(prefix bool) fusion.WriterConfig {
	c := fusion.WriterConfig{Config: small(), Length: 8, Texts: 2, Prefix: prefix}
	c.Classification, c.Regions = 0.5, regions()
	return c
}

// overfit trains a task on its ten examples and returns the weights and the last metrics.
func overfit(t *testing.T, job task.Task, steps int) (*model.Store, map[string]float64) {
	t.Helper()
	training := run.Training{
		Steps: steps, BatchSize: 10, LearningRate: 5e-3, Warmup: 10, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, ClipNorm: 1, SaveEvery: 1000,
		LogEvery: 100, Keep: 1, Devices: 1,
	}
	f, err := run.Create(filepath.Join(t.TempDir(), "run"), run.Config{Kind: "test", Seed: 1, Training: &training}, nil)
	check.Must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	var last map[string]float64
	trainer, err := train.New(quick, job, f, train.Hooks{Progress: func(p train.Progress) { last = p.Metrics }})
	check.Must(t, err)
	check.Must(t, trainer.Run(context.Background()))
	return trainer.Store(), last
}

// TestOverfitPretraining: ten examples are learnt by heart, by all objectives together.
func TestOverfitPretraining(t *testing.T) {
	c := pretraining(fusion.Objectives{Classification: 1, Contrast: 1, Matching: 1, Masking: 1})
	c.Hidden = 0
	job, err := fusion.NewPretraining(c, examples{10})
	check.Must(t, err)
	_, got := overfit(t, job, 200)
	for _, metric := range job.Metrics() {
		if strings.HasSuffix(metric, "_accuracy") && got[metric] < 0.9 {
			t.Errorf("%s is %.3f after training on ten examples", metric, got[metric])
		}
	}
}

// arguments are a batch's, as a compiled function takes them.
func arguments(b task.Batch) []any {
	list := make([]any, len(b.Inputs))
	for i, x := range b.Inputs {
		list[i] = x
	}
	return list
}

// TestObjectives: each objective can be trained alone, and has no weights of the others.
func TestObjectives(t *testing.T) {
	for name, o := range map[string]fusion.Objectives{
		"regions":  {Classification: 1},
		"contrast": {Contrast: 1},
		"matching": {Matching: 1},
		"head":     {Masking: 1},
	} {
		job, err := fusion.NewPretraining(pretraining(o), examples{10})
		check.Must(t, err)
		b, err := job.Batch([]int{0, 1, 2, 3}, source(1))
		check.Must(t, err)
		store := model.NewStore()
		exec, err := model.NewExec(backend, store, func(s *model.Scope, in []*Node) *Node {
			l, metrics := job.Loss(s, in)
			if len(metrics) != 2 {
				t.Errorf("%s: %d metrics", name, len(metrics))
			}
			return l
		})
		check.Must(t, err)
		out, err := exec.Call(arguments(b)...)
		check.Must(t, err)
		if l := tensors.ToScalar[float32](out[0]); !(l > 0 && l < 10) {
			t.Errorf("%s: the loss is %g", name, l)
		}
		for v := range store.IterVariables() {
			for _, other := range []string{"regions", "contrast", "matching", "head"} {
				if other != name && strings.HasPrefix(v.Path(), "/"+other+"/") {
					t.Errorf("%s has the weight %s", name, v.Path())
				}
			}
		}
	}
}

// TestTogether: objectives that read their texts in one pass are what each is by itself, with the weights and the random state of all.
func TestTogether(t *testing.T) {
	measure := func(o fusion.Objectives, weights *model.Store) map[string]float64 {
		job, err := fusion.NewPretraining(pretraining(o), examples{10})
		check.Must(t, err)
		state, err := RNGStateFromSeed(4)
		check.Must(t, err)
		check.Must(t, weights.GetVariable("/"+model.RNGStateVariableName).SetValue(state))
		b, err := job.Batch([]int{0, 1, 2, 3, 4}, source(1))
		check.Must(t, err)
		exec, err := model.NewExec(backend, weights, func(s *model.Scope, in []*Node) []*Node {
			_, metrics := job.Loss(s, in)
			return metrics
		})
		check.Must(t, err)
		out, err := exec.Call(arguments(b)...)
		check.Must(t, err)
		values := map[string]float64{}
		for i, name := range job.Metrics() {
			values[name] = float64(tensors.ToScalar[float32](out[i]))
		}
		return values
	}
	store := model.NewStore()
	check.Must(t, store.SetRNGStateFromSeed(4))
	all := fusion.Objectives{Classification: 1, Contrast: 1, Matching: 1, Masking: 1, Grounding: 1}
	measure(all, store) // makes the weights
	together := measure(all, store)
	for _, o := range []fusion.Objectives{
		{Contrast: 1}, {Contrast: 1, Matching: 1}, {Masking: 1}, {Masking: 1, Grounding: 1}, {Matching: 1, Contrast: 1, Masking: 1},
	} {
		for name, want := range measure(o, store) {
			if got := together[name]; math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
				t.Errorf("%s is %.6f among all objectives, %.6f with %+v", name, got, want, o)
			}
		}
	}
}

// TestStacks: the tasks name the model's stacks of blocks, all of them, those of the encoders below that of the fusion.
func TestStacks(t *testing.T) {
	names := func(x task.Stacked) (list []string) {
		for _, level := range x.Stacks() {
			list = append(list, level...)
		}
		return list
	}
	job, err := fusion.NewWriting(writing(false), examples{10})
	check.Must(t, err)
	wants, err := train.Weights(quick, job, run.Training{BatchSize: 2, Devices: 1}, 1)
	check.Must(t, err)
	found := map[string]bool{}
	for path := range wants {
		if stack, _, ok := strings.Cut(path, "/block"); ok {
			found[stack] = true
		}
	}
	if got := names(job); len(found) != 3 || !slices.Equal(got, []string{"/vision", "/text", "/fusion"}) || !found[got[0]] ||
		!found[got[1]] || !found[got[2]] || !slices.Equal(got, names(&fusion.Pretraining{})) {
		t.Errorf("the stacks are called %v; the model has %v", got, found)
	}
}

// TestMasking: of many tokens 30 % are chosen; of these 80 % become the mask and about 10 % stay; special tokens never are.
func TestMasking(t *testing.T) {
	r := source(3)
	chosen, hidden, same, total := 0, 0, 0, 0
	for i := range 2000 {
		ids := fixed(12, words(i, 8)...)
		before := slices.Clone(ids)
		which := masking().Apply(ids, r)
		if !slices.Contains(which, true) {
			t.Fatal("nothing is to be guessed")
		}
		for k, id := range ids {
			special := before[k] < first || before[k] >= end
			if special && (which[k] || id != before[k]) || !which[k] && id != before[k] {
				t.Fatalf("%v became %v, chosen %v", before, ids, which)
			}
			if special {
				continue
			}
			total++
			if which[k] {
				chosen++
				if id == mask {
					hidden++
				} else if id == before[k] {
					same++
				}
			}
		}
	}
	share := func(a, b int) float64 { return float64(a) / float64(b) }
	// At least one is always chosen, which adds 0.7⁸/8 to the share; a random token is the same one in 1 of 12.
	if c, h, s := share(chosen, total), share(hidden, chosen), share(same, chosen); c < 0.29 || c > 0.33 || h < 0.78 || h > 0.82 ||
		s < 0.09 || s > 0.13 {
		t.Errorf("chosen %.3f, hidden %.3f, the same %.3f", c, h, s)
	}
}
