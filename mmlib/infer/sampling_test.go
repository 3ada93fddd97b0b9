package infer_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/task"
)

// plain writes by the table of a chain, about nothing: it has no memory. Its logits behind token 4 at position broken are NaN.
type plain struct{ broken int }

func (plain) Store() *model.Store { return model.NewStore() }

func (plain) Decoder() task.Decoder {
	return task.Decoder{Step: "step", Kept: []shapes.Shape{shapes.Make(dtypes.Int32, 6)}, Length: 6, Start: 1, End: 2, Pad: 0}
}

func (p plain) Funcs() []task.Func {
	token, kept := shapes.Make(dtypes.Int32), shapes.Make(dtypes.Int32, 6)
	return []task.Func{{
		Name: "step", In: []shapes.Shape{token, token, kept}, Out: []shapes.Shape{shapes.Make(dtypes.Float32, 5), kept},
		Graph: func(_ *model.Scope, in []*Node) []*Node {
			g := in[0].Graph()
			table := make([][]float32, 5)
			for t, row := range next {
				for _, p := range row {
					table[t] = append(table[t], float32(math.Log(p+1e-12)))
				}
			}
			logits := Gather(Const(g, table), ExpandAxes(in[0], -1))
			if p.broken > 0 {
				bad := LogicalAnd(Equal(in[0], Const(g, int32(4))), Equal(in[1], Const(g, int32(p.broken))))
				logits = Where(bad, Const(g, float32(math.NaN())), logits)
			}
			return []*Node{logits, Add(in[2], Mul(OneHot(in[1], 6, dtypes.Int32), ExpandAxes(in[0], -1)))}
		},
	}}
}

func plains(t *testing.T, p plain) *infer.Session {
	t.Helper()
	backend, err := xla.Open()
	check.Must(t, err)
	s, err := infer.Open(backend, p, nil, 1, 4)
	check.Must(t, err)
	return s
}

// TestWithoutMemory: a decoder that has no memory continues its prompts, greedily and by beams.
func TestWithoutMemory(t *testing.T) {
	s, d := plains(t, plain{}), plain{}.Decoder()
	got, err := infer.Generate(context.Background(), s, d, nil, [][]int32{{1}, {1, 4}}, infer.Sampling{MaxTokens: 3}, nil)
	check.Must(t, err)
	if want := [][]int32{{3}, {4, 4, 4}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
	got, err = infer.Generate(context.Background(), s, d, nil, [][]int32{{1}}, infer.Sampling{MaxTokens: 2, Beams: 4}, nil)
	check.Must(t, err)
	if want := []int32{3}; !slices.Equal(got[0], want) { // 0.6·0.4 > 0.4·0.5
		t.Errorf("beams: %v, want %v", got, want)
	}
	d.End = -1 // now no token is an end, and a text goes on to the last place
	got, err = infer.Generate(context.Background(), s, d, nil, [][]int32{{1}}, infer.Sampling{MaxTokens: 2}, nil)
	check.Must(t, err)
	if want := []int32{3, 2}; !slices.Equal(got[0], want) {
		t.Errorf("without an end: %v, want %v", got, want)
	}
	_, err = infer.Generate(context.Background(), s, d, about(0), [][]int32{{1}}, infer.Sampling{}, nil)
	check.Error(t, err, "1 inputs to write about", "give none")
	_, err = infer.Generate(context.Background(), s, d, nil, nil, infer.Sampling{}, nil)
	check.Error(t, err, "no prompt")
}

// TestSampled: texts that are drawn come as often as the table says, the same seed gives the same texts, and a row's text is the
// same whatever stands beside it.
func TestSampled(t *testing.T) {
	s, d := plains(t, plain{}), plain{}.Decoder()
	prompts := slices.Repeat([][]int32{{1}}, 400)
	draw := func(n int, seed uint64) [][]int32 {
		got, err := infer.Generate(context.Background(), s, d, nil, prompts[:n], infer.Sampling{Temperature: 1, MaxTokens: 2, Seed: seed}, nil)
		check.Must(t, err)
		return got
	}
	all := draw(400, 7)
	for _, text := range []struct {
		tokens []int32
		p      float64
	}{{[]int32{3}, 0.24}, {[]int32{4}, 0.18}, {[]int32{4, 4}, 0.2}, {[]int32{4, 3}, 0.02}} {
		n := 0
		for _, got := range all {
			if slices.Equal(got, text.tokens) {
				n++
			}
		}
		if d := math.Abs(float64(n) - 400*text.p); d > 4*math.Sqrt(400*text.p*(1-text.p)) {
			t.Errorf("%v came %d times in 400, want %.0f", text.tokens, n, 400*text.p)
		}
	}
	if !slices.EqualFunc(all, draw(400, 7), slices.Equal) {
		t.Error("the same seed gives other texts")
	}
	if slices.EqualFunc(all, draw(400, 8), slices.Equal) {
		t.Error("another seed gives the same texts")
	}
	if !slices.EqualFunc(all[:5], draw(5, 7), slices.Equal) {
		t.Error("a row's text depends on the rows beside it")
	}
	prompts[1] = []int32{1, 4, 4}
	if got := draw(3, 7); !slices.Equal(got[0], all[0]) || !slices.Equal(got[2], all[2]) {
		t.Error("a row's text depends on the prompt beside it")
	}
}

// TestBroken: logits that are no numbers end the text with an error that says where.
func TestBroken(t *testing.T) {
	s, d := plains(t, plain{broken: 2}), plain{}.Decoder()
	prompts := [][]int32{{1, 3, 3, 3}, {1, 4, 4}}
	for _, o := range []infer.Sampling{{}, {Temperature: 1, TopK: 3}} {
		_, err := infer.Generate(context.Background(), s, d, nil, prompts, o, nil)
		check.Error(t, err, "row 1, step 2", "logit of token 0 is NaN")
	}
	_, err := infer.Generate(context.Background(), s, d, nil, prompts[1:], infer.Sampling{Beams: 2}, nil)
	check.Error(t, err, "row 0, step 2", "logit of token 0 is NaN")
	_, err = infer.Generate(context.Background(), s, d, nil, prompts[:1], infer.Sampling{Temperature: -1}, nil)
	check.Error(t, err, "temperature is -1")
}

// BenchmarkNext is the sampler alone, for a vocabulary of 32,000 tokens.
func BenchmarkNext(b *testing.B) {
	logits := make([]float32, 32_000)
	for i := range logits {
		logits[i] = float32(rand.NormFloat64())
	}
	for name, o := range map[string]infer.Sampling{
		"greedy": {}, "temperature": {Temperature: 1}, "top-p": {Temperature: 1, TopP: 0.9},
	} {
		b.Run(name, func(b *testing.B) {
			s := infer.NewSampler(o, 0)
			for b.Loop() {
				if _, err := s.Next(logits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
