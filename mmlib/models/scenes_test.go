package models

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/data/questions"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/models/fusion"
)

// TestLengths: what was measured is room enough for the texts of other scenes, in both languages, of small grids and large.
func TestLengths(t *testing.T) {
	for _, grid := range []int{2, 4} {
		for _, language := range scenes.Languages() {
			source := scenes.Default()
			source.Grid, source.Languages = grid, []string{language}
			config := fusion.Scenes(grid)
			_, set, err := loadSpoken(context.Background(), Settings{Kind: "vqa", Data: source}, Files{}, data.Options{}, &config)
			if err != nil {
				t.Fatal(err)
			}
			for i := 5000; i < 5500; i++ {
				if _, err := (captionedScenes{set}).Caption(i, nil); err != nil {
					t.Fatal(err)
				}
				for _, x := range []struct {
					texts interface {
						Texts(i, n int, r *rand.Rand) ([]fusion.Passage, error)
					}
					length int
				}{{answers{set}, set.question + set.answer}, {descriptions{set}, set.caption}, {dialogues{set}, set.dialogue}} {
					list, err := x.texts.Texts(i, 4, rand.New(rand.NewPCG(1, uint64(i))))
					if err != nil {
						t.Fatal(err)
					}
					for _, p := range list {
						if len(p.IDs) > x.length {
							t.Fatalf("%d×%d, %s: %d tokens, measured were %d", grid, grid, language, len(p.IDs), x.length)
						}
					}
				}
			}
		}
	}
}

// TestLooks: the tokens of the two answers, with their ends, are read in the cells of their questions; no token of a question is.
func TestLooks(t *testing.T) {
	said := []bool{false, false, true, true, false, false, false, true, true, true}
	got := looks(said, []questions.Question{{Cells: []int{2}}, {Cells: []int{0, 3}}})
	want := [][]int{nil, nil, {2}, {2}, nil, nil, nil, {0, 3}, {0, 3}, {0, 3}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("looks are %v, want %v", got, want)
	}
}
