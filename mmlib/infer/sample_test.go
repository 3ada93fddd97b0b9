package infer_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
)

var inf = float32(math.Inf(1))

// TestProbabilities: temperature, top-k and top-p by hand.
func TestProbabilities(t *testing.T) {
	logs := func(p ...float64) (x []float32) {
		for _, p := range p {
			x = append(x, float32(math.Log(p))+7) // a constant beside the logits changes nothing
		}
		return x
	}
	for name, c := range map[string]struct {
		o      infer.Sampling
		logits []float32
		want   []float64
	}{
		"greedy":                      {infer.Sampling{}, logs(0.1, 0.6, 0.3), []float64{0, 1, 0}},
		"greedy, tie":                 {infer.Sampling{}, logs(0.1, 0.4, 0.4), []float64{0, 1, 0}},
		"softmax":                     {infer.Sampling{Temperature: 1}, logs(0.1, 0.6, 0.3), []float64{0.1, 0.6, 0.3}},
		"cold":                        {infer.Sampling{Temperature: 0.5}, logs(0.2, 0.4), []float64{0.2, 0.8}},
		"hot":                         {infer.Sampling{Temperature: 2}, logs(0.1, 0.9), []float64{0.25, 0.75}},
		"nearly 0":                    {infer.Sampling{Temperature: 1e-300}, logs(0.1, 0.9), []float64{0, 1}},
		"top-k":                       {infer.Sampling{Temperature: 1, TopK: 2}, logs(0.1, 0.6, 0.3), []float64{0, 2. / 3, 1. / 3}},
		"top-k of all":                {infer.Sampling{Temperature: 1, TopK: 3}, logs(0.1, 0.6, 0.3), []float64{0.1, 0.6, 0.3}},
		"top-k, tie":                  {infer.Sampling{Temperature: 1, TopK: 2}, logs(0.2, 0.4, 0.2, 0.2), []float64{1. / 3, 2. / 3, 0, 0}},
		"top-p":                       {infer.Sampling{Temperature: 1, TopP: 0.65}, logs(0.1, 0.6, 0.3), []float64{0, 2. / 3, 1. / 3}},
		"top-p below the first":       {infer.Sampling{Temperature: 1, TopP: 0.01}, logs(0.1, 0.6, 0.3), []float64{0, 1, 0}},
		"top-p, tie":                  {infer.Sampling{Temperature: 1, TopP: 0.3}, logs(0.25, 0.25, 0.25, 0.25), []float64{0.5, 0.5, 0, 0}},
		"top-p of all":                {infer.Sampling{Temperature: 1, TopP: 1}, logs(0.1, 0.6, 0.3), []float64{0.1, 0.6, 0.3}},
		"top-p of top-k":              {infer.Sampling{Temperature: 1, TopK: 2, TopP: 0.66}, logs(0.1, 0.6, 0.3), []float64{0, 1, 0}},
		"top-p after the temperature": {infer.Sampling{Temperature: 2, TopP: 0.74}, logs(0.01, 0.09, 0.81), []float64{0, 0.25, 0.75}},
		"-Inf":                        {infer.Sampling{Temperature: 1, TopK: 3}, []float32{-inf, 0, -inf, 0}, []float64{0, 0.5, 0, 0.5}},
	} {
		before := slices.Clone(c.logits)
		got, err := c.o.Probabilities(c.logits)
		check.Must(t, err)
		for i := range c.want {
			if math.Abs(got[i]-c.want[i]) > 1e-6 || c.want[i] == 0 && got[i] != 0 && name != "nearly 0" {
				t.Errorf("%s: %v, want %v", name, got, c.want)
				break
			}
		}
		if !slices.Equal(before, c.logits) {
			t.Errorf("%s: the logits were changed to %v", name, c.logits)
		}
	}
}

