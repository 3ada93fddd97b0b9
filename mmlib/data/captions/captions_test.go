package captions

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"gomm/mmlib/internal/check"
)

// pictures are examples of which only the class counts; example i is of class i mod classes.
type pictures struct{ n, classes int }

func (p pictures) Len() int                                     { return p.n }
func (p pictures) Class(i int) int                              { return i % p.classes }
func (p pictures) Shape() (frames, height, width, channels int) { return 1, 4, 4, 1 }
func (p pictures) Picture(dst []float32, i int, _ *rand.Rand)   { dst[0] = float32(i) }

// three classes with two templates in English and one in Chinese.
func three() Classes {
	return Classes{
		{Language: "en", Names: []string{"cat", "dog", "cow"}, Templates: []string{"a photo of a %s", "one %s"}},
		{Language: "zh", Names: []string{"猫", "狗", "牛"}, Templates: []string{"一只%s的照片"}},
	}
}

// number encodes a caption as its number among those of three.
func number(caption string) ([]int32, error) {
	var all []string
	for _, v := range three() {
		all = append(all, slices.Concat(v.Prompts()...)...)
	}
	i := slices.Index(all, caption)
	if i < 0 {
		return nil, fmt.Errorf("%q is no caption", caption)
	}
	return []int32{int32(i)}, nil
}

// TestByClass: no caption comes twice in a batch, each picture's is of its class, groups are what the sharing says, and
// many batches use all captions.
func TestByClass(t *testing.T) {
	examples := []int{5, 0, 3, 3, 8, 1, 2, 7, 20, 19, 6}
	classOf := []int{0, 0, 1, 1, 2, 2, 0, 1, 2} // of caption number i
	for _, sharing := range []string{SharePairs, ShareCaptions, ShareMeanings} {
		p, err := ByClass(pictures{21, 3}, three(), Settings{Languages: []string{"en", "zh"}, PerBatch: 6, Sharing: sharing}, number)
		check.Must(t, err)
		used := map[int32]bool{}
		for seed := range uint64(20) {
			ids, own, group := p.Texts(examples, rand.New(rand.NewPCG(seed, 1)))
			if len(ids) != 6 {
				t.Fatalf("%d texts in a batch, want 6", len(ids))
			}
			different := map[int32]bool{}
			for _, row := range ids {
				different[row[0]], used[row[0]] = true, true
			}
			if len(different) != 6 {
				t.Errorf("the captions of a batch repeat: %v", ids)
			}
			for n, i := range examples {
				if class := classOf[ids[own[n]][0]]; class != i%3 {
					t.Errorf("example %d of class %d has a caption of class %d", i, i%3, class)
				}
				want := map[string]int{SharePairs: n, ShareCaptions: int(own[n]), ShareMeanings: i % 3}[sharing]
				if int(group[n]) != want {
					t.Errorf("sharing %s: example %d is in group %d, want %d", sharing, i, group[n], want)
				}
			}
		}
		if len(used) != len(classOf) {
			t.Errorf("20 batches used %d of the %d captions", len(used), len(classOf))
		}
	}
}

