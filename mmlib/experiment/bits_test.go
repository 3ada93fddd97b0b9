package experiment

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/data/text"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models"
	"gomm/mmlib/task"
)

// TestWindows: every token but the first is predicted exactly once, by a window that reads what is before it: at least half a window,
// and all there is near the beginning.
func TestWindows(t *testing.T) {
	for n := range 60 {
		for _, length := range []int{1, 2, 3, 8, 9} {
			next := 1
			for _, w := range Windows(n, length) {
				if w.First != next || w.Last <= w.First || w.Last > n || w.From < 0 || w.Last-w.From > length+1 {
					t.Fatalf("%d tokens, context %d: window %+v, and token %d is next", n, length, w, next)
				}
				if seen := w.First - w.From; seen < min(w.First, (length+1)/2) {
					t.Errorf("%d tokens, context %d: token %d is predicted from %d", n, length, w.First, seen)
				}
				next = w.Last
			}
			if next != max(n, 1) {
				t.Errorf("%d tokens, context %d: tokens from %d on are not predicted", n, length, next)
			}
		}
	}
}

// bigrams is a language model without weights: the probability of byte b behind byte a is proportional to 1 + (a·b mod 7).
type bigrams struct{ context int }

func (bigrams) Store() *model.Store { return model.NewStore() }

func (m bigrams) Funcs() []task.Func {
	return []task.Func{{
		Name: "score", In: []shapes.Shape{shapes.Make(dtypes.Int32, m.context+1)}, Out: []shapes.Shape{shapes.Make(dtypes.Float32, m.context)},
		Graph: func(_ *model.Scope, in []*Node) []*Node {
			table := make([][]float32, 256)
			for a := range table {
				for b := range 256 {
					table[a] = append(table[a], float32(math.Log(bigram(a, b))))
				}
			}
			a, b := Slice(in[0], AxisRange(), AxisRange(0, m.context)), Slice(in[0], AxisRange(), AxisRange(1))
			return []*Node{Gather(Const(in[0].Graph(), table), Stack([]*Node{a, b}, -1))}
		},
	}}
}

func bigram(a, b int) float64 {
	sum := 0
	for b := range 256 {
		sum += 1 + a*b%7
	}
	return float64(1+a*b%7) / float64(sum)
}

type page string

func (p page) Len() int     { return len(p) }
func (p page) Text() string { return string(p) }

// TestBits: the bits are those of every token of the text, once, over its characters, whatever the windows.
func TestBits(t *testing.T) {
	b, err := compute.NewWithConfig("go:parallelism=-1")
	check.Must(t, err)
	tokenizer, err := text.TrainBPE(slices.Values([]string{""}), text.BPEOptions{VocabSize: 256})
	check.Must(t, err)
	s := page(strings.Repeat("Of Colours, 光.\n", 100))
	ids, err := tokenizer.Encode(string(s))
	check.Must(t, err)
	want := 8.0 // the first token
	for i := range ids[1:] {
		want -= math.Log2(bigram(int(ids[i]), int(ids[i+1])))
	}
	want /= 1500
	for _, length := range []int{1, 2, 7, 64, 4000} {
		m := &models.Model{Predictor: bigrams{length}, Tokenizer: tokenizer, Settings: models.Settings{Kind: "palm"}}
		session, err := infer.Open(b, m, []string{"score"}, 4)
		check.Must(t, err)
		r, err := measureBits(context.Background(), session, m, s)
		check.Must(t, err)
		f := r.Figures()[0]
		if f.Key != "bits_per_character" || math.Abs(f.Value-want) > 1e-5 {
			t.Errorf("context %d: %s is %v, want %v", length, f.Key, f.Value, want)
		}
		if length == 64 && f.String() != "8.39 bits" && !strings.HasSuffix(f.String(), " bits") {
			t.Errorf("the figure reads %q", f)
		}
		_, err = measureBits(context.Background(), session, m, page(""))
		check.Error(t, err, "the text is empty")
	}
	check.Error(t, acceptsBits(&models.Model{Settings: models.Settings{Kind: "palm"}}, page("x")), "no tokenizer")
	check.Error(t, acceptsBits(&models.Model{Settings: models.Settings{Kind: "palm"}}, nil), "no text")
}

func TestWhole(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "光": "光", "a光"[:3]: "a", "光"[:1]: "", "ü"[:1] + "a": "ü"[:1] + "a"} {
		if got := whole(in); got != want {
			t.Errorf("whole(%q) is %q, want %q", in, got, want)
		}
	}
}
