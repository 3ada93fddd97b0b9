package experiment

import (
	"math"
	"testing"

	"gomm/mmlib/data/text"
	"gomm/mmlib/internal/check"
)

// TestRank: of "no" with 0.2, "yes" with 0.6 and "7" with 0.2 of all that a model could say, "yes" has three fifths of the list.
func TestRank(t *testing.T) {
	for _, scale := range []float64{0, -2000} { // which no exponential survives
		list := rank([]string{"no", "yes", "7"}, []float64{math.Log(0.2) + scale, math.Log(0.6) + scale, math.Log(0.2) + scale})
		sum := 0.0
		for i, want := range []Ranked{{"yes", 0.6, math.Log(0.6)}, {"no", 0.2, math.Log(0.2)}, {"7", 0.2, math.Log(0.2)}} {
			if got := list[i]; got.Answer != want.Answer || math.Abs(got.Probability-want.Probability) > 1e-9 ||
				math.Abs(got.LogProbability-scale-want.LogProbability) > 1e-9 {
				t.Errorf("%d: %+v, want %+v", i, got, want)
			}
			sum += list[i].Probability
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("the probabilities sum to %g", sum)
		}
	}
}

// TestDistinct: a list must be of different answers that the model knows.
func TestDistinct(t *testing.T) {
	words := text.NewWords([]string{"top left red"})
	check.Must(t, distinct(words, []string{"top left", "top", "red"}))
	check.Error(t, distinct(words, nil), "no answers to choose from")
	check.Error(t, distinct(words, []string{"red", "purple"}), `"purple"`, "not trained on")
	check.Error(t, distinct(words, []string{"red", " "}), "empty")
	check.Error(t, distinct(words, []string{"top left", "red", "Top  LEFT"}), `"top left" and "Top  LEFT"`, "the same")
}
