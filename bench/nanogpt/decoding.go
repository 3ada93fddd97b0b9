package main

import (
	"context"
	"time"

	"github.com/gomlx/compute"

	"gomm/mmlib/infer"
	"gomm/mmlib/models"
	"gomm/mmlib/models/palm"
)

// decoding is how fast our model writes, in one of three ways.
type decoding struct {
	How             string  `json:"how"`
	Texts           int     `json:"texts"` // side by side
	TokensPerSecond float64 `json:"tokens_per_second"`
	Ratio           float64 `json:"ratio"` // to recomputing
}

// cached is the way that users of the model have.
const cached = "one token at a time, cached"

// alone is how fast one text is written so.
func alone(list []decoding) float64 {
	for _, d := range list {
		if d.How == cached && d.Texts == 1 {
			return d.TokensPerSecond
		}
	}
	return 0
}

// rounds is how often each way has a turn; the best counts.
const rounds = 5

// decodings times writing a whole context: by reading all that is written again for each token, with a cache, and with the cache in
// one compiled loop. They take turns.
func decodings(ctx context.Context, b compute.Backend, m *models.Model) ([]decoding, error) {
	d := m.Predictor.(*palm.Predictor).Decoder()
	var list []decoding
	for _, texts := range []int{1, 64} {
		s, err := infer.Open(b, m, []string{"step", "score"}, texts)
		if err != nil {
			return nil, err
		}
		loop, err := infer.NewLoop(s, d, texts, 1, d.Length)
		if err != nil {
			return nil, err
		}
		prompts := make([][]int32, texts)
		for i := range prompts {
			prompts[i] = []int32{int32(i)}
		}
		windows := make([]int32, texts*(d.Length+1))
		o := infer.Sampling{Temperature: 1, Seed: 1}
		ways := []struct {
			how    string
			tokens int
			run    func() error
		}{
			// A call of fixed shape costs the same for every token: some stand for all.
			{"all tokens again for each", 4, func() error {
				for range 4 {
					if _, err := infer.Call(s, "score", texts, windows); err != nil {
						return err
					}
				}
				return nil
			}},
			{cached, d.Length, func() error {
				_, err := infer.Generate(ctx, s, d, nil, prompts, o, nil)
				return err
			}},
			{"cached, in one compiled loop", d.Length, func() error {
				_, err := loop.Run(nil, prompts, o)
				return err
			}},
		}
		best := make([]time.Duration, len(ways))
		for round := range rounds {
			for i, w := range ways {
				begin := time.Now()
				if err := w.run(); err != nil {
					return nil, err
				}
				if took := time.Since(begin); round == 0 || took < best[i] {
					best[i] = took
				}
			}
		}
		for i, w := range ways {
			x := decoding{How: w.how, Texts: texts, TokensPerSecond: float64(w.tokens*texts) / best[i].Seconds()}
			if x.Ratio = 1; i > 0 {
				x.Ratio = x.TokensPerSecond / list[len(list)-i].TokensPerSecond
			}
			list = append(list, x)
		}
	}
	return list, nil
}
