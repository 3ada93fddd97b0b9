package text

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gomm/mmlib/internal/check"
)

func captions() []string {
	return []string{"a photo of the digit seven.", "a handwritten t-shirt", "手写数字七", "一张数字七的照片", "T恤的图片"}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                       nil,
		" \t\n　":                 nil,
		"a Photo, of 28 pixels.": {"a", "photo", ",", "of", "28", "pixels", "."},
		"t-shirt":                {"t", "-", "shirt"},
		"手写数字七":                  {"手", "写", "数", "字", "七"},
		"一张T恤 的照片。":              {"一", "张", "t", "恤", "的", "照", "片", "。"},
		"〇":                      {"〇"},
		"e\u0301t\u00e9":         {"e\u0301t\u00e9"},
		"a\xffb":                 {"a", "\ufffd", "b"},
	} {
		if got := split(text); !slices.Equal(got, want) {
			t.Errorf("split(%q) is %q, want %q", text, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	w := NewWords([]string{"a seven", "七"}) // ids 2 a, 3 seven, 4 七, 5 end of text
	if w.VocabSize() != 6 || w.end() != 5 {
		t.Errorf("%d ids, end of text %d; want 6 and 5", w.VocabSize(), w.end())
	}
	for _, test := range []struct {
		text   string
		length int
		want   []int32
	}{
		{"a seven", 6, []int32{1, 2, 3, 5, 0, 0}},
		{"A  SEVEN ", 4, []int32{1, 2, 3, 5}},
		{"七七a", 5, []int32{1, 4, 4, 2, 5}},
		{"", 3, []int32{1, 5, 0}},
	} {
		if got, err := Fixed(w, test.text, test.length, Refuse); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("Encode(%q, %d) is %v (%v), want %v", test.text, test.length, got, err, test.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	w := NewWords(captions())
	_, err := Fixed(w, "a photo of", 4, Refuse)
	check.Error(t, err, `"a photo of"`, "5 tokens", "at most 4", "shorten")
	for _, length := range []int{1, 0, -3} {
		_, err = Fixed(w, "", length, Refuse)
		check.Error(t, err, "2 tokens")
	}
	_, err = Fixed(w, "a purple 七 zebra", 16, Refuse)
	check.Error(t, err, `"purple", "zebra"`, "not trained on", "seven")

	var many []string
	for r := 'a'; r <= 'z'; r++ {
		for s := 'a'; s <= 'z'; s++ {
			many = append(many, string(r)+string(s))
		}
	}
	if _, err := NewWords(many).Encode("x"); err == nil || len(err.Error()) > 600 || !strings.Contains(err.Error(), "676 in all") {
		t.Errorf("with a large vocabulary the error is %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	w := NewWords(captions())
	for _, text := range append(captions(), "a seven 七 of", "T恤", "the digit 七.") {
		ids, err := Fixed(w, text, 20, Refuse)
		check.Must(t, err)
		back := w.Decode(ids)
		again, err := Fixed(w, back, 20, Refuse)
		check.Must(t, err)
		if !slices.Equal(ids, again) {
			t.Errorf("%q comes back as %q, which has other tokens", text, back)
		}
	}
	for text, want := range map[string]string{
		"A photo  of the DIGIT seven .": "a photo of the digit seven.",
		"手写 数字 七":                       "手写数字七",
		"一张 T恤 的照片":                     "一张t恤的照片",
	} {
		ids, err := Fixed(w, text, 20, Refuse)
		check.Must(t, err)
		if got := w.Decode(ids); got != want {
			t.Errorf("%q comes back as %q, want %q", text, got, want)
		}
	}
	if got := w.Decode([]int32{-5, 0, 1, w.end(), w.end() + 9}); got != "" {
		t.Errorf("special and impossible ids decode to %q", got)
	}
}

func TestLongest(t *testing.T) {
	w := NewWords([]string{"a", "手写数字七"})
	if got, err := Longest(w, []string{"a", "手写数字七", ""}); got != 7 || err != nil {
		t.Errorf("the longest has %d tokens (%v), want 7", got, err)
	}
	if got, err := Longest(w, nil); got != 2 || err != nil {
		t.Errorf("the longest of none has %d tokens (%v), want start and end", got, err)
	}
	_, err := Longest(w, []string{"a", "zebra"})
	check.Error(t, err, "zebra")
}

func TestCut(t *testing.T) {
	w := NewWords([]string{"a b c"}) // ids 2 a, 3 b, 4 c, 5 end
	for length, want := range map[int][]int32{2: {1, 5}, 4: {1, 2, 3, 5}, 5: {1, 2, 3, 4, 5}, 6: {1, 2, 3, 4, 5, 0}} {
		if got, err := Fixed(w, "a b c", length, Cut); err != nil || !slices.Equal(got, want) {
			t.Errorf("cut to %d: %v (%v), want %v", length, got, err, want)
		}
	}
	_, err := Fixed(w, "a", 1, Cut)
	check.Error(t, err, "at most 1")
}

// TestSpecial: special tokens stand between the start and the words, in the file too, and are not decoded.
func TestSpecial(t *testing.T) {
	w := NewWords([]string{"a"}, Mask, "separator")
	data, err := File(w)
	check.Must(t, err)
	read, err := Read(data)
	check.Must(t, err)
	for _, w := range []Tokenizer{w, read} {
		for name, want := range map[string]int32{Pad: 0, Start: 1, Mask: 2, "separator": 3, End: 5} {
			if id, ok := w.Special(name); !ok || id != want {
				t.Errorf("the special token %s is %d, %v; want %d", name, id, ok, want)
			}
		}
		if _, ok := w.Special("unknown"); ok || w.VocabSize() != 6 || w.Decode([]int32{2, 4, 3}) != "a" {
			t.Errorf("special %v, %d ids, decoded %q", ok, w.VocabSize(), w.Decode([]int32{2, 4, 3}))
		}
	}
	_, err = Read([]byte(`{"type":"bpe"}`))
	check.Error(t, err, `"bpe"`, `"words"`)
	_, err = Read([]byte("\x00"))
	check.Error(t, err, "not a tokenizer's file")
}

func TestJSON(t *testing.T) {
	w := NewWords(captions())
	data, err := json.Marshal(w)
	check.Must(t, err)
	var back Words
	check.Must(t, json.Unmarshal(data, &back))
	if !slices.Equal(back.words, w.words) || back.VocabSize() != w.VocabSize() {
		t.Errorf("read %q, wrote %q", back.words, w.words)
	}
	for _, caption := range captions() {
		a, err := Fixed(w, caption, 20, Refuse)
		check.Must(t, err)
		b, err := Fixed(&back, caption, 20, Refuse)
		if err != nil || !slices.Equal(a, b) {
			t.Errorf("%q has ids %v (%v) after reading, %v before", caption, b, err, a)
		}
	}
	for text, words := range map[string][]string{
		``:                                       {"JSON"},
		`null`:                                   {`type is ""`},
		`[]`:                                     {"not a tokenizer's file"},
		`{"type":"bpe","words":["a"]}`:           {`type is "bpe"`, `"words"`},
		`{"type":"words","words":["a"`:           {"JSON"},
		`{"type":"words","words":[3]}`:           {"not a tokenizer's file"},
		`{"type":"words","words":[""]}`:          {"entry 0", `""`},
		`{"type":"words","words":["a","A b"]}`:   {"entry 1", `"A b"`},
		`{"type":"words","words":["A"]}`:         {"entry 0", `"A"`},
		`{"type":"words","words":["七七"]}`:        {"entry 0", `"七七"`},
		`{"type":"words","words":["a","b","a"]}`: {`"a"`, "twice"},
	} {
		kept := NewWords([]string{"kept"})
		if err := json.Unmarshal([]byte(text), kept); err == nil {
			t.Errorf("%s is read without an error", text)
		} else if err := kept.UnmarshalJSON([]byte(text)); err != nil && words[0] != "JSON" {
			check.Error(t, err, words...)
		}
		if kept.VocabSize() != 4 {
			t.Errorf("%s changed the tokenizer, though it was refused", text)
		}
	}
}

// TestEveryRune: whatever a text holds, its tokens split into themselves. A vocabulary could not be built of others.
func TestEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for _, token := range split(string(r)) {
			if again := split(token); len(again) != 1 || again[0] != token {
				t.Fatalf("%U gives the token %q, which splits into %q", r, token, again)
			}
		}
	}
}

// FuzzWords: a vocabulary made of any text encodes it, decodes it to the same tokens, and survives its file.
func FuzzWords(f *testing.F) {
	for _, caption := range append(captions(), "", "\xff\xfe", "İstanbul ǅ ß", "a\u0301 \u0301七", "１２ 〇々", "\u2028\u200d") {
		f.Add(caption)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := NewWords([]string{text})
		length, err := Longest(w, []string{text})
		check.Must(t, err)
		ids, err := Fixed(w, text, length, Refuse)
		check.Must(t, err)
		if ids[0] != startID || ids[length-1] != w.end() || slices.Max(ids) != int32(w.VocabSize()-1) {
			t.Fatalf("%q has ids %v: want start, end and nothing above", text, ids)
		}
		if got := split(w.Decode(ids)); !slices.Equal(got, split(text)) {
			t.Fatalf("%q comes back as %q", split(text), got)
		}
		data, err := json.Marshal(w)
		check.Must(t, err)
		var back Words
		check.Must(t, json.Unmarshal(data, &back))
		if !slices.Equal(back.words, w.words) {
			t.Fatalf("read %q, wrote %q", back.words, w.words)
		}
	})
}

// FuzzUnmarshalJSON: any file is either refused or a tokenizer that works.
func FuzzUnmarshalJSON(f *testing.F) {
	for _, text := range []string{`{"type":"words","words":["a","七"]}`, `{"type":"words"}`, `null`, `{"type":"words","words":["\ud800"]}`,
		`{"words":[{}]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var w Words
		if json.Unmarshal(data, &w) != nil {
			return
		}
		for i, word := range w.words {
			ids, err := w.Encode(word)
			if err != nil || ids[0] != w.first()+int32(i) || w.Decode(ids) != word {
				t.Fatalf("word %d, %q, has ids %v (%v) and comes back as %q", i, word, ids, err, w.Decode(ids))
			}
		}
	})
}
