package infer_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/task"
)

// chain writes texts by a table: the probability of the next token given the last, at each position. Tokens are 0 padding, 1 start,
// 2 end, 3 and 4. What is kept are the tokens so far; a text in which a token was kept wrongly ends at once.
type chain struct{ store *model.Store }

// next[t] are the probabilities behind token t. The most probable first token, 3, leads into texts that are all less probable than
// "4 4".
var next = [5][5]float64{
	1: {0, 0, 0, 0.6, 0.4},
	3: {0, 0, 0.4, 0.3, 0.3},
	4: {0, 0, 0.45, 0.05, 0.5},
}

func (c chain) Store() *model.Store { return c.store }

func (c chain) Decoder() task.Decoder {
	return task.Decoder{
		Memory: "memory", Step: "step", Kept: []shapes.Shape{shapes.Make(dtypes.Int32, 6)}, Length: 6, Start: 1, End: 2, Pad: 0,
	}
}

func (c chain) Funcs() []task.Func {
	token, kept, about := shapes.Make(dtypes.Int32), shapes.Make(dtypes.Int32, 6), shapes.Make(dtypes.Float32, 1)
	return []task.Func{
		{Name: "memory", In: []shapes.Shape{about}, Out: []shapes.Shape{about}, Graph: func(_ *model.Scope, in []*Node) []*Node {
			return []*Node{MulScalar(in[0], 2)}
		}},
		{
			Name: "step", In: []shapes.Shape{token, token, kept, about}, Out: []shapes.Shape{shapes.Make(dtypes.Float32, 5), kept},
			Graph: func(_ *model.Scope, in []*Node) []*Node {
				g := in[0].Graph()
				table := make([][]float32, 5)
				for t, row := range next {
					for _, p := range row {
						table[t] = append(table[t], float32(math.Log(p+1e-12)))
					}
				}
				logits := Gather(Const(g, table), ExpandAxes(in[0], -1))
				// With something to write about that is not 0, the end never comes.
				logits = Sub(logits, Mul(in[3], Const(g, [][]float32{{0, 0, 100, 0, 0}})))
				at := OneHot(in[1], 6, dtypes.Int32)
				return []*Node{logits, Add(in[2], Mul(at, ExpandAxes(in[0], -1)))}
			},
		},
	}
}

func chains(t *testing.T) *infer.Session {
	t.Helper()
	backend, err := xla.Open()
	check.Must(t, err)
	s, err := infer.Open(backend, chain{model.NewStore()}, nil, 1, 4)
	check.Must(t, err)
	return s
}

// about makes n things to write about, each 0: texts may end.
func about(values ...float32) []*tensors.Tensor {
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, len(values), 1)}
}

func TestGreedy(t *testing.T) {
	var seen [][]int32
	got, err := infer.Generate(context.Background(), chains(t), chain{}.Decoder(), about(0, 0, 0), [][]int32{{1}, {1, 4}, {1, 4, 3, 3, 3, 3}},
		infer.Sampling{}, func(tokens []int32) bool { seen = append(seen, tokens); return true })
	check.Must(t, err)
	// 3, then the end; 4 until there is no room; the end at once.
	if want := [][]int32{{3}, {4, 4, 4, 4, 4}, nil}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
	if want := [][]int32{{3, 0, 0}, {0, 4, 0}, {0, 4, 0}, {0, 4, 0}, {0, 4, 0}, {0, 4, 0}}; !slices.EqualFunc(seen, want, slices.Equal) {
		t.Errorf("streamed %v, want %v", seen, want)
	}
}

// TestBeams: the text that beams find is the most probable one of all there are, which greed misses.
func TestBeams(t *testing.T) {
	for _, length := range []int{1, 2, 3, 4} {
		got, err := infer.Generate(context.Background(), chains(t), chain{}.Decoder(), about(0), [][]int32{{1}},
			infer.Sampling{Beams: 5, MaxTokens: length}, nil)
		check.Must(t, err)
		want, best := []int32(nil), 0.0
		var try func(text []int32, p float64)
		try = func(text []int32, p float64) {
			last := int32(1)
			if len(text) > 0 {
				last = text[len(text)-1]
			}
			if last == 2 || len(text) == length {
				if p > best {
					want, best = slices.Clone(text), p
				}
				return
			}
			for token := int32(2); token < 5; token++ {
				try(append(text, token), p*next[last][token])
			}
		}
		try(nil, 1)
		if n := len(want); n > 0 && want[n-1] == 2 {
			want = want[:n-1]
		}
		if !slices.Equal(got[0], want) {
			t.Errorf("%d tokens: %v, want %v of probability %g", length, got[0], want, best)
		}
	}
}

// TestAbout: every row has its own thing to write about, also with beams.
func TestAbout(t *testing.T) {
	for _, beams := range []int{1, 3} {
		got, err := infer.Generate(context.Background(), chains(t), chain{}.Decoder(), about(0, 1), [][]int32{{1, 3}, {1, 3}},
			infer.Sampling{Beams: beams, MaxTokens: 3}, nil)
		check.Must(t, err)
		if len(got[0]) != 0 || len(got[1]) != 3 {
			t.Errorf("%d beams: %v: the first ends at once, and the second never", beams, got)
		}
	}
}

func TestGenerateStops(t *testing.T) {
	n := 0
	got, err := infer.Generate(context.Background(), chains(t), chain{}.Decoder(), about(1), [][]int32{{1}}, infer.Sampling{},
		func([]int32) bool { n++; return n < 2 })
	if err != nil || len(got[0]) != 2 {
		t.Errorf("%v, %v after a call that asked to stop at the second token", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, beams := range []int{1, 2} {
		_, err := infer.Generate(ctx, chains(t), chain{}.Decoder(), about(1), [][]int32{{1}}, infer.Sampling{Beams: beams}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d beams: error %v", beams, err)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	s := chains(t)
	for want, c := range map[string]struct {
		prompts [][]int32
		o       infer.Sampling
		step    string
	}{
		"prompt 0 has 0 tokens":   {[][]int32{{}}, infer.Sampling{}, "step"},
		"prompt 0 has 7 tokens":   {[][]int32{{1, 3, 3, 3, 3, 3, 3}}, infer.Sampling{}, "step"},
		"has the token 5":         {[][]int32{{1, 5}}, infer.Sampling{}, "step"},
		"has the token -1":        {[][]int32{{-1}}, infer.Sampling{}, "step"},
		"there are 2 prompts":     {[][]int32{{1}, {1}}, infer.Sampling{}, "step"},
		"beams is 6":              {[][]int32{{1}}, infer.Sampling{Beams: 6}, "step"},
		"beams is -1":             {[][]int32{{1}}, infer.Sampling{Beams: -1}, "step"},
		"tokens to write are -1":  {[][]int32{{1}}, infer.Sampling{MaxTokens: -1}, "step"},
		`no function "otherwise"`: {[][]int32{{1}}, infer.Sampling{}, "otherwise"},
	} {
		d := chain{}.Decoder()
		d.Step = c.step
		_, err := infer.Generate(context.Background(), s, d, about(0), c.prompts, c.o, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
