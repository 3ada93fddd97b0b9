package text

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/internal/check"
)

// damaged is a tokenizer's file of the bytes, one merge and two special tokens, with pieces of it replaced: old, new, old, new.
// One piece alone adds nothing: the file is whole.
func damaged(t testing.TB, change ...string) string {
	t.Helper()
	b, err := TrainBPE(slices.Values([]string{"ab ab"}), BPEOptions{VocabSize: 259, Special: []string{Pad, End}})
	check.Must(t, err)
	file, err := File(b)
	check.Must(t, err)
	text := string(file)
	for i := 1; i < len(change); i += 2 {
		if !strings.Contains(text, change[i-1]) {
			t.Fatalf("the file lacks %s, which was to be replaced", change[i-1])
		}
		text = strings.Replace(text, change[i-1], change[i], 1)
	}
	return text
}

const mergeAB = `[["a","b"]]`

var damages = []struct {
	name   string
	change []string
	words  []string // of the error; nil: the file is read
}{
	{"whole", nil, nil},
	{"merges as texts", []string{mergeAB, `["a b"]`}, nil},
	{"early: no type, no use_regex, empty prefix", []string{`"type":"BPE",`, ``, `,"use_regex":true`, ``,
		`"continuing_subword_prefix":null`, `"continuing_subword_prefix":""`}, nil},
	{"post_processor", []string{`"post_processor":null`, `"post_processor":{"type":"ByteLevel","trim_offsets":false}`}, nil},
	{"added after the vocabulary", []string{`"special":true}]`, `"special":true},{"id":259,"content":"<new>","special":true}]`}, nil},
	{"no merges", []string{mergeAB, `[]`}, nil},

	{"cut off", []string{`}]`, ``}, []string{"not a tokenizer's file"}},
	{"version", []string{`"1.0"`, `"2.0"`}, []string{`"2.0"`, `"1.0"`}},
	{"truncation", []string{`"truncation":null`, `"truncation":{"max_length":77}`}, []string{"truncation", "without"}},
	{"padding", []string{`"padding":null`, `"padding":{}`}, []string{"padding"}},
	{"normalizer", []string{`"normalizer":null`, `"normalizer":{"type":"NFC"}`}, []string{"normalizer", `"NFC"`, "without"}},
	{"pre_tokenizer", []string{`"pre_tokenizer":{"type":"ByteLevel"`, `"pre_tokenizer":{"type":"Metaspace"`},
		[]string{"pre_tokenizer", `"Metaspace"`, `"ByteLevel"`}},
	{"no pre_tokenizer", []string{`"pre_tokenizer"`, `"none"`}, []string{"no pre_tokenizer", `"ByteLevel"`}},
	{"add_prefix_space", []string{`"add_prefix_space":false`, `"add_prefix_space":true`}, []string{"add_prefix_space false"}},
	{"use_regex", []string{`"use_regex":true`, `"use_regex":false`}, []string{"use_regex true"}},
	{"post_processor of another type", []string{`"post_processor":null`, `"post_processor":{"type":"TemplateProcessing","single":[]}`},
		[]string{"post_processor", `"TemplateProcessing"`, "Fixed"}},
	{"decoder", []string{`"decoder":{"type":"ByteLevel"`, `"decoder":{"type":"WordPiece"`}, []string{"decoder", `"WordPiece"`}},
	{"model", []string{`"type":"BPE"`, `"type":"WordPiece"`}, []string{`"WordPiece"`, `"BPE"`}},
	{"model of another form", []string{`"model":{"type":"BPE"`, `"model":{"type":"Unigram","vocab":[["a",-1.5]]},"old":{"a":"b"`},
		[]string{`"Unigram"`, `"BPE"`}},
	{"no type, no merges", []string{`"type":"BPE",`, ``, `"merges"`, `"other"`}, []string{`type ""`}},
	{"dropout", []string{`"dropout":null`, `"dropout":0.1`}, []string{"dropout"}},
	{"unk_token", []string{`"unk_token":null`, `"unk_token":"<unk>"`}, []string{"unk_token"}},
	{"prefix", []string{`"continuing_subword_prefix":null`, `"continuing_subword_prefix":"##"`}, []string{"continuing_subword_prefix"}},
	{"suffix", []string{`"end_of_word_suffix":null`, `"end_of_word_suffix":"</w>"`}, []string{"end_of_word_suffix"}},
	{"fuse_unk", []string{`"fuse_unk":false`, `"fuse_unk":true`}, []string{"fuse_unk"}},
	{"byte_fallback", []string{`"byte_fallback":false`, `"byte_fallback":true`}, []string{"byte_fallback"}},
	{"ignore_merges", []string{`"ignore_merges":false`, `"ignore_merges":true`}, []string{"ignore_merges"}},

	{"two of one id", []string{`"ab":258`, `"ab":257`}, []string{`"Ń"`, `"ab"`, "both have the id 257"}},
	{"hole", []string{`"ab":258`, `"ab":300`}, []string{"no token has the id 258", `"ab" has 300`}},
	{"token twice", []string{`"ab":258`, `"ab":258,"!":259`}, []string{"no token has the id 2", "twice"}},
	{"negative", []string{`"ab":258`, `"ab":-3`}, []string{`"ab"`, "-3", "begin with 0"}},
	{"id too large", []string{`"ab":258`, `"ab":3000000000`}, []string{"vocabulary", "3000000000"}},
	{"id not a number", []string{`"ab":258`, `"ab":"x"`}, []string{"vocabulary", "string"}},
	{"no byte", []string{`"!":2`, `"!!":2`}, []string{"lacks the byte 0x21", `"!"`, "ByteLevel"}},
	{"no bytes at all", []string{`"vocab"`, `"old"`, `"added_tokens"`, `"old"`, mergeAB, `[]`}, []string{"lacks the byte 0x00"}},
	{"empty token", []string{`"ab":258`, `"":258`}, []string{"token 258", "empty"}},
	{"token of other letters", []string{`"ab":258`, `"a七":258`}, []string{"token 258", `"a七"`, "'七'"}},
	{"half a surrogate", []string{`"ab":258`, `"\ud800":258`}, []string{"token 258", "'�'"}},

	{"left unknown", []string{mergeAB, `[["七","b"]]`}, []string{"merge 0", `lacks "七"`}},
	{"right unknown", []string{mergeAB, `[["a","b"],["a","aa"]]`}, []string{"merge 1", `"aa"`}},
	{"joined unknown", []string{mergeAB, `[["a","b"],["b","a"]]`}, []string{"merge 1", `lacks "ba"`}},
	{"merge twice", []string{mergeAB, `[["a","b"],["a","b"]]`}, []string{"merges 0 and 1", `"a" and "b"`, "remove"}},
	{"merge of three", []string{mergeAB, `[["a","b","a"]]`}, []string{`["a","b","a"]`, "3 tokens", "two"}},
	{"merge of three in a text", []string{mergeAB, `["a b a"]`}, []string{`"a b a"`, "two"}},
	{"merge of one", []string{mergeAB, `["ab"]`}, []string{`"ab"`, "1 tokens"}},
	{"merge of nothing", []string{mergeAB, `[{}]`}, []string{"{}", "neither"}},

	{"added of another id", []string{`{"id":1,`, `{"id":9,`}, []string{`"<|endoftext|>"`, "id 9", "1 in the vocabulary"}},
	{"added with a hole", []string{`"special":true}]`, `"special":true},{"id":300,"content":"<new>","special":true}]`},
		[]string{`"<new>"`, "300", "259"}},
	{"added below zero", []string{`"special":true}]`, `"special":true},{"id":-300,"content":"<new>","special":true}]`}, []string{"-300"}},
	{"added, not special", []string{`"special":true`, `"special":false`}, []string{`"<pad>"`, "not special"}},
	{"added, lstrip", []string{`"lstrip":false`, `"lstrip":true`}, []string{`"<pad>"`, "lstrip"}},
	{"added, one normalized", []string{`"normalized":false`, `"normalized":true`}, []string{`"<|endoftext|>"`, "normalized"}},
	{"added, empty", []string{`"content":"<pad>"`, `"content":""`}, []string{"added token 0", "empty"}},
	{"special byte", []string{`"special":true}]`, `"special":true},{"id":66,"content":"a","special":true}]`},
		[]string{`special token "a"`, "0x61", "<a>"}},
	{"special word", []string{`"special":true}]`, `"special":true},{"id":258,"content":"ab","special":true}]`},
		[]string{"merge 0", `special token "ab"`, "<ab>"}},
}

