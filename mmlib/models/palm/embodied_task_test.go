package palm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/loss"
	"gomm/mmlib/models/palm"
	"gomm/mmlib/run"
	"gomm/mmlib/task"
	"gomm/mmlib/train"
)

// examples are ten random pictures, each with random dialogues and classes of its own.
type examples struct{}

func (examples) Len() int                { return 10 }
func (examples) Shape() (_, _, _, _ int) { return 1, 8, 8, 1 }

func own(kind, i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(kind), uint64(i))) }

func (examples) Picture(dst []float32, i int, _ *rand.Rand) {
	r := own(1, i)
	for k := range dst {
		dst[k] = float32(r.NormFloat64())
	}
}

// Texts are dialogues of two rounds: of a word that is read and one that is said, each with an end. The answers depend on the picture
// alone, and are read in one of its regions.
func (examples) Texts(i, n int, _ *rand.Rand) ([]task.Passage, error) {
	list := make([]task.Passage, n)
	for k := range list {
		r := own(2+k, i)
		a, b := first+r.Int32N(end-first), first+r.Int32N(end-first)
		at := []int{i % 4}
		list[k] = task.Passage{
			IDs: []int32{start, first + int32(k), a, end, first + 5, b, end},
			Say: []bool{false, false, true, true, false, true, true}, Prefix: 2, Look: [][]int{nil, nil, at, at, nil, at, at},
		}
	}
	return list, nil
}

func (examples) Classes(dst []int32, i int) {
	r := own(9, i)
	for k := range dst {
		dst[k] = r.Int32N(int32(2 + k%2))
	}
}

// twice is a training with a mistake: what is said at each place is shifted once more.
type twice struct{ *palm.Writing }

func (w twice) Loss(s *model.Scope, in []*Node) (*Node, []*Node) {
	c := w.Config
	n := in[1].Shape().Dim(1)
	tokens, next := Slice(in[1], AxisRange(), AxisRange(0, n-2)), Slice(in[1], AxisRange(), AxisRange(2))
	say := Slice(in[2], AxisRange(), AxisRange(2))
	logits := palm.Write(s, tokens, palm.See(s, in[0], c).Tokens, c).Logits
	l := loss.Sequence(logits, next, loss.SequenceOptions{Mask: say})
	zero := ScalarZero(l.Graph(), l.DType())
	return l, []*Node{loss.TokenAccuracy(logits, next, say), loss.TextAccuracy(logits, next, say), zero, zero, zero}
}

// TestOverfitEmbodied: ten pictures with two dialogues each are learnt by heart, and what was learnt is written, greedily and by beams.
// The same guard fails for a model trained on labels that are shifted twice, whose loss falls as well.
func TestOverfitEmbodied(t *testing.T) {
	c := embodied()
	job, err := palm.NewWriting(c, examples{})
	check.Must(t, err)
	for name, test := range map[string]struct {
		task  task.Task
		right bool
	}{"as it is": {job, true}, "shifted twice": {twice{job}, false}} {
		store, got := fitEmbodied(t, test.task)
		if got["token_accuracy"] < 0.8 || test.right && (got["token_accuracy"] < 0.95 || got["text_accuracy"] < 0.9 ||
			got["region_accuracy"] < 0.9 || got["grounding_share"] < 0.5) {
			t.Errorf("%s: %v", name, got)
		}
		w := &palm.Writer{Config: c, Weights: store}
		s, err := infer.Open(quick, w, []string{"picture", "memory", "step"}, 10)
		check.Must(t, err)
		seen, err := s.Call("picture", pictures(10))
		check.Must(t, err)
		prompts, want := make([][]int32, 10), make([][]int32, 10)
		for i := range prompts { // the second question, after the first with its answer, or the first: prompts of two lengths
			texts, _ := examples{}.Texts(i, 1, nil)
			prompts[i], want[i] = texts[0].IDs[:5], texts[0].IDs[5:6]
			if i%2 == 0 {
				prompts[i], want[i] = texts[0].IDs[:2], texts[0].IDs[2:3]
			}
		}
		for _, beams := range []int{0, 3} {
			o := infer.Sampling{Beams: beams}
			got, err := infer.Generate(context.Background(), s, w.Decoder(), seen, prompts, o, nil)
			check.Must(t, err)
			right := 0
			for i := range got {
				if slices.Equal(got[i], want[i]) {
					right++
				}
			}
			if test.right != (right >= 9) {
				t.Errorf("%s, %d beams: %d of 10 answers are those that were learnt: %v, want %v", name, beams, right, got, want)
			}
		}
	}
}

// fitEmbodied trains on all examples at once and returns the weights and the last metrics.
func fitEmbodied(t *testing.T, job task.Task) (*model.Store, map[string]float64) {
	t.Helper()
	settings, err := json.Marshal(embodied())
	check.Must(t, err)
	training := run.Training{
		Steps: 150, BatchSize: 10, LearningRate: 1e-2, Warmup: 10, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, ClipNorm: 1, SaveEvery: 1000,
		LogEvery: 100, Keep: 1, Devices: 1,
	}
	f, err := run.Create(t.TempDir()+"/run", run.Config{Kind: "test", Seed: 1, Model: settings, Training: &training}, nil)
	check.Must(t, err)
	var last map[string]float64
	trainer, err := train.New(quick, job, f, train.Hooks{Progress: func(p train.Progress) { last = p.Metrics }})
	check.Must(t, err)
	check.Must(t, trainer.Run(t.Context()))
	check.Must(t, f.Close())
	return trainer.Store(), last
}

