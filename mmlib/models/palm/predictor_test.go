package palm_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/palm"
)

// TestCachedEqualsUncached: what is written with a cache is, token for token, what is written by reading the whole text again for
// each token; for one text and for 64, for prompts of every length, on every backend.
func TestCachedEqualsUncached(t *testing.T) {
	c := small()
	for _, b := range []compute.Backend{backend, quick} {
		weights := initialised(t, c)
		p := &palm.Predictor{Config: c, Weights: weights}
		s, err := infer.Open(b, p, []string{"step"}, 1, 64)
		check.Must(t, err)
		whole := nntest.Compile(t, b, weights, func(s *model.Scope, in []*Node) []*Node {
			return []*Node{palm.Read(s, in[0], c).Logits}
		})
		for _, rows := range []int{1, 64} {
			prompts, want := make([][]int32, rows), make([][]int32, rows)
			flat := make([]int32, 64*c.Context)
			for i := range prompts {
				prompts[i] = text(uint64(i), 1+(i+3)%c.Context, c.Vocab) // of 1 to 12 tokens
				copy(flat[i*c.Context:], prompts[i])
			}
			for at := range c.Context { // the token behind place at, from all logits anew; zeros behind it are not seen
				logits := whole(tensors.FromFlatDataAndDimensions(flat, 64, c.Context))[0]
				for i, prompt := range prompts {
					if at < len(prompt)-1 {
						continue
					}
					own := logits[(i*c.Context+at)*c.Vocab : (i*c.Context+at+1)*c.Vocab]
					next := int32(slices.Index(own, slices.Max(own)))
					want[i] = append(want[i], next)
					if at+1 < c.Context {
						flat[i*c.Context+at+1] = next
					}
				}
			}
			got, err := infer.Generate(context.Background(), s, p.Decoder(), nil, prompts, infer.Sampling{}, nil)
			check.Must(t, err)
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%s, %d texts: behind %v stands %v with a cache and %v without", b.Name(), rows, prompts[i], got[i], want[i])
				}
			}
		}
	}
}

// TestSameSeed: the same seed writes the same text, whatever is written beside it, and another seed another one.
func TestSameSeed(t *testing.T) {
	c := small()
	p := &palm.Predictor{Config: c, Weights: initialised(t, c)}
	s, err := infer.Open(quick, p, []string{"step"}, 1, 4)
	check.Must(t, err)
	write := func(seed uint64, prompts ...[]int32) [][]int32 {
		got, err := infer.Generate(context.Background(), s, p.Decoder(), nil, prompts, infer.Sampling{Temperature: 1, Seed: seed}, nil)
		check.Must(t, err)
		return got
	}
	first := write(1, []int32{3}, []int32{5, 6})
	if again := write(1, []int32{3}, []int32{5, 6}); !slices.EqualFunc(first, again, slices.Equal) {
		t.Errorf("the same seed writes %v, and then %v", first, again)
	}
	if alone := write(1, []int32{3}); !slices.Equal(first[0], alone[0]) {
		t.Errorf("alone the text is %v, beside another %v", alone[0], first[0])
	}
	if other := write(2, []int32{3}, []int32{5, 6}); slices.EqualFunc(first, other, slices.Equal) {
		t.Error("another seed writes the same texts")
	}
}

// TestScore: "score" is the log-softmax of the logits at the tokens that follow, and the probabilities of all next tokens sum to 1.
func TestScore(t *testing.T) {
	c := small()
	p := &palm.Predictor{Config: c, Weights: initialised(t, c)}
	s, err := infer.Open(quick, p, []string{"score"}, c.Vocab)
	check.Must(t, err)
	window := text(4, c.Context+1, c.Vocab)
	var rows []int32
	for token := range c.Vocab {
		rows = append(append(rows, window[:c.Context]...), int32(token))
	}
	got, err := infer.Call(s, "score", c.Vocab, rows)
	check.Must(t, err)
	sum := 0.0
	for row := range slices.Chunk(got, c.Context) {
		sum += math.Exp(float64(row[c.Context-1]))
	}
	if math.Abs(sum-1) > 1e-5 {
		t.Errorf("the probabilities of all tokens at the last place sum to %v", sum)
	}
	logits := nntest.Run(t, quick, p.Weights, func(s *model.Scope, in []*Node) []*Node {
		return []*Node{palm.Read(s, in[0], c).Logits}
	}, tensors.FromFlatDataAndDimensions(window[:c.Context], 1, c.Context))[0]
	for at := range c.Context - 1 {
		z := 0.0
		for _, x := range logits[at*c.Vocab : (at+1)*c.Vocab] {
			z += math.Exp(x)
		}
		if want := logits[at*c.Vocab+int(window[at+1])] - math.Log(z); math.Abs(float64(got[at])-want) > 1e-4 {
			t.Errorf("place %d: log p is %v, want %v", at, got[at], want)
		}
	}
}
