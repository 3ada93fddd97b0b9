package models

import (
	"context"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/data/questions"
	"gomm/mmlib/data/scenes"
	"gomm/mmlib/data/text"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/models/fusion"
)

// spokenOf loads scenes of a grid in a language, with texts in words or in so many pieces of words.
func spokenOf(t *testing.T, grid int, language string, pieces int) (spoken, fusion.Config, Files) {
	t.Helper()
	source, config, files := scenes.Default(), fusion.Scenes(grid), Files{}
	source.Grid, source.Languages = grid, []string{language}
	if pieces > 0 {
		config.Text.Tokenizer, config.Text.Vocab = fusion.BPE, pieces
	}
	_, set, err := loadSpoken(context.Background(), Settings{Kind: "vqa", Data: source}, files, data.Options{}, fusionReading(&config))
	check.Must(t, err)
	return set, config, files
}

// TestLengths: what was measured is room enough for the texts of other scenes, in both languages, of small grids and large, in words and
// in pieces of words, be they few, so that a word has several, or many.
func TestLengths(t *testing.T) {
	for _, pieces := range []int{0, 320, 512} {
		for _, grid := range []int{2, 4} {
			for _, language := range scenes.Languages() {
				set, _, _ := spokenOf(t, grid, language, pieces)
				checkLengths(t, set)
			}
		}
	}
}

func checkLengths(t *testing.T, set spoken) {
	t.Helper()
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
					t.Fatalf("%d×%d, %v: %d tokens, measured were %d", set.Grid(), set.Grid(), set.Languages(), len(p.IDs), x.length)
				}
			}
		}
	}
}

// TestLooks: the tokens of the two answers, with their ends, are read in the cells of their questions; no token of a question is. Where
// counts are grounded, one is read in the cells counted and the class token, of which there is none for 0.
func TestLooks(t *testing.T) {
	said := []bool{false, false, true, true, false, false, false, true, true, true}
	all := []int{0, 1, 2, 3}
	for _, test := range []struct {
		asked    []questions.Question
		counting bool
		want     [][]int
	}{
		{[]questions.Question{{Cells: []int{2}}, {Cells: []int{0, 3}}}, true, [][]int{{2}, {0, 3}}},
		{[]questions.Question{{Cells: all, Counted: []int{1}}, {Cells: all, Counted: []int{}}}, false, [][]int{all, all}},
		{[]questions.Question{{Cells: all, Counted: []int{1}}, {Cells: all, Counted: []int{}}}, true, [][]int{{-1, 1}, {-1}}},
	} {
		first, second := test.want[0], test.want[1]
		want := [][]int{nil, nil, first, first, nil, nil, nil, second, second, second}
		if got := looks(said, test.asked, test.counting); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, counting %t: looks are %v, want %v", test.asked, test.counting, got, want)
		}
	}
}

