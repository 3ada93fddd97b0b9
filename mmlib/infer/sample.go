package infer

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Sampling says how a sequence of tokens is chosen among all that a model could write. The zero value is greedy: always the most
// probable token.
//
// With a Temperature each token is drawn at random. What it is drawn from are the model's logits x [V], changed in this order:
//
//	p ∝ exp(x / Temperature)                  more even above 1, more certain below (Ackley et al. 1985)
//	p ← the TopK most probable tokens         (Fan et al. 2018, §5.4)
//	p ← the smallest set of most probable tokens whose probabilities sum to at least TopP     (nucleus; Holtzman et al. 2020, §3.1)
//
// After each, p is brought to the sum 1 again, so that TopP is a share of what TopK left. Of equally probable tokens those
// with the smaller ids come first.
//
// The random numbers of row i come from a generator of its own, made of Seed and FirstRow+i, one number a token. So the same seed gives
// the same text, and the text of a row does not depend on the rows beside it.
type Sampling struct {
	Temperature float64 // 0: greedy, or with beams; 1: the model's own probabilities
	TopK        int     // 0: all tokens
	TopP        float64 // 0 and 1: all tokens
	Seed        uint64  // of the random numbers; without effect where the Temperature is 0
	FirstRow    int     // the number of row 0, for rows that are written in several calls

	// Beams is the number of texts that are kept at each step, the most probable ones so far; with 0 and 1 there is one text alone
	// (Freitag and Al-Onaizan 2017). A search for the most probable text draws nothing: the Temperature must be 0.
	Beams int

	// MaxTokens limits how much is written; 0: as much as fits.
	MaxTokens int
}

// Validate names the setting and the value at fault, for a model of so many tokens.
func (o Sampling) Validate(vocab int) error {
	switch {
	case !(o.Temperature >= 0) || math.IsInf(o.Temperature, 0):
		return fmt.Errorf("infer: temperature is %g: it must be at least 0, and finite; 0 always takes the most probable token", o.Temperature)
	case o.TopK < 0 || o.TopK > vocab:
		return fmt.Errorf("infer: top-k is %d: it must be between 1 and the %d tokens there are, or 0 for all", o.TopK, vocab)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fmt.Errorf("infer: top-p is %g: it must be above 0 and at most 1, or 0 for all tokens", o.TopP)
	case o.FirstRow < 0:
		return fmt.Errorf("infer: the first row is %d: it must be at least 0", o.FirstRow)
	case o.Beams < 0 || o.Beams > vocab:
		return fmt.Errorf("infer: beams is %d: it must be between 0 and the %d tokens there are", o.Beams, vocab)
	case o.MaxTokens < 0:
		return fmt.Errorf("infer: the most tokens to write are %d: it must be at least 0", o.MaxTokens)
	case o.Beams > 1 && o.Temperature > 0:
		return fmt.Errorf("infer: beams is %d and temperature is %g: beams look for the most probable text, and a temperature draws one at "+
			"random: set one of them to 0", o.Beams, o.Temperature)
	case o.Temperature == 0 && o.TopK > 0:
		return fmt.Errorf("infer: top-k is %d and temperature is 0: %s", o.TopK, certain)
	case o.Temperature == 0 && o.TopP > 0 && o.TopP < 1:
		return fmt.Errorf("infer: top-p is %g and temperature is 0: %s", o.TopP, certain)
	}
	return nil
}

const certain = "that always takes the most probable token, and there is nothing to choose among: set a temperature, such as 1"

// Probabilities returns what a token is drawn from: p [V] of logits [V], with the sum 1. Without a temperature all of it is on
// the most probable token. A logit of −Inf is a token of probability 0, which is never drawn. Logits that are NaN or +Inf, or all
// of them −Inf, are an error. logits stay as they are.
func (o Sampling) Probabilities(logits []float32) ([]float64, error) {
	best, err := mostProbable(logits)
	if err != nil {
		return nil, err
	}
	p := make([]float64, len(logits))
	if o.Temperature == 0 {
		p[best] = 1
		return p, nil
	}
	// p ∝ exp((x − max x) / Temperature), which cannot overflow
	for i, x := range logits {
		p[i] = math.Exp((float64(x) - float64(logits[best])) / o.Temperature)
	}
	normalize(p)
	all := o.TopK == 0 || o.TopK >= len(p)
	if all && (o.TopP == 0 || o.TopP == 1) {
		return p, nil
	}
	order := make([]int, len(p)) // the tokens, the most probable first
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(cmp.Compare(p[j], p[i]), cmp.Compare(i, j)) })
	if !all {
		keep(p, order, o.TopK)
	}
	if o.TopP > 0 && o.TopP < 1 {
		sum, n := 0.0, 0
		for n < len(order) && sum < o.TopP {
			sum, n = sum+p[order[n]], n+1
		}
		keep(p, order, n)
	}
	return p, nil
}

// keep takes the probabilities of all but the first n tokens in order.
func keep(p []float64, order []int, n int) {
	for _, i := range order[n:] {
		p[i] = 0
	}
	normalize(p)
}

func normalize(p []float64) {
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	for i := range p {
		p[i] /= sum
	}
}

// mostProbable is the first of the largest logits, after a look at all of them.
func mostProbable(logits []float32) (int32, error) {
	if len(logits) == 0 {
		return 0, fmt.Errorf("infer: there are no logits to choose a token by")
	}
	best := 0
	for i, x := range logits {
		if x != x || math.IsInf(float64(x), 1) {
			return 0, fmt.Errorf("infer: the logit of token %d is %g: the model's weights are broken, or its training diverged", i, x)
		}
		if x > logits[best] {
			best = i
		}
	}
	if math.IsInf(float64(logits[best]), -1) {
		return 0, fmt.Errorf("infer: all %d logits are -Inf: no token is possible", len(logits))
	}
	return int32(best), nil
}

// Sampler chooses the tokens of one row, one after another: [Generate] has one for each row, and so has whoever generates by other
// means. It is not safe for concurrent use.
type Sampler struct {
	o      Sampling
	random *rand.Rand
}

// NewSampler makes the sampler of a row. Settings that [Sampling.Validate] would refuse give no useful tokens. Beams and
// MaxTokens have no effect here.
func NewSampler(o Sampling, row int) *Sampler {
	return &Sampler{o, rand.New(rand.NewPCG(o.Seed, uint64(o.FirstRow+row)))}
}

// Next chooses a token by its logits [V]: the most probable one without a temperature, and else one that is drawn from
// [Sampling.Probabilities], with one random number. Errors are those of Probabilities.
func (s *Sampler) Next(logits []float32) (int32, error) {
	if s.o.Temperature == 0 {
		return mostProbable(logits)
	}
	p, err := s.o.Probabilities(logits)
	if err != nil {
		return 0, err
	}
	// The token i for which p₀ + … + pᵢ₋₁ ≤ u < p₀ + … + pᵢ.
	u, sum, token := s.random.Float64(), 0.0, 0
	for i, x := range p {
		if x == 0 {
			continue
		}
		token = i // the last possible one, should rounding leave the sum below u
		if sum += x; u < sum {
			break
		}
	}
	return int32(token), nil
}
