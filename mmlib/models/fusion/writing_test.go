package fusion_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/fusion"
)

// see calls the function "picture" on the ten examples.
func see(t *testing.T, s *infer.Session) *tensors.Tensor {
	t.Helper()
	pixels := make([]float32, 10*64)
	for i := range 10 {
		examples{10}.Picture(pixels[i*64:(i+1)*64], i, nil)
	}
	out, err := s.Call("picture", tensors.FromFlatDataAndDimensions(pixels, 10, 8, 8, 1))
	check.Must(t, err)
	return out[0]
}

// TestOverfitWriting: ten dialogues are learnt by heart, read word by word or with the first question as a whole. A model whose labels
// were shifted twice would have learnt to say the token after the next, and what it writes would differ.
// The first also learns which regions are counted.
func TestOverfitWriting(t *testing.T) {
	for _, prefix := range []bool{false, true} {
		c := writing(prefix)
		if !prefix {
			c.Counting, c.Grounding = true, 0.5
		}
		job, err := fusion.NewWriting(c, examples{10})
		check.Must(t, err)
		store, got := overfit(t, job, 150)
		if got["token_accuracy"] < 0.95 || got["text_accuracy"] < 0.9 || got["region_accuracy"] < 0.95 ||
			c.Counting && got["counting_accuracy"] < 0.95 {
			t.Errorf("prefix %v: %v", prefix, got)
		}
		w := &fusion.Writer{Config: c, Weights: store}
		s, err := infer.Open(quick, w, nil, 10)
		check.Must(t, err)
		seen := see(t, s)
		if prefix {
			right := 0
			for i, said := range answers(t, s, seen, c) {
				if texts, _ := (examples{10}).Texts(i, 1, nil); said == texts[0].IDs[2] {
					right++
				}
			}
			if right < 9 {
				t.Errorf("%d of 10 answers are those that were learnt", right)
			}
			if written, chosen := answers(t, s, seen, c), choices(t, s, seen, c); !slices.Equal(written, chosen) {
				t.Errorf("of all words as answers %v are the most probable, and %v are written", chosen, written)
			}
			continue
		}
		prompts, want := make([][]int32, 10), make([][]int32, 10)
		for i := range prompts { // the second question, after the first with its answer, or the first: prompts of two lengths
			texts, _ := examples{10}.Texts(i, 1, nil)
			prompts[i], want[i] = texts[0].IDs[:5], texts[0].IDs[5:6]
			if i%2 == 0 {
				prompts[i], want[i] = texts[0].IDs[:2], texts[0].IDs[2:3]
			}
		}
		for _, beams := range []int{0, 3} {
			o := infer.Sampling{Beams: beams}
			got, err := infer.Generate(context.Background(), s, w.Decoder(), []*tensors.Tensor{seen}, prompts, o, nil)
			check.Must(t, err)
			right := 0
			for i := range got {
				if slices.Equal(got[i], want[i]) {
					right++
				}
			}
			if right < 9 {
				t.Errorf("%d beams: %d of 10 answers are those that were learnt: %v, want %v", beams, right, got, want)
			}
		}
	}
}

// answers are what is said to the first question about each of the ten examples.
func answers(t *testing.T, s *infer.Session, seen *tensors.Tensor, c fusion.WriterConfig) (list []int32) {
	t.Helper()
	flat, prefixes := make([]int32, 10*c.Length), slices.Repeat([]int32{2}, 10)
	for i := range 10 {
		texts, _ := examples{10}.Texts(i, 1, nil)
		copy(flat[i*c.Length:], texts[0].IDs[:2])
	}
	out, err := s.Call("next", seen, tensors.FromFlatDataAndDimensions(flat, 10, c.Length), tensors.FromFlatDataAndDimensions(prefixes, 10))
	check.Must(t, err)
	for row := range slices.Chunk(tensors.MustCopyFlatData[int32](out[0]), c.Length) {
		list = append(list, row[1])
	}
	return list
}