func TestBPEReadRefuses(t *testing.T) {
	for _, test := range damages {
		t.Run(test.name, func(t *testing.T) {
			file := []byte(damaged(t, test.change...))
			read, err := Read(file)
			if test.words != nil {
				check.Error(t, err, append(test.words, "text: ")...)
				if read != nil {
					t.Error("there is a tokenizer, and an error")
				}
				kept := readBPE(t, []byte(damaged(t)))
				if json.Unmarshal(file, kept) == nil || kept.VocabSize() != 259 {
					t.Error("the file changed the tokenizer, though it was refused")
				}
				return
			}
			check.Must(t, err)
			if ids, err := read.Encode("ba"); err != nil || len(ids) != 2 || read.Decode(ids) != "ba" {
				t.Errorf("ids %v (%v)", ids, err)
			}
			if id, ok := read.Special("<new>"); ok && id != 259 {
				t.Errorf("the token behind the vocabulary is %d", id)
			}
			again, err := File(read)
			check.Must(t, err)
			if back := readBPE(t, again); back.VocabSize() != read.VocabSize() || len(back.merges) != len(read.(*BPE).merges) {
				t.Errorf("%d tokens come back as %d", read.VocabSize(), back.VocabSize())
			}
		})
	}
	for file, words := range map[string][]string{
		`{"model":null}`:               {`type ""`},
		`{"model":3}`:                  {"model"},
		`{"model":{}}`:                 {`type ""`, `"BPE"`},
		`{"model":{"type":"BPE"}}`:     {"version"},
		`{"type":"words","model":{}}`:  nil,
		`{"type":"other","model":{}}`:  {`"other"`, `"words"`, `"BPE"`},
		`{"version":"1.0","model":[]}`: {"model"},
	} {
		if _, err := Read([]byte(file)); words != nil {
			check.Error(t, err, words...)
		} else {
			check.Must(t, err)
		}
	}
}