// TestDraws: of 20,000 draws each token comes as often as its probability says, to four standard deviations, and none that was left
// out comes at all.
func TestDraws(t *testing.T) {
	const n = 20_000
	logits := []float32{0, 1.5, -2, 1.5, -inf, 0.3, 1}
	for _, o := range []infer.Sampling{
		{Temperature: 1, Seed: 1},
		{Temperature: 0.7, Seed: 2},
		{Temperature: 3, Seed: 3},
		{Temperature: 1, TopK: 3, Seed: 4},
		{Temperature: 1, TopP: 0.8, Seed: 5},
		{Temperature: 1.3, TopK: 5, TopP: 0.9, Seed: 6},
	} {
		p, err := o.Probabilities(logits)
		check.Must(t, err)
		counts := make([]int, len(logits))
		s := infer.NewSampler(o, 0)
		for range n {
			token, err := s.Next(logits)
			check.Must(t, err)
			counts[token]++
		}
		for i, c := range counts {
			if d := math.Abs(float64(c) - n*p[i]); d > 4*math.Sqrt(n*p[i]*(1-p[i])) {
				t.Errorf("%+v: token %d came %d times in %d, want %.0f", o, i, c, n, n*p[i])
			}
		}
	}
}

// TestSeeds: a row's tokens depend on the seed and the row alone.
func TestSeeds(t *testing.T) {
	draw := func(seed uint64, row int) (tokens []int32) {
		s := infer.NewSampler(infer.Sampling{Temperature: 1, Seed: seed}, row)
		for range 40 {
			token, err := s.Next([]float32{0, 0, 0, 0})
			check.Must(t, err)
			tokens = append(tokens, token)
		}
		return tokens
	}
	first := draw(1, 0)
	if !slices.Equal(first, draw(1, 0)) {
		t.Error("the same seed and row give other tokens")
	}
	if slices.Equal(first, draw(2, 0)) || slices.Equal(first, draw(1, 1)) {
		t.Error("another seed, or another row, gives the same tokens")
	}
}

func TestBadLogits(t *testing.T) {
	nan := float32(math.NaN())
	for want, logits := range map[string][]float32{
		"logit of token 1 is NaN":  {0, nan, 1},
		"logit of token 0 is NaN":  {nan, 1},
		"logit of token 2 is +Inf": {0, 1, inf},
		"all 2 logits are -Inf":    {-inf, -inf},
		"no logits":                {},
	} {
		for _, temperature := range []float64{0, 1} {
			o := infer.Sampling{Temperature: temperature}
			if _, err := infer.NewSampler(o, 0).Next(logits); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("temperature %g: error %v, want %s", temperature, err, want)
			}
			if _, err := o.Probabilities(logits); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("temperature %g, probabilities: error %v, want %s", temperature, err, want)
			}
		}
	}
}

func TestSamplingValidate(t *testing.T) {
	for want, o := range map[string]infer.Sampling{
		"temperature is -1":                    {Temperature: -1},
		"temperature is NaN":                   {Temperature: math.NaN()},
		"temperature is +Inf":                  {Temperature: math.Inf(1)},
		"top-k is -1":                          {Temperature: 1, TopK: -1},
		"top-k is 6: it must be between 1 and": {Temperature: 1, TopK: 6},
		"top-p is -0.1":                        {Temperature: 1, TopP: -0.1},
		"top-p is 1.1":                         {Temperature: 1, TopP: 1.1},
		"top-p is NaN":                         {Temperature: 1, TopP: math.NaN()},
		"top-k is 2 and temperature is 0":      {TopK: 2},
		"top-p is 0.5 and temperature is 0":    {TopP: 0.5},
		"beams is 2 and temperature is 0.5":    {Temperature: 0.5, Beams: 2},
		"beams is 6":                           {Beams: 6},
		"tokens to write are -2":               {MaxTokens: -2},
	} {
		if err := o.Validate(5); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %s", o, err, want)
		}
	}
	for _, o := range []infer.Sampling{{}, {Beams: 5}, {TopP: 1}, {Temperature: 0.1, TopK: 5, TopP: 1, Beams: 1, MaxTokens: 3}} {
		check.Must(t, o.Validate(5))
	}
}
