package train

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// patience is early stopping (Goodfellow et al. 2016, Deep Learning, algorithm 7.1): training ends when so many validations in a
// row did not better the best one before them. Only those that are due count, every SaveEvery steps: an interrupted run, which is
// measured wherever it is interrupted, then ends after the same step as one that was not. The state is in the metrics of each
// checkpoint, and so in metrics.jsonl; the learning rate's schedule knows nothing of it.
type patience struct {
	best     float64 // of the measure, NaN before the first validation
	bestStep int64
	waited   int // validations since then
}

// The metrics that hold it.
const (
	bestMetric, bestStepMetric, waitedMetric = "best", "best_step", "validations_since_best"
	stoppedMetric                            = "stopped_early"
)

// Stopped says in a few words why training ended before its last step, or will when it is resumed: "no better accuracy in 3
// validations since step 40". It is empty as long as training has no reason to end.
func (t *Trainer) Stopped() string {
	if t.config.Patience == 0 || t.waiting.waited < t.config.Patience {
		return ""
	}
	return fmt.Sprintf("no better %s in %d validations since step %d", strings.TrimPrefix(t.folder.Best, "-"), t.waiting.waited,
		t.waiting.bestStep)
}

// wait counts a validation and returns its metrics with the state among them.
func (t *Trainer) wait(metrics map[string]float64) (map[string]float64, error) {
	if t.config.Patience == 0 {
		return metrics, nil
	}
	measure, smaller := strings.CutPrefix(t.folder.Best, "-")
	value, ok := metrics[measure]
	if !ok {
		return nil, fmt.Errorf("training.patience is %d and waits for a better %s, which is not measured; there is %q: set it to 0",
			t.config.Patience, measure, slices.Sorted(maps.Keys(metrics)))
	}
	if t.step%int64(t.config.SaveEvery) == 0 {
		t.waiting.see(value, t.step, smaller)
	}
	metrics = maps.Clone(metrics)
	w := t.waiting
	metrics[waitedMetric] = float64(w.waited)
	if !math.IsNaN(w.best) {
		metrics[bestMetric], metrics[bestStepMetric] = w.best, float64(w.bestStep)
	}
	if t.Stopped() != "" {
		metrics[stoppedMetric] = 1
	}
	return metrics, nil
}

// see takes in the measure of a validation. One that is no number is no improvement.
func (p *patience) see(value float64, step int64, smaller bool) {
	better := value > p.best
	if smaller {
		better = value < p.best
	}
	if math.IsNaN(p.best) && !math.IsNaN(value) || better {
		*p = patience{best: value, bestStep: step}
		return
	}
	p.waited++
}

// resumeWaiting reads the state from the checkpoint that was loaded.
func (t *Trainer) resumeWaiting() error {
	if t.config.Patience == 0 {
		return nil
	}
	saved, err := t.folder.Checkpoints()
	if err != nil {
		return err
	}
	for _, c := range saved {
		if c.Step != t.step {
			continue
		}
		t.waiting.waited = int(c.Metrics[waitedMetric])
		if best, ok := c.Metrics[bestMetric]; ok {
			t.waiting.best, t.waiting.bestStep = best, int64(c.Metrics[bestStepMetric])
		}
	}
	return nil
}
