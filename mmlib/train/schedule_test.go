package train

import (
	"math"
	"slices"
	"testing"

	"gomm/mmlib/run"
)

func TestLearningRate(t *testing.T) {
	c := run.Training{Steps: 110, Warmup: 10, LearningRate: 2, FinalRate: 0.1}
	for step, want := range map[int64]float64{
		0:   0.2, // 1/10 of the peak
		4:   1,
		9:   2,
		10:  2,                                                  // the cosine begins at its top
		35:  2 * (0.1 + 0.9*0.5*(1+math.Sqrt2/2)),               // a quarter on: cos 45°
		60:  2 * (0.1 + 0.9*0.5),                                // half-way
		109: 2 * (0.1 + 0.9*0.5*(1+math.Cos(math.Pi*99.0/100))), // the last step
		110: 0.2,
		999: 0.2, // and stays there
	} {
		if got := LearningRate(c, step); math.Abs(got-want) > 1e-12 {
			t.Errorf("the rate of step %d is %g, want %g", step, got, want)
		}
	}
	if got := LearningRate(run.Training{Steps: 5, LearningRate: 3}, 0); got != 3 {
		t.Errorf("without warm-up the first rate is %g, want 3", got)
	}
	allWarmup := run.Training{Steps: 4, Warmup: 4, LearningRate: 1}
	for step := range int64(6) {
		if got := LearningRate(allWarmup, step); !(got >= 0 && got <= 1) {
			t.Errorf("when all is warm-up the rate of step %d is %g", step, got)
		}
	}
}

// TestOrder: every epoch has every example once, in an order of its own, and batches run on across epochs.
func TestOrder(t *testing.T) {
	const examples, batch = 10, 4 // 2.5 batches an epoch
	o := newOrder(7, examples, batch)
	var stream []int
	for step := range int64(10) {
		stream = append(stream, o.at(step)...)
	}
	var epochs [][]int
	for epoch := range slices.Chunk(stream, examples) {
		sorted := slices.Sorted(slices.Values(epoch))
		for i, x := range sorted {
			if x != i {
				t.Fatalf("epoch %d is %v, no permutation", len(epochs), epoch)
			}
		}
		epochs = append(epochs, epoch)
	}
	if slices.Equal(epochs[0], epochs[1]) || slices.Equal(epochs[0], slices.Sorted(slices.Values(epochs[0]))) {
		t.Errorf("the order does not change: %v", epochs)
	}

	// It is a function of seed and step alone: asked backwards, by another, and where a resumed run would begin.
	for step := int64(9); step >= 0; step-- {
		if got, want := o.at(step), stream[step*batch:(step+1)*batch]; !slices.Equal(got, want) {
			t.Errorf("step %d has examples %v the second time, %v the first", step, got, want)
		}
		if got := newOrder(7, examples, batch).at(step); !slices.Equal(got, stream[step*batch:(step+1)*batch]) {
			t.Errorf("step %d has other examples when it is the first asked for", step)
		}
	}
	if slices.Equal(newOrder(8, examples, batch).at(0), o.at(0)) && slices.Equal(newOrder(8, examples, batch).at(1), o.at(1)) {
		t.Error("another seed gives the same order")
	}
	if got := newOrder(1, 3, 8).at(0); len(got) != 8 { // more than two epochs in one batch
		t.Errorf("a batch of 8 of 3 examples is %v", got)
	}
}

func TestStepRand(t *testing.T) {
	draws := map[uint64]bool{}
	for seed := range uint64(4) {
		for step := range int64(50) {
			x := stepRand(seed, step).Uint64()
			if x != stepRand(seed, step).Uint64() {
				t.Fatalf("seed %d, step %d draws differently the second time", seed, step)
			}
			draws[x] = true
		}
	}
	if len(draws) != 200 {
		t.Errorf("200 steps draw only %d different numbers", len(draws))
	}
}

func TestIsUnder(t *testing.T) {
	prefixes := []string{"/vision", "/text/token"}
	for path, want := range map[string]bool{
		"/vision": true, "/vision/block0/norm": true, "/visionary": false, "/text": false, "/text/token": true,
		"/text/tokens": false, "/AdamOptimizer/vision/weights": false,
	} {
		if got := isUnder(path, prefixes); got != want {
			t.Errorf("isUnder(%q) is %v, want %v", path, got, want)
		}
	}
}