// TestPieces: pieces of words are learnt from the scenes, always the same ones; the file of the run decides from then on; and masking
// hides them all but the special ones.
func TestPieces(t *testing.T) {
	set, config, files := spokenOf(t, 2, "en", 512)
	if n := set.tokenizer.VocabSize(); n != 424 || config.Text.Vocab != n { // English scenes have no more
		t.Errorf("%d tokens, text.vocab is %d, want 424", n, config.Text.Vocab)
	}
	ids, err := set.tokenizer.Encode("a flat red 7 on cyan at the top left")
	check.Must(t, err)
	if len(ids) != 10 {
		t.Errorf("%d tokens of 10 words, each frequent", len(ids))
	}
	again, _, other := spokenOf(t, 2, "en", 512)
	if string(files[TokenizerFile]) != string(other[TokenizerFile]) || again.caption != set.caption {
		t.Error("the tokenizer is another one when it is learnt again")
	}
	for _, pieces := range []int{0, 512} {
		set, _, _ := spokenOf(t, 2, "en", pieces)
		var m fusion.Masking
		check.Must(t, hide(&m, set.tokenizer))
		ordinary := 0
		for id := range int32(set.tokenizer.VocabSize()) {
			special := false
			for _, name := range []string{text.Pad, text.Start, text.End, text.Mask} {
				is, _ := set.tokenizer.Special(name)
				special = special || is == id
			}
			if hidden := id >= m.First && id < m.Last; hidden == special {
				t.Errorf("pieces %d: token %d, special %v, may be hidden %v", pieces, id, special, hidden)
			}
			if !special {
				ordinary++
			}
		}
		if token, _ := set.tokenizer.Special(text.Mask); m.Token != token || ordinary != set.tokenizer.VocabSize()-4 {
			t.Errorf("pieces %d: the mask is %d, %d ordinary tokens", pieces, m.Token, ordinary)
		}
	}
	// A run's own tokenizer is kept, and settings that say another are refused.
	for _, test := range []struct {
		change func(*fusion.TextConfig, Files)
		want   string
	}{
		{func(c *fusion.TextConfig, _ Files) { c.Tokenizer = "" }, `text.tokenizer is "words", and the run has a tokenizer already, of "bpe"`},
		{func(c *fusion.TextConfig, f Files) { c.Vocab = 100; delete(f, TokenizerFile) }, "model.text.vocab is 100"},
		{func(_ *fusion.TextConfig, f Files) { f[TokenizerFile] = []byte("{}") }, TokenizerFile},
		{func(c *fusion.TextConfig, _ Files) { c.Vocab = 7 }, ""}, // the file says how many there are
	} {
		source, c, f := scenes.Default(), config, Files{TokenizerFile: files[TokenizerFile]}
		test.change(&c.Text, f)
		_, set, err := loadSpoken(context.Background(), Settings{Kind: "vqa", Data: source}, f, data.Options{}, fusionReading(&c))
		if test.want != "" {
			check.Error(t, err, test.want)
		} else if err != nil || set.tokenizer.VocabSize() != 424 || c.Text.Vocab != 424 {
			t.Errorf("%v: %d tokens", err, c.Text.Vocab)
		}
	}
	// A run that starts from another takes its tokenizer over, and cannot have another.
	words, err := Preset("fusion", "scenes-attributes")
	check.Must(t, err)
	s, err := Preset("fusion", "scenes-bpe")
	check.Must(t, err)
	check.Error(t, beginFusion(&s, words), `text.tokenizer is "words"`, `"bpe"`)
	check.Must(t, beginFusion(&words, s))
	if got := words.Model.(*fusion.PretrainingConfig).Text; got.Tokenizer != fusion.BPE {
		t.Errorf("%+v", got)
	}
	config.Text.Tokenizer = "wordpiece"
	if err := config.Validate(); err == nil || !strings.Contains(err.Error(), `text.tokenizer is "wordpiece"`) {
		t.Error(err)
	}
}

// TestDescribe: each token of a caption tells of a cell but the start, the end and the padding; in words and in pieces of words.
func TestDescribe(t *testing.T) {
	for _, test := range [][2]string{{"en", "words"}, {"zh", "words"}, {"en", "bpe"}, {"zh", "bpe"}} {
		source := scenes.Default()
		source.Shuffle, source.Languages = true, []string{test[0]}
		config := fusion.Scenes(2)
		config.Text.Tokenizer, config.Text.Vocab = fusion.Tokenizer(test[1]), 512
		_, set, err := loadSpoken(context.Background(), Settings{Kind: "fusion", Data: source}, Files{}, data.Options{}, fusionReading(&config))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			p, err := captionedScenes{set}.GroundedCaption(i, rand.New(rand.NewPCG(1, uint64(i))))
			if err != nil {
				t.Fatal(err)
			}
			for k, id := range p.IDs {
				special := id == int32(config.Text.Pad) || id == int32(config.Text.Start) || id == int32(config.Text.End)
				if special != (p.Look[k] == nil) {
					t.Fatalf("token %d of %v looks at %v", k, p.IDs, p.Look[k])
				}
			}
		}
	}
}

// TestCountingRefused: who is asked for no counts cannot be told where to look for them.
func TestCountingRefused(t *testing.T) {
	s, err := Preset("captioner", "scenes")
	check.Must(t, err)
	s.Model.(*fusion.WriterConfig).Counting = true
	k, err := Lookup("captioner")
	check.Must(t, err)
	_, err = k.Train(t.Context(), s, Files{}, data.Options{})
	check.Error(t, err, "model.counting is true", "captioner", "leave it out")

	s, err = Preset("vqa", "scenes")
	check.Must(t, err)
	s.Model.(*fusion.WriterConfig).Counting = true
	s.Data.(*scenes.Source).Kinds = []string{scenes.AskAttribute, scenes.AskSum}
	k, err = Lookup("vqa")
	check.Must(t, err)
	_, err = k.Train(t.Context(), s, Files{}, data.Options{})
	check.Error(t, err, "model.counting is true", `"count" is not among data.kinds, attribute, sum`, "leave one of the two out")
}
