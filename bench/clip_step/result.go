package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"gomm/bench/internal/machine"
)

// result is what clip_step.json holds.
type result struct {
	Preset        string            `json:"preset"`
	Batch         int               `json:"batch"`
	Distinct      int               `json:"distinct_captions"`
	StepsPerRound int               `json:"steps_per_round"`
	Ours          side              `json:"ours"`
	Peer          side              `json:"peer"`
	RatioBest     float64           `json:"ratio_best"`   // our time over theirs: below 1 we are faster
	RatioMedian   float64           `json:"ratio_median"` // of the medians
	Versions      map[string]string `json:"versions"`
	Machine       machine.Machine   `json:"machine"`
}

// side is one side's times.
type side struct {
	Name   string    `json:"name"`
	Params int       `json:"params"`
	Rounds []float64 `json:"seconds_per_round"`
	Best   float64   `json:"best_step_seconds"`
	Median float64   `json:"median_step_seconds"`
}

// compare warms both up and times them in turns. Who begins changes from round to round.
func compare(ctx context.Context, ours, theirs stepper, o options) (*result, error) {
	if ours.Params() != theirs.Params() {
		return nil, fmt.Errorf("the models differ: ours has %d parameters, the peer %d", ours.Params(), theirs.Params())
	}
	both := []stepper{ours, theirs}
	seconds := make([][]float64, 2)
	for round := -1; round < o.rounds; round++ {
		for turn := range both {
			i := (turn + max(round, 0)) % 2
			n := o.steps
			if round < 0 {
				n = o.warmup
			}
			if n == 0 {
				continue
			}
			took, err := both[i].Step(n)
			if err := errors.Join(ctx.Err(), err); err != nil {
				return nil, fmt.Errorf("%s: %w", both[i].Name(), err)
			}
			if round >= 0 {
				seconds[i] = append(seconds[i], took.Seconds())
			}
		}
	}
	r := &result{StepsPerRound: o.steps, Ours: newSide(ours, seconds[0], o.steps), Peer: newSide(theirs, seconds[1], o.steps)}
	r.RatioBest, r.RatioMedian = r.Ours.Best/r.Peer.Best, r.Ours.Median/r.Peer.Median
	return r, nil
}

func newSide(s stepper, seconds []float64, steps int) side {
	return side{
		Name: s.Name(), Params: s.Params(), Rounds: seconds,
		Best: slices.Min(seconds) / float64(steps), Median: median(seconds) / float64(steps),
	}
}

// median is the middle one, or the mean of the two in the middle.
func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// print writes the table for people.
func (r *result) print(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "A training step of CLIP %s: %d parameters, batch %d, %d distinct captions; %d rounds of %d steps, in turns\n\n",
		r.Preset, r.Ours.Params, r.Batch, r.Distinct, len(r.Ours.Rounds), r.StepsPerRound)
	t := tabwriter.NewWriter(b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "best\tmedian\timages/s\t")
	for _, s := range []side{r.Ours, r.Peer} {
		fmt.Fprintf(t, "%.1f ms\t%.1f ms\t%.0f\t  %s\n", 1e3*s.Best, 1e3*s.Median, float64(r.Batch)/s.Median, s.Name)
	}
	fmt.Fprintf(t, "%.2f\t%.2f\t\t  our time over theirs\n", r.RatioBest, r.RatioMedian)
	err := t.Flush()
	if spread := max(r.Ours.spread(), r.Peer.spread()); spread > busy {
		fmt.Fprintf(b, "\nThe slowest round took %.1f times as long as the fastest: the machine was busy. Time it again when it is idle.\n",
			spread)
	}
	return errors.Join(err, b.Flush())
}

// busy is the spread from which on times say more about the rest of the machine than about us.
const busy = 1.5

// spread is how many times as long as the fastest round the slowest one took.
func (s side) spread() float64 { return slices.Max(s.Rounds) / slices.Min(s.Rounds) }

func (r *result) write(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
