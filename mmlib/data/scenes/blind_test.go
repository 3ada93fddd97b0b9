package scenes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
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

func TestFilms(t *testing.T) {
	s := DefaultFilms()
	s.Digits, s.Languages = 2, Languages()
	splits, err := s.Load(context.Background(), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	films := splits[data.Test].(*Films)
	frames, h, w, c := films.Shape()
	pixels := make([]float32, frames*h*w*c)
	for i := range 20 {
		films.Picture(pixels, i, nil)
		for n := range frames {
			if slices.Max(pixels[n*h*w:(n+1)*h*w]) < 0.5 {
				t.Fatalf("film %d: frame %d is empty", i, n)
			}
		}
		if slices.Equal(pixels[:h*w], pixels[h*w:2*h*w]) {
			t.Fatalf("film %d: nothing moves", i)
		}
		for _, m := range films.Movers(i) {
			if !strings.Contains(films.Caption(i, nil), strconv.Itoa(m.Digit)) {
				t.Errorf("%q does not name %d", films.Caption(i, nil), m.Digit)
			}
		}
	}
	// A digit that starts to the right is further right in the next frame.
	m := Mover{x: 30, dx: 4}
	for _, want := range []int{34, 34, 30} { // 36 is the most: it turns back
		if m.step(); m.x != want {
			t.Errorf("at %d, want %d", m.x, want)
		}
	}
	s.Digits = 3
	if err := s.Validate(); err == nil || !strings.Contains(err.Error(), "digits is 3") {
		t.Errorf("error %v", err)
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
