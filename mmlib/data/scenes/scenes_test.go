package scenes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/data"
	"gomm/mmlib/data/mnist"
	"gomm/mmlib/data/picture"
	"gomm/mmlib/data/text"
)

// load loads the splits of a source with small changes; MNIST must be on this machine.
func load(t testing.TB, change func(*Source)) map[string]*Set {
	t.Helper()
	s := Default()
	s.Languages = Languages()
	if change != nil {
		change(s)
	}
	splits, err := s.Load(context.Background(), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]*Set{}
	for name, set := range splits {
		sets[name] = set.(*Set)
	}
	return sets
}

// TestLongestCaptions: no caption has more tokens than the longest, whatever a tokenizer makes of words, and in whatever order the cells
// are named.
func TestLongestCaptions(t *testing.T) {
	for _, shuffle := range []bool{false, true} {
		set := load(t, func(s *Source) { s.Shuffle = shuffle })[data.Test]
		captions := func(yield func(string) bool) {
			for i := range 200 {
				if !yield(set.Caption(i, nil)) {
					return
				}
			}
		}
		bpe, err := text.TrainBPE(captions, text.BPEOptions{VocabSize: 320})
		if err != nil {
			t.Fatal(err)
		}
		count := func(s string) (int, error) {
			ids, err := bpe.Encode(s)
			return len(ids), err
		}
		list, err := set.LongestCaptions(count)
		if err != nil {
			t.Fatal(err)
		}
		longest, seen := 0, 0
		for _, s := range list {
			n, _ := count(s)
			longest = max(longest, n)
		}
		for i := range 3000 {
			n, _ := count(set.Caption(i, nil))
			seen = max(seen, n)
		}
		if seen > longest || seen < longest-8 {
			t.Errorf("shuffle %v: a caption of %d tokens, the longest was to have %d", shuffle, seen, longest)
		}
		refused := errors.New("a word is not known")
		if _, err := set.LongestCaptions(func(string) (int, error) { return 0, refused }); !errors.Is(err, refused) {
			t.Errorf("%v", err)
		}
	}
}

func TestCaptions(t *testing.T) {
	for _, grid := range []int{2, 3, 4} {
		set := load(t, func(s *Source) { s.Grid = grid })[data.Test]
		for i := range 100 {
			captions := set.Captions(i)
			if len(captions) != 2*NumCaptions || !slices.Contains(captions, set.Caption(i, nil)) {
				t.Fatalf("%d captions, %q not among them", len(captions), set.Caption(i, nil))
			}
			for _, c := range captions {
				if got := ParseCaption(c, grid); !slices.Equal(got, set.Scene(i).Facts()) {
					t.Fatalf("%s\n%q: %v", set.Scene(i), c, got)
				}
			}
		}
	}
	for caption, want := range map[string][]Fact{
		"":                          {},
		"nothing at all":            {},
		"a red 7 at the top left":   {{0, Digit, 7}, {0, Color, 0}},
		"top left: 7; top left: 8":  {{0, Digit, 7}, {0, Digit, 8}},
		"右下：橙红色背景，123":              {{3, Background, 4}},
		"bottom right: 12, stroke,": {{3, Style, 1}},
	} {
		if got := ParseCaption(caption, 2); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", caption, got, want)
		}
	}
}

// TestSplits: no digit of one split is seen in another, and pairs that are held out are seen in the unseen splits alone.
func TestSplits(t *testing.T) {
	sets := load(t, func(s *Source) { s.HeldOutPairs = 10 })
	if len(sets) != 5 {
		t.Fatalf("%d splits", len(sets))
	}
	for name, set := range sets {
		pairs := map[[2]uint8]int{}
		for i := range 2000 {
			for _, c := range set.Scene(i).Cells {
				pairs[[2]uint8{c[Digit], c[Color]}]++
			}
		}
		unseen := name == Unseen || name == ValidationUnseen
		want := map[bool]int{true: 10, false: 40}[unseen]
		if len(pairs) != want {
			t.Errorf("%s: %d pairs of digit and color, want %d", name, len(pairs), want)
		}
		for p := range pairs {
			if heldOut(int(p[0]), int(p[1]), 10) != unseen {
				t.Errorf("%s shows %v", name, p)
			}
		}
	}
	train, validation, test := &sets[data.Train].digits, &sets[data.Validation].digits, &sets[data.Test].digits
	if train.Len() != 55000 || validation.Len() != 5000 || test.Len() != 10000 || &train.Images[0] == &test.Images[0] ||
		&validation.Images[0] != &sets[ValidationUnseen].digits.Images[0] || &test.Images[0] != &sets[Unseen].digits.Images[0] {
		t.Errorf("digits: %d, %d, %d", train.Len(), validation.Len(), test.Len())
	}
	if sets[data.Test].Scene(0).String() == sets[data.Validation].Scene(0).String() {
		t.Error("two splits begin with the same scene")
	}
}

func TestRepeatable(t *testing.T) {
	a, b := load(t, nil)[data.Test], load(t, nil)[data.Test]
	other := load(t, func(s *Source) { s.Seed = 2 })[data.Test]
	for i := range 20 {
		r := func() *rand.Rand { return rand.New(rand.NewPCG(3, uint64(i))) }
		describe := func(s *Set) string {
			return fmt.Sprint(s.Record(i), s.Caption(i, nil), s.Caption(i, r()), s.Questions(i, 3, r()), s.Dialogue(i, r()))
		}
		if describe(a) != describe(b) {
			t.Fatalf("scene %d is another one the second time", i)
		}
		if describe(a) == describe(other) {
			t.Fatalf("scene %d is the same with another seed", i)
		}
	}
}