// choices are the most probable ones among all words as answers to the first question about each of the ten examples.
func choices(t *testing.T, s *infer.Session, seen *tensors.Tensor, c fusion.WriterConfig) (list []int32) {
	t.Helper()
	best := slices.Repeat([]float32{-1e9}, 10)
	list = make([]int32, 10)
	for word := int32(first); word < end; word++ {
		flat := make([]int32, 10*(c.Length+1))
		for i := range 10 {
			texts, _ := examples{10}.Texts(i, 1, nil)
			copy(flat[i*(c.Length+1):], append(slices.Clone(texts[0].IDs[:2]), word, end))
		}
		prefixes := tensors.FromFlatDataAndDimensions(slices.Repeat([]int32{2}, 10), 10)
		out, err := s.Call("score", seen, tensors.FromFlatDataAndDimensions(flat, 10, c.Length+1), prefixes)
		check.Must(t, err)
		for i, x := range tensors.MustCopyFlatData[float32](out[0]) {
			if x > best[i] {
				best[i], list[i] = x, word
			}
		}
	}
	return list
}

// TestScore: the log-probability of an answer is the sum over its tokens and the end behind it, worked out by hand from the logits of
// each place. Answers may be as long as there is room; padding does not count.
func TestScore(t *testing.T) {
	for _, prefix := range []bool{false, true} {
		c := writing(prefix)
		w := &fusion.Writer{Config: c, Weights: randomWriter(t, c)}
		s, err := infer.Open(quick, w, []string{"picture", "score"}, 10)
		check.Must(t, err)
		seen := see(t, s)
		long := c.Length + 1
		var ids, given []int32
		for i := range 10 {
			text := append(append([]int32{start}, words(i, 1+i%(long-2))...), end)
			ids = append(append(ids, text...), make([]int32, long-len(text))...)
			given = append(given, int32(1+i%(len(text)-1)))
		}
		in := []*tensors.Tensor{
			seen, tensors.FromFlatDataAndDimensions(ids, 10, long), tensors.FromFlatDataAndDimensions(given, 10),
		}
		out, err := s.Call("score", in...)
		check.Must(t, err)
		got := tensors.MustCopyFlatData[float32](out[0])
		logits := nntest.Run(t, quick, w.Weights, func(s *model.Scope, in []*Node) []*Node {
			before := Slice(in[1], AxisRange(), AxisRange(0, c.Length))
			return []*Node{fusion.Write(s, before, in[0], in[2], c)}
		}, in...)[0]
		for i := range 10 {
			want := 0.0
			for at := int(given[i]); at < long && ids[i*long+at] != pad; at++ {
				row := logits[(i*c.Length+at-1)*vocab:][:vocab]
				sum := 0.0
				for _, x := range row {
					sum += math.Exp(x)
				}
				want += row[ids[i*long+at]] - math.Log(sum)
			}
			if math.Abs(float64(got[i])-want) > 1e-4 {
				t.Errorf("prefix %v, text %d: the log-probability is %g, by hand %g", prefix, i, got[i], want)
			}
		}
	}
}

// TestCached: what is written with what was computed for earlier tokens kept is what is written without. The weights are random and
// large, so that the logits of a step differ.
func TestCached(t *testing.T) {
	for _, counting := range []bool{false, true} {
		c := writing(false)
		if c.Counting = counting; counting {
			c.Grounding = 0.5
		}
		t.Run(fmt.Sprintf("counting %t", counting), func(t *testing.T) { testCached(t, c) })
	}
}

func testCached(t *testing.T, c fusion.WriterConfig) {
	store := randomWriter(t, c)
	w := &fusion.Writer{Config: c, Weights: store}
	s, err := infer.Open(backend, w, []string{"picture", "next", "memory", "step"}, 10)
	check.Must(t, err)
	seen := see(t, s)
	prompts := make([][]int32, 10)
	for i := range prompts {
		prompts[i] = append([]int32{start}, words(i, i%4)...)
	}
	got, err := infer.Generate(context.Background(), s, w.Decoder(), []*tensors.Tensor{seen}, prompts, infer.Sampling{}, nil)
	check.Must(t, err)
	different := map[string]bool{}
	for i, prompt := range prompts {
		ids := slices.Clone(prompt)
		var want []int32
		for len(ids) <= c.Length {
			all := make([]int32, 10*c.Length)
			copy(all[i*c.Length:], ids)
			prefixes := tensors.FromFlatDataAndDimensions(make([]int32, 10), 10)
			out, err := s.Call("next", seen, tensors.FromFlatDataAndDimensions(all, 10, c.Length), prefixes)
			check.Must(t, err)
			next := tensors.MustCopyFlatData[int32](out[0])[i*c.Length+len(ids)-1]
			if next == end {
				break
			}
			want, ids = append(want, next), append(ids, next)
		}
		if !slices.Equal(got[i], want) {
			t.Errorf("row %d: %v with what is kept, %v without", i, got[i], want)
		}
		different[fmt.Sprint(got[i])] = true
	}
	if len(different) < 4 {
		t.Errorf("only %d different texts: the test says little", len(different))
	}
}

