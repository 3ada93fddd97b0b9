package scenes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/data/questions"
)

// TestBlind: without the picture a good deal is guessed, and by far not all. The figures are those of the package comment.
func TestBlind(t *testing.T) {
	for _, grid := range []int{2, 4} {
		sets := load(t, func(s *Source) { s.Grid, s.Languages, s.Test = grid, []string{"en"}, 1000 })
		for name, ask := range map[string]func(s *Set, i int) []questions.Question{
			"questions": func(s *Set, i int) []questions.Question { return s.Questions(i, 4, nil) },
			"dialogues": func(s *Set, i int) []questions.Question { return s.Dialogue(i, nil) },
		} {
			blind := questions.NewBlind()
			for i := range 20_000 {
				blind.Learn(ask(sets[data.Train], i)...)
			}
			var asked []questions.Question
			var answers []string
			for i := range 1000 {
				for _, q := range ask(sets[data.Test], i) {
					asked, answers = append(asked, q), append(answers, blind.Answer(q))
				}
			}
			right, total := 0, 0
			for _, tally := range questions.Count(asked, answers) {
				t.Logf("%d×%d %s: %-10s %5.1f %% of %d, %d answers", grid, grid, name, tally.Kind, 100*tally.Share(), tally.Total, tally.Answers)
				right, total = right+tally.Right, total+tally.Total
			}
			got := fmt.Sprintf("%d×%d %s %.1f", grid, grid, name, 100*float64(right)/float64(total))
			if !slices.Contains([]string{"2×2 questions 34.8", "2×2 dialogues 36.2", "4×4 questions 28.4", "4×4 dialogues 24.6"}, got) {
				t.Errorf("the blind table answers %s %%: the package comment says otherwise", got)
			}
		}
	}
}

func BenchmarkScene(b *testing.B) {
	set := load(b, nil)[data.Train]
	_, h, w, c := set.Shape()
	b.RunParallel(func(pb *testing.PB) {
		pixels, r := make([]float32, h*w*c), rand.New(rand.NewPCG(1, 2))
		for pb.Next() {
			i := r.IntN(set.Len())
			set.Picture(pixels, i, r)
			set.Questions(i, 4, r)
			set.Caption(i, r)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "scenes/s")
}