// TestEmbodiedCached: what is written with the picture read once and what was computed for earlier tokens kept is, token for token, what
// is written by reading all anew for each token; for one picture and for 64, on every backend.
func TestEmbodiedCached(t *testing.T) {
	c := embodied()
	for _, b := range []compute.Backend{backend, quick} {
		w := &palm.Writer{Config: c, Weights: randomEmbodied(t, c)}
		s, err := infer.Open(b, w, []string{"picture", "next", "memory", "step"}, 1, 64)
		check.Must(t, err)
		for _, rows := range []int{1, 64} {
			seen, err := s.Call("picture", pictures(rows))
			check.Must(t, err)
			prompts, want := make([][]int32, rows), make([][]int32, rows)
			flat, done := make([]int32, rows*length), make([]bool, rows)
			for i := range prompts {
				prompts[i] = append([]int32{start}, text(uint64(i), i%4, vocab)...)
				copy(flat[i*length:], prompts[i])
			}
			for at := range length { // the token behind place at
				out, err := s.Call("next", seen[0], tensors.FromFlatDataAndDimensions(slices.Clone(flat), rows, length),
					tensors.FromFlatDataAndDimensions(make([]int32, rows), rows))
				check.Must(t, err)
				next := tensors.MustCopyFlatData[int32](out[0])
				for i, prompt := range prompts {
					token := next[i*length+at]
					if done[i] = done[i] || at >= len(prompt)-1 && token == end; done[i] || at < len(prompt)-1 {
						continue
					}
					if want[i] = append(want[i], token); at+1 < length {
						flat[i*length+at+1] = token
					}
				}
			}
			got, err := infer.Generate(context.Background(), s, w.Decoder(), seen, prompts, infer.Sampling{}, nil)
			check.Must(t, err)
			different := map[string]bool{}
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%s, %d pictures: behind %v stands %v with what is kept and %v without", b.Name(), rows, prompts[i], got[i], want[i])
				}
				different[fmt.Sprint(got[i])] = true
			}
			if len(different) < rows/4 {
				t.Errorf("only %d different texts: the test says little", len(different))
			}
		}
	}
}

// TestEmbodiedScore: the log-probability of an answer is the sum over its tokens and the end behind it, worked out by hand from the logits
// of each place; padding does not count. "look" gives shares of the patches.
func TestEmbodiedScore(t *testing.T) {
	c := embodied()
	w := &palm.Writer{Config: c, Weights: randomEmbodied(t, c)}
	s, err := infer.Open(quick, w, []string{"picture", "score", "look"}, 10)
	check.Must(t, err)
	seen, err := s.Call("picture", pictures(10))
	check.Must(t, err)
	var ids, given, read []int32
	for i := range 10 {
		words := append(append([]int32{start}, text(uint64(i), 1+i%(length-1), end-first)...), end)
		for k := range words[1 : len(words)-1] {
			words[1+k] += first
		}
		row := append(words, make([]int32, length+1-len(words))...)
		ids, read, given = append(ids, row...), append(read, row[:length]...), append(given, int32(1+i%(len(words)-1)))
	}
	prefix := tensors.FromFlatDataAndDimensions(given, 10)
	out, err := s.Call("score", seen[0], tensors.FromFlatDataAndDimensions(ids, 10, length+1), prefix)
	check.Must(t, err)
	got := tensors.MustCopyFlatData[float32](out[0])
	texts := tensors.FromFlatDataAndDimensions(read, 10, length)
	logits := nntest.Run(t, quick, w.Weights, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{palm.Write(s, in[0], in[1], c).Logits}
	}, texts, seen[0])[0]
	for i := range 10 {
		want := 0.0
		for at := int(given[i]); at <= length && ids[i*(length+1)+at] != pad; at++ {
			row := logits[(i*length+at-1)*vocab:][:vocab]
			sum := 0.0
			for _, x := range row {
				sum += math.Exp(x)
			}
			want += row[ids[i*(length+1)+at]] - math.Log(sum)
		}
		if math.Abs(float64(got[i])-want) > 1e-3 {
			t.Errorf("text %d: the log-probability is %g, by hand %g", i, got[i], want)
		}
	}
	out, err = s.Call("look", seen[0], texts, prefix)
	check.Must(t, err)
	for i, grid := range slices.Collect(slices.Chunk(tensors.MustCopyFlatData[float32](out[0]), c.Grid()*c.Grid())) {
		sum := float32(0)
		for _, x := range grid {
			sum += x
		}
		if math.Abs(float64(sum)-1) > 1e-4 {
			t.Fatalf("place %d looks at the patches by %v, in sum %g", i, grid, sum)
		}
	}
}

// TestEmbodiedStacks: the task names the model's stacks of blocks, all of them.
func TestEmbodiedStacks(t *testing.T) {
	job, err := palm.NewWriting(embodied(), examples{})
	check.Must(t, err)
	wants, err := train.Weights(quick, job, run.Training{BatchSize: 2, Devices: 1}, 1)
	check.Must(t, err)
	found := map[string]bool{}
	for path := range wants {
		if stack, _, ok := strings.Cut(path, "/block"); ok {
			found[stack] = true
		}
	}
	if got := slices.Concat(job.Stacks()...); len(found) != 2 || !slices.Equal(got, []string{"/vision", "/language"}) || !found[got[0]] ||
		!found[got[1]] {
		t.Errorf("the stacks are called %v; the model has %v", got, found)
	}
}
