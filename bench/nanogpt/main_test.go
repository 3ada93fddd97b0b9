package main

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// TestTake: the peer's nats become bits of a character, with the first token's, and the learning rate that is best on validation counts,
// whatever the test split says.
func TestTake(t *testing.T) {
	r := &result{Versions: map[string]string{}}
	c := &peer{
		Vocab: 256, Steps: 10, Batch: 2, Context: 5, Threads: 2, Generate: 50, characters: map[string]int{"validation": 10, "test": 20},
	}
	for _, l := range []line{
		{Rate: 1e-3, ValidationNats: 12 * math.Ln2, TestNats: 12 * math.Ln2, TrainSeconds: 4, Params: 100},
		{Rate: 2e-3, ValidationNats: 2 * math.Ln2, TestNats: 32 * math.Ln2, TrainSeconds: 2, Params: 100},
		{GenerateSeconds: 2, Torch: "9.9"},
	} {
		r.take(l, c)
	}
	p := r.Peer
	if p.LearningRate != 2e-3 || math.Abs(p.ValidationBits-1) > 1e-12 || math.Abs(p.TestBits-2) > 1e-12 || p.TrainedTokensPerSecond != 50 ||
		p.WrittenTokensPerSecond != 25 || !strings.Contains(p.Name, "9.9") || len(r.Tried) != 2 {
		t.Errorf("%+v of %+v", p, r.Tried)
	}
	r.Ours.Params = 110
	if err := r.check(); err == nil || !strings.Contains(err.Error(), "ours has 110 parameters, the peer 100") {
		t.Errorf("models of different sizes: %v", err)
	}
	r.Ours.Params, r.Decoding = 101, []decoding{{cached, 64, 99, 2}, {cached, 1, 77, 2}}
	r.Ours.WrittenTokensPerSecond = alone(r.Decoding)
	var out bytes.Buffer
	if err := errors.Join(r.check(), r.print(&out), r.write(filepath.Join(t.TempDir(), "x.json"))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.000", "77", "nanoGPT", "2.0 times"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