func TestTrainBPERefuses(t *testing.T) {
	for name, test := range map[string]struct {
		options BPEOptions
		words   []string
	}{
		"no size":            {BPEOptions{}, []string{"0 tokens", "at least 256"}},
		"small":              {BPEOptions{VocabSize: 257, Special: []string{Pad, End}}, []string{"257 tokens", "at least 258", "2 special"}},
		"large":              {BPEOptions{VocabSize: 1 << 40}, []string{"1099511627776", "2³¹"}},
		"frequency":          {BPEOptions{VocabSize: 300, MinFrequency: -2}, []string{"-2", "negative"}},
		"twice":              {BPEOptions{VocabSize: 300, Special: []string{End, "<|endoftext|>"}}, []string{`"<|endoftext|>"`, "twice"}},
		"empty":              {BPEOptions{VocabSize: 300, Special: []string{""}}, []string{`""`, "<image>"}},
		"bytes":              {BPEOptions{VocabSize: 300, Special: []string{"<\xff>"}}, []string{`"<\xff>"`, "UTF-8"}},
		"word":               {BPEOptions{VocabSize: 300, Special: []string{"image"}}, []string{`"image"`, "<image>"}},
		"word with a space":  {BPEOptions{VocabSize: 300, Special: []string{" 图"}}, []string{`" 图"`}},
		"one mark":           {BPEOptions{VocabSize: 300, Special: []string{"###"}}, []string{`"###"`}},
		"spelling of 行":      {BPEOptions{VocabSize: 400, Special: []string{"è¡Į"}}, []string{"merge", `special token "è¡Į"`}},
		"spelling of a word": {BPEOptions{VocabSize: 400, Special: []string{"Ġimage"}}, []string{`"Ġimage"`}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := TrainBPE(slices.Values([]string{"an image", "行"}), test.options)
			check.Error(t, err, append(test.words, "text: ")...)
			if b != nil {
				t.Error("there is a tokenizer, and an error")
			}
		})
	}
}
