package eval_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"gomm/mmlib/eval"
)

func ExampleBLEU() {
	text := strings.Fields("a red 7 on cyan at the left")
	reference := strings.Fields("a red 7 on white at the left")
	score, err := eval.BLEU([][]string{text}, [][][]string{{reference}})
	fmt.Printf("%.3f %v\n", score, err)
	// Output: 0.500 <nil>
}

// TestBLEU compares with sacrebleu 2.5.1: corpus_bleu(texts, references, tokenize="none", smooth_method="none", force=True).
func TestBLEU(t *testing.T) {
	texts := []string{
		"a flat red 3 on cyan at the top left", "the cat sat on the mat today", "at the top left , a red 7 on white , flat", "stroke",
		"a flat red 3 on cyan at the top left x y z", "a flat red 3 on",
	}
	references := [][]string{
		{"a flat red 3 on cyan at the top right", "a stroke red 3 on cyan at the top left"},
		{"the cat is on the mat", "there is a cat on the mat"},
		{"at the top left , a blue 7 on white , flat", "top left : 7 , red on white , flat"},
		{"flat", "a stroke one"},
	}
	references = append(references, references[0], references[0])
	for _, c := range []struct {
		from, to int
		want     float64
	}{
		{0, 4, 0.7489563893626316}, {0, 3, 0.7484947827400729}, {4, 5, 0.7361703354503862}, {5, 6, 0.3678794411714425},
		{3, 4, 0}, // one token has no runs of four
	} {
		var split [][]string
		var refs [][][]string
		for i := c.from; i < c.to; i++ {
			split, refs = append(split, strings.Fields(texts[i])), append(refs, nil)
			for _, r := range references[i] {
				refs[len(refs)-1] = append(refs[len(refs)-1], strings.Fields(r))
			}
		}
		if got, err := eval.BLEU(split, refs); err != nil || math.Abs(got-c.want) > 1e-12 {
			t.Errorf("texts %d to %d: %g, %v, want %g", c.from, c.to-1, got, err, c.want)
		}
	}
	for name, refs := range map[string][][][]string{"references for 0": {}, "no reference": {{}}} {
		if _, err := eval.BLEU([][]string{{"a"}}, refs); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %s", err, name)
		}
	}
}
