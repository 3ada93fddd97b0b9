package dalle_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gomlx/compute"

	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
)

// TestLoop: the decoder compiled whole draws what it draws token by token, greedily and at a temperature.
// The Go backend has no such loop and says so.
func TestLoop(t *testing.T) {
	c := small()
	for _, b := range []compute.Backend{backend, quick} {
		p := random(t, c) // weights belong to one backend
		s, err := infer.Open(b, p, nil, 10)
		check.Must(t, err)
		l, err := infer.NewLoop(s, p.Decoder(), 4, 1+c.Text.Context, c.Image.Count())
		if b.Name() == quick.Name() {
			if !errors.Is(err, infer.ErrNoLoop) {
				t.Errorf("the loop on the Go backend: %v", err)
			}
			continue
		}
		check.Must(t, err)
		_, err = infer.NewLoop(s, p.Decoder(), 4, 2+c.Text.Context, c.Image.Count())
		check.Error(t, err, "do not fit")
		prompts := make([][]int32, 10)
		for i := range prompts {
			prompts[i] = p.Prompt(caption(i))
		}
		for _, o := range []infer.Sampling{{}, {Temperature: 1, Seed: 7}, {Temperature: 0.5, Seed: 8, FirstRow: 3}} {
			got, err := l.Run(nil, prompts, o)
			check.Must(t, err)
			want, err := infer.Generate(context.Background(), s, p.Decoder(), nil, prompts, o, nil)
			check.Must(t, err)
			if right := matches(got, want); right < 10 {
				t.Errorf("%s, %+v: %d of 10 pictures are those drawn token by token", b.Name(), o, right)
			}
		}
		_, err = l.Run(nil, prompts, infer.Sampling{Temperature: 1, TopK: 2})
		check.Error(t, err, "top-k")
		_, err = l.Run(nil, [][]int32{prompts[0][:2]}, infer.Sampling{})
		check.Error(t, err, "prompt 0 has 2 tokens", "compiled for 4")
	}
}
