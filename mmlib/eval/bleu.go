package eval

import (
	"fmt"
	"math"
	"strings"
)

// BLEU compares texts with references, in tokens, over a whole corpus (Papineni et al. 2002, BLEU: a Method for Automatic Evaluation
// of Machine Translation, §2.3): the geometric mean of the shares of their n-grams, n up to 4, that a reference has, each counted at
// most as often as the reference that has it most, times a penalty for texts shorter than their references,
//
//	BLEU = min(1, exp(1 − r/c)) · exp Σₙ ¼ ln pₙ
//
// with c the tokens of all texts and r those of the references, for each text the one nearest in length, the shorter of two. It is
// between 0 and 1, and 0 where some n-gram never matches. references[i] are those of texts[i].
func BLEU(texts [][]string, references [][][]string) (float64, error) {
	const most = 4
	if len(texts) != len(references) {
		return 0, fmt.Errorf("eval: BLEU of %d texts with references for %d", len(texts), len(references))
	}
	var matched, total [most]int
	c, r := 0, 0
	for i, text := range texts {
		if len(references[i]) == 0 {
			return 0, fmt.Errorf("eval: BLEU: text %d has no reference", i)
		}
		c += len(text)
		r += nearest(len(text), references[i])
		for n := 1; n <= most; n++ {
			have := map[string]int{}
			for _, ref := range references[i] {
				for gram, count := range grams(ref, n) {
					have[gram] = max(have[gram], count)
				}
			}
			for gram, count := range grams(text, n) {
				total[n-1] += count
				matched[n-1] += min(count, have[gram])
			}
		}
	}
	mean := 0.0
	for n := range most {
		if matched[n] == 0 {
			return 0, nil
		}
		mean += math.Log(float64(matched[n])/float64(total[n])) / most
	}
	return math.Exp(mean + min(0, 1-float64(r)/float64(c))), nil
}

// nearest is the length of the reference nearest in length.
func nearest(n int, references [][]string) int {
	best := len(references[0])
	distance := func(length int) int { return max(length-n, n-length) }
	for _, ref := range references[1:] {
		if d, l := distance(len(ref)), len(ref); d < distance(best) || d == distance(best) && l < best {
			best = l
		}
	}
	return best
}

// grams counts runs of n tokens.
func grams(tokens []string, n int) map[string]int {
	counts := map[string]int{}
	for i := 0; i+n <= len(tokens); i++ {
		counts[strings.Join(tokens[i:i+n], "\x00")]++
	}
	return counts
}