func TestByClassRefuses(t *testing.T) {
	good := Settings{Languages: []string{"en", "zh"}, PerBatch: 6, Sharing: ShareMeanings}
	for _, test := range []struct {
		words    []string
		spoil    func(s *Settings)
		pictures pictures
		encode   Encode
	}{
		{[]string{"data.captions.languages is empty"}, func(s *Settings) { s.Languages = nil }, pictures{3, 3}, number},
		{[]string{`language "fr"`, "en, zh"}, func(s *Settings) { s.Languages = []string{"fr"} }, pictures{3, 3}, number},
		{[]string{"two vocabularies", `"en"`}, func(s *Settings) { s.Languages = []string{"en", "en"} }, pictures{3, 3}, number},
		{[]string{`data.captions.sharing is "words"`, `"meanings"`}, func(s *Settings) { s.Sharing = "words" }, pictures{3, 3}, number},
		{[]string{"per_batch is 4", "multiple of the 3 classes"}, func(s *Settings) { s.PerBatch = 4 }, pictures{3, 3}, number},
		{[]string{"per_batch is 0", "multiple of the 3 classes"}, func(s *Settings) { s.PerBatch = 0 }, pictures{3, 3}, number},
		{[]string{"per_batch is -3", "at least 0"}, func(s *Settings) { s.PerBatch = -3 }, pictures{3, 3}, number},
		{[]string{"per_batch is 12, 4 for each class", "class 0 has only 3"}, func(s *Settings) { s.PerBatch = 12 }, pictures{3, 3}, number},
		{[]string{"example 3 has class 3", "3 classes"}, func(*Settings) {}, pictures{5, 5}, number},
		{[]string{"too long"}, func(*Settings) {}, pictures{3, 3}, func(string) ([]int32, error) { return nil, errors.New("too long") }},
	} {
		s := good
		test.spoil(&s)
		_, err := ByClass(test.pictures, three(), s, test.encode)
		check.Error(t, err, test.words...)
	}
}

// letters encodes a text as its letters.
func letters(s string) ([]int32, error) {
	if s == "unknown" {
		return nil, errors.New("unknown words")
	}
	return []int32{int32(s[0]), int32(len(s))}, nil
}

// TestEach: a batch draws one caption of each picture, and groups what says the same.
func TestEach(t *testing.T) {
	texts := [][]string{{"red", "rouge"}, {"blue"}, {"red"}}
	meanings := []int32{7, 8, 7}
	batch := []int{0, 1, 2, 0}
	for name, test := range map[string]struct {
		sharing  string
		meanings []int32
		check    func(drawn []string, group []int32) bool
	}{
		"plain": {SharePairs, meanings, func(_ []string, g []int32) bool { return reflect.DeepEqual(g, []int32{0, 1, 2, 3}) }},
		"equal captions": {ShareCaptions, meanings, func(d []string, g []int32) bool {
			return (g[0] == g[2]) == (d[0] == d[2]) && (g[0] == g[3]) == (d[0] == d[3]) && g[1] != g[0] && g[1] != g[2]
		}},
		"meanings": {ShareMeanings, meanings, func(_ []string, g []int32) bool { return reflect.DeepEqual(g, []int32{7, 8, 7, 7}) }},
		"no meanings": {ShareMeanings, nil, func(d []string, g []int32) bool {
			return (g[0] == g[2]) == (d[0] == d[2]) && g[1] != g[0]
		}},
	} {
		p, err := Each(pictures{3, 3}, texts, test.meanings, test.sharing, letters)
		check.Must(t, err)
		seen := map[string]bool{}
		for seed := range uint64(20) {
			ids, own, group := p.Texts(batch, rand.New(rand.NewPCG(seed, 1)))
			if !reflect.DeepEqual(own, []int32{0, 1, 2, 3}) || len(ids) != len(batch) {
				t.Fatalf("%s: %d texts, of the examples %v", name, len(ids), own)
			}
			drawn := make([]string, len(ids))
			for n, row := range ids {
				for _, text := range texts[batch[n]] {
					if want, _ := letters(text); slices.Equal(want, row) {
						drawn[n] = text
					}
				}
				if drawn[n] == "" {
					t.Fatalf("%s: example %d has a caption that is not its own: %v", name, batch[n], row)
				}
				seen[drawn[n]] = true
			}
			if !test.check(drawn, group) {
				t.Errorf("%s: the captions %q are in the groups %v", name, drawn, group)
			}
		}
		if len(seen) != 3 {
			t.Errorf("%s: 20 batches drew %d of the 3 captions", name, len(seen))
		}
	}
}