// TestPicture: what a model reads is what people see, as a file of it would be read.
func TestPicture(t *testing.T) {
	for _, grid := range []int{2, 4} {
		set := load(t, func(s *Source) { s.Grid = grid })[data.Test]
		_, h, w, c := set.Shape()
		got, want := make([]float32, h*w*c), make([]float32, h*w*c)
		for i := range 10 {
			set.Picture(got, i, nil)
			if err := set.Preprocess().Apply(want, set.Original(i)); err != nil {
				t.Fatal(err)
			}
			for j := range got {
				if d := got[j] - want[j]; d > 1e-5 || d < -1e-5 {
					t.Fatalf("scene %d, number %d: %g as drawn, %g as a file", i, j, got[j], want[j])
				}
			}
		}
	}
}

// TestAugment: a digit that is changed stays in its cell, and in evaluation nothing changes.
func TestAugment(t *testing.T) {
	set := load(t, func(s *Source) { s.Augment = mnist.Augment{Shift: 2, Rotate: 10} })[data.Train]
	_, h, w, c := set.Shape()
	pictures := [3][]float32{}
	for k, r := range []*rand.Rand{nil, nil, rand.New(rand.NewPCG(1, 2))} {
		pictures[k] = make([]float32, h*w*c)
		set.Picture(pictures[k], 5, r)
	}
	if !slices.Equal(pictures[0], pictures[1]) {
		t.Error("without random numbers the picture changes")
	}
	if slices.Equal(pictures[0], pictures[2]) {
		t.Error("with random numbers the picture stays")
	}
}

func TestResized(t *testing.T) {
	s := Default()
	splits, err := s.Load(context.Background(), data.Options{Picture: picture.Preprocess{Size: 32, Channels: 1}})
	if err != nil {
		t.Fatal(err)
	}
	set := splits[data.Test].(*Set)
	if _, h, w, c := set.Shape(); h != 32 || w != 32 || c != 1 {
		t.Fatalf("shape %d×%d×%d", h, w, c)
	}
	pixels := make([]float32, 32*32)
	set.Picture(pixels, 0, nil)
	if slices.Max(pixels) <= slices.Min(pixels) {
		t.Error("the picture is empty")
	}
}

// TestOutline compares with the definition.
func TestOutline(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var src, got [mnist.Pixels]byte
	for i := range src {
		src[i] = byte(r.IntN(256))
	}
	outline(&got, &src)
	for y := range Side {
		for x := range Side {
			high, low := byte(0), byte(255)
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					v := byte(0)
					if uint(y+dy) < Side && uint(x+dx) < Side {
						v = src[(y+dy)*Side+x+dx]
					}
					high, low = max(high, v), min(low, v)
				}
			}
			if got[y*Side+x] != high-low {
				t.Fatalf("(%d, %d): %d, want %d", x, y, got[y*Side+x], high-low)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Source){
		`name is "x"`:                func(s *Source) { s.Name = "x" },
		"grid is 5":                  func(s *Source) { s.Grid = 5 },
		"train is 0":                 func(s *Source) { s.Train = 0 },
		"validation is -1":           func(s *Source) { s.Validation = -1 },
		"test is -1":                 func(s *Source) { s.Test = -1 },
		"held_out_pairs is 15":       func(s *Source) { s.HeldOutPairs = 15 },
		"held_out_pairs is 50":       func(s *Source) { s.HeldOutPairs = 50 },
		"held_out_places is 3":       func(s *Source) { s.HeldOutPlaces = 3 },
		"held_out_places is 20":      func(s *Source) { s.HeldOutPlaces = 20 },
		"held_out_places is 4 and":   func(s *Source) { s.HeldOutPlaces, s.HeldOutPairs = 4, 10 },
		"held_out_caption is 4":      func(s *Source) { s.HeldOutCaption = 4 },
		"relations is 1.5":           func(s *Source) { s.Relations = 1.5 },
		`kinds names "how"`:          func(s *Source) { s.Kinds = []string{"how"} },
		"gray is 1":                  func(s *Source) { s.Gray = 1 },
		"languages is empty":         func(s *Source) { s.Languages = nil },
		`the language is "fr"`:       func(s *Source) { s.Languages = []string{"en", "fr"} },
		`languages names "en" twice`: func(s *Source) { s.Languages = []string{"en", "en"} },
		"augment.shift is -1":        func(s *Source) { s.Augment.Shift = -1 },
	} {
		s := Default()
		change(s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if _, err := s.Load(context.Background(), data.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load: error %v", err)
		}
	}
}

// TestVocabulary: a tokenizer of the vocabulary knows every word that is said, of grids of any size.
func TestVocabulary(t *testing.T) {
	for _, languages := range [][]string{{"en"}, {"zh"}, Languages()} {
		words := text.NewWords(load(t, func(s *Source) { s.Languages = languages })[data.Test].Vocabulary())
		for _, grid := range []int{2, 3, 4} {
			set := load(t, func(s *Source) { s.Grid, s.Languages = grid, languages })[data.Train]
			for i := range 200 {
				said := set.Captions(i)
				for _, q := range append(set.Questions(i, 10, nil), set.Dialogue(i, nil)...) {
					said = append(said, q.Text, q.Answer)
				}
				for _, s := range said {
					ids, err := words.Encode(s)
					if err != nil {
						t.Fatal(err)
					}
					if again, err := words.Encode(words.Decode(ids)); err != nil || !slices.Equal(again, ids) {
						t.Fatalf("%q is decoded to %q, %v", s, words.Decode(ids), err)
					}
				}
			}
		}
		t.Logf("%v: %d tokens", languages, words.VocabSize())
	}
}
