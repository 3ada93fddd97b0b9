package scenes

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/data/text"
)

// TestPosterior hides single words without noise: what the picture shows is certain to one who sees it, and as good as a value's share
// to one who does not; words of the grammar are certain to both, and a place is where the others are not.
func TestPosterior(t *testing.T) {
	for _, shuffle := range []bool{false, true} {
		set := load(t, func(s *Source) { s.Languages, s.Shuffle = []string{"en"}, shuffle })[data.Test]
		words := text.NewWords(set.Vocabulary(), text.Mask)
		mask, _ := words.Special(text.Mask)
		encode := func(s string) ([]int32, error) { return text.Fixed(words, s, 64, text.Refuse) }
		clean := func(shown, token int32, chosen bool) float64 {
			if chosen == (shown == mask) && (chosen || shown == token) {
				return 1
			}
			return 0
		}
		seeing, blind, err := set.Posterior(encode, words.Encode, clean)
		if err != nil {
			t.Fatal(err)
		}
		scene := set.Scene(3)                                          // whose cells all differ
		ids, err := encode(english.caption(scene, 1, scene.reading())) // "at the top left, a red 7 on cyan, flat; at …"
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range map[int]float64{8: 0.1, 7: 0.2, 10: 0.2, 12: 0.5, 6: 1, 1: 1, 13: 1} {
			shown, chosen := slices.Clone(ids), make([]bool, len(ids))
			shown[at], chosen[at] = mask, true
			for name, c := range map[string]struct {
				best func(i int, shown []int32, chosen []bool) ([]float64, error)
				want float64
			}{"seeing": {seeing, 1}, "blind": {blind, want}} {
				got, err := c.best(3, shown, chosen)
				if err != nil || len(got) != 1 || math.Abs(got[0]-c.want) > 1e-9 {
					t.Errorf("shuffle %v, %s, token %d: %v, %v, want %g", shuffle, name, at, got, err, c.want)
				}
			}
		}
		// "top left" with both words hidden: three corners are named elsewhere.
		shown, chosen := slices.Clone(ids), make([]bool, len(ids))
		for _, at := range []int{3, 4} {
			shown[at], chosen[at] = mask, true
		}
		noisy := func(shown, token int32, chosen bool) float64 { return clean(shown, token, shown == mask) }
		if _, blind, err = set.Posterior(encode, words.Encode, noisy); err != nil {
			t.Fatal(err)
		}
		if got, err := blind(3, shown, chosen); err != nil || len(got) != 2 || math.Abs(got[0]-1) > 1e-9 || math.Abs(got[1]-1) > 1e-9 {
			t.Errorf("shuffle %v: a place: %v, %v", shuffle, got, err)
		}
	}
	set := load(t, func(s *Source) { s.Grid, s.Languages, s.Shuffle = 4, []string{"en"}, true })[data.Test]
	if _, _, err := set.Posterior(nil, nil, nil); err == nil {
		t.Error("the orders of 16 cells were to be gone through")
	}
	set = load(t, func(s *Source) { s.Grid, s.Languages = 2, []string{"en"} })[data.Test]
	captions := func(yield func(string) bool) {
		for i := range 300 {
			if !yield(set.Caption(i, nil)) || !yield(set.Questions(i, 1, nil)[0].Answer) {
				return
			}
		}
	}
	bpe, err := text.TrainBPE(captions, text.BPEOptions{VocabSize: 512, Special: []string{text.Start, text.End}})
	if err != nil {
		t.Fatal(err)
	}
	encode := func(caption string) ([]int32, error) { return text.Fixed(bpe, caption, 64, text.Refuse) }
	if _, _, err = set.Posterior(encode, bpe.Encode, nil); err == nil || !strings.Contains(err.Error(), "a tokenizer") {
		t.Errorf("pieces of words: %v", err)
	}
}
