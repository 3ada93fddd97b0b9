package train

import (
	"math"
	"math/rand/v2"

	"gomm/mmlib/run"
)

// LearningRate is the rate of the given step, counted from 0: it rises linearly over the warm-up, then follows half a
// cosine (Loshchilov & Hutter 2017, SGDR, eq. 5, without restarts) down to FinalRate of the peak.
//
//	η(t) = η·(t+1)/W                                        t < W
//	η(t) = η·(F + (1−F)·½·(1 + cos(π·(t−W)/(T−W))))          otherwise
func LearningRate(c run.Training, step int64) float64 {
	t, warmup, total := float64(step), float64(c.Warmup), float64(c.Steps)
	if t < warmup {
		return c.LearningRate * (t + 1) / warmup
	}
	progress := min(1, (t-warmup)/max(1, total-warmup))
	return c.LearningRate * (c.FinalRate + (1-c.FinalRate)*0.5*(1+math.Cos(math.Pi*progress)))
}

// order gives the examples of each step: epoch after epoch, each a permutation that depends on the seed and the epoch
// alone, cut into batches that may cross from one epoch into the next. So the examples of a step are a function of
// (seed, step), whoever asks and whatever ran before.
type order struct {
	seed     uint64
	examples int
	batch    int
	epoch    int64 // of the permutation kept in perm
	perm     []int
}

func newOrder(seed uint64, examples, batch int) *order {
	return &order{seed: seed, examples: examples, batch: batch, epoch: -1}
}

// at gives the examples of the step. It keeps the last permutation, so it is not for concurrent use.
func (o *order) at(step int64) []int {
	out := make([]int, o.batch)
	first := step * int64(o.batch)
	for i := range out {
		place := first + int64(i)
		if epoch := place / int64(o.examples); epoch != o.epoch {
			o.epoch = epoch
			o.perm = rand.New(rand.NewPCG(o.seed, uint64(epoch))).Perm(o.examples)
		}
		out[i] = o.perm[place%int64(o.examples)]
	}
	return out
}

// stepRand is the source of all else that is random in a step's batch: augmentation, choice of captions.
func stepRand(seed uint64, step int64) *rand.Rand {
	return rand.New(rand.NewPCG(seed^0x9e3779b97f4a7c15, uint64(step)))
}