// randomWriter makes weights of normal random numbers for a writer.
func randomWriter(t *testing.T, c fusion.WriterConfig) *model.Store {
	t.Helper()
	store := model.NewStore()
	exec, err := model.NewExec(backend, store, func(s *model.Scope, in []*Node) *Node {
		return fusion.Write(s, in[1], fusion.EncodePicture(s, in[0], c.Config).Tokens, nil, c)
	})
	check.Must(t, err)
	_, err = exec.Call(make3D(1), [][]int32{{start}})
	check.Must(t, err)
	r := source(77)
	for v := range store.IterVariables() {
		value, err := v.Value()
		check.Must(t, err)
		if value.DType().IsFloat() {
			flat := make([]float32, value.Size())
			for i := range flat {
				flat[i] = float32(r.NormFloat64()) * 0.4
			}
			check.Must(t, v.SetValue(tensors.FromFlatDataAndDimensions(flat, value.Shape().Dimensions...)))
		}
	}
	return store
}

func make3D(n int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(make([]float32, n*64), n, 8, 8, 1)
}

// TestParameters pins the size of the models for scenes.
func TestParameters(t *testing.T) {
	for _, test := range []struct {
		grid, vocab, want int
		counting          bool
	}{
		{2, 76, 1_050_944, false},
		{4, 76, 1_058_624, false},
		{4, 76, 1_093_824, true},
		{2, 424, 1_095_488, false}, // of scenes-bpe, which learns so many pieces of words
	} {
		grid, want := test.grid, test.want
		c := fusion.WriterConfig{Config: fusion.Scenes(grid), Length: 24, Texts: 1}
		if test.counting {
			c.Counting, c.Grounding, c.Regions = true, 0.5, fusion.Regions{Grid: grid, Classes: []int{2}}
		}
		c.Text.Vocab = test.vocab
		check.Must(t, c.Validate())
		store := model.NewStore()
		g := NewGraph(quick, "parameters")
		model.SetStore(g, store)
		side := c.Vision.ImageSize
		picture := Zeros(g, shapes.Make(dtypes.Float32, 1, side, side, 3))
		scope := store.RootScope()
		fusion.Write(scope, Zeros(g, shapes.Make(dtypes.Int32, 1, 24)), fusion.EncodePicture(scope, picture, c.Config).Tokens, nil, c)
		n := 0
		for v := range store.IterVariables() {
			n += v.Shape().Size()
		}
		if n != want {
			t.Errorf("grid %d, %d tokens, counting %t: %d weights, want %d", grid, test.vocab, test.counting, n, want)
		}
		g.Finalize()
	}
}

// TestWriterConfigRefuses: what is out of range is named, with its value.
func TestWriterConfigRefuses(t *testing.T) {
	for want, change := range map[string]func(*fusion.WriterConfig){
		"length is 1": func(c *fusion.WriterConfig) { c.Length = 1 },
		"length is 300: it must be between 2 and": func(c *fusion.WriterConfig) { c.Length = 300 },
		"texts is 0":                       func(c *fusion.WriterConfig) { c.Texts = 0 },
		"grounding is -1":                  func(c *fusion.WriterConfig) { c.Grounding = -1 },
		"classification is -1":             func(c *fusion.WriterConfig) { c.Classification = -1 },
		"counting is true and grounding 0": func(c *fusion.WriterConfig) { c.Counting = true },
	} {
		c := fusion.WriterConfig{Config: fusion.Scenes(2), Length: 24, Texts: 1}
		change(&c)
		check.Error(t, c.Validate(), want)
	}
}