func TestEachRefuses(t *testing.T) {
	each := func(texts [][]string, meanings []int32, sharing string) error {
		_, err := Each(pictures{2, 2}, texts, meanings, sharing, letters)
		return err
	}
	check.Error(t, each([][]string{{"a"}}, nil, SharePairs), "2 pictures and captions for 1")
	check.Error(t, each([][]string{{"a"}, {"b"}}, []int32{1}, SharePairs), "2 pictures and 1 meanings")
	check.Error(t, each([][]string{{"a"}, {}}, nil, SharePairs), "example 1 has no caption")
	check.Error(t, each([][]string{{" "}, {"b"}}, nil, SharePairs), "example 0 has an empty caption")
	check.Error(t, each([][]string{{"a"}, {"unknown"}}, nil, SharePairs), "example 1", "unknown words")
	check.Error(t, each([][]string{{"a"}, {"b"}}, nil, "groups"), `sharing is "groups"`)
}

// TestFile: classes.json comes back as it was written, and what is none is refused.
func TestFile(t *testing.T) {
	file, err := three().File()
	check.Must(t, err)
	back, err := Read(file)
	check.Must(t, err)
	if !reflect.DeepEqual(back, three()) {
		t.Errorf("read %v, want %v", back, three())
	}
	for text, words := range map[string]string{
		``:                                 "not a file of class names",
		`{}`:                               "not a file of class names",
		`[]`:                               "no class names in any language",
		`[{"names":["a"]}]`:                "vocabulary 0 has no language",
		`[{"language":"en"}]`:              `0 class names in the language "en"`,
		`[{"language":"en","names":[""]}]`: "empty name",
		`[{"language":"en","names":["a"],"colour":1}]`:                          "colour",
		`[{"language":"en","names":["a"]},{"language":"zh","names":["b","c"]}]`: `2 class names in the language "zh", 1 in "en"`,
		`[{"language":"en","names":["a"]},{"language":"en","names":["b"]}]`:     "two vocabularies",
		`[{"language":"en","names":["a"],"templates":["a photo"]}]`:             "%s once",
		`[{"language":"en","names":["a"],"templates":["%s and %s"]}]`:           "%s once",
	} {
		_, err := Read([]byte(text))
		check.Error(t, err, words)
	}
}

func TestNames(t *testing.T) {
	if got := three().Names(); !slices.Equal(got, []string{"cat", "dog", "cow"}) {
		t.Errorf("the names are %q", got)
	}
	if got := three()[1:].Names(); !slices.Equal(got, []string{"猫", "狗", "牛"}) {
		t.Errorf("without English the names are %q", got)
	}
	if got := (Classes{}).Names(); got != nil {
		t.Errorf("of no classes the names are %q", got)
	}
}

// TestDrawn: texts are drawn when a batch is made, and examples of the same meaning are a group.
func TestDrawn(t *testing.T) {
	all := three()
	caption := func(i int, r *rand.Rand) string {
		if r == nil || r.IntN(2) == 0 {
			return all[0].Prompts()[i%3][0]
		}
		return all[1].Prompts()[i%3][0]
	}
	meaning := func(i int) string { return all[0].Names[i%3] }
	p, err := Drawn(pictures{9, 3}, caption, meaning, number)
	check.Must(t, err)
	examples := []int{4, 0, 7, 3, 4}
	ids, own, group := p.Texts(examples, rand.New(rand.NewPCG(1, 1)))
	again, _, _ := p.Texts(examples, rand.New(rand.NewPCG(1, 1)))
	if !reflect.DeepEqual(ids, again) || !slices.Equal(own, []int32{0, 1, 2, 3, 4}) || !slices.Equal(group, []int32{0, 1, 0, 1, 0}) {
		t.Errorf("the ids are %v and %v, own texts %v, groups %v", ids, again, own, group)
	}
	drawn := map[int32]bool{}
	for seed := range uint64(20) {
		ids, _, _ := p.Texts([]int{1}, rand.New(rand.NewPCG(seed, 1)))
		drawn[ids[0][0]] = true
	}
	if len(drawn) != 2 {
		t.Errorf("of two captions of an example %v are drawn", drawn)
	}
	_, err = Drawn(pictures{9, 3}, func(int, *rand.Rand) string { return "a bird" }, meaning, number)
	check.Error(t, err, `"a bird" is no caption`)
}
