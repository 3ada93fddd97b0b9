// Package text turns text into token ids and back.
//
// A [Tokenizer] knows the tokens of a text and nothing else. What a model wants around them, a start, an end, padding up to
// a fixed length, is [Fixed]'s business, in CLIP's form:
//
//	start of text, the tokens, end of text, padding
//
// [Words] is the tokenizer of the lessons: one token for each word or Chinese character, so that one can read a caption's
// ids. [BPE] is the one of large models: it splits rare words into frequent pieces, so that it can express any text.
//
// A tokenizer is a file of the run that was trained with it; [Read] opens such a file, whatever its kind.
package text

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Tokenizer is what models and services need of any tokenizer.
type Tokenizer interface {
	// Encode returns the ids of a text's tokens, without special tokens. A text that the vocabulary cannot express is an
	// error that says why.
	Encode(text string) ([]int32, error)

	// Decode returns the text of ids, without special tokens.
	Decode(ids []int32) string

	// VocabSize is one more than the largest id.
	VocabSize() int

	// Special returns the id of a special token, such as [End], and reports whether the vocabulary has it.
	Special(name string) (id int32, ok bool)
}

// The names of special tokens.
const (
	Pad   = "pad"   // fills a text up to the length that a model reads
	Start = "start" // stands before a text
	End   = "end"   // stands behind a text
	Mask  = "mask"  // stands for a token that is to be guessed
)

// Truncate says what to do with a text that is too long.
type Truncate int

const (
	Refuse Truncate = iota // it is an error
	Cut                    // its last tokens are left out; the end token stays
)

// Fixed encodes a text for a model that reads sequences of one length: start, tokens, end, padding. Start and end are
// left out where the tokenizer has none. Padding is the tokenizer's [Pad], or else 0.
func Fixed(t Tokenizer, s string, length int, truncate Truncate) ([]int32, error) {
	ids, err := t.Encode(s)
	if err != nil {
		return nil, err
	}
	start, hasStart := t.Special(Start)
	end, hasEnd := t.Special(End)
	pad, _ := t.Special(Pad)
	frame := 0
	for _, has := range []bool{hasStart, hasEnd} {
		if has {
			frame++
		}
	}
	if room := length - frame; room < 0 || len(ids) > room && truncate == Refuse {
		return nil, fmt.Errorf("text: %q has %d tokens with start and end, and the model reads at most %d: shorten it", clip(s), len(ids)+frame,
			length)
	}
	fixed := make([]int32, 0, length)
	if hasStart {
		fixed = append(fixed, start)
	}
	fixed = append(fixed, ids[:min(len(ids), length-frame)]...)
	if hasEnd {
		fixed = append(fixed, end)
	}
	return append(fixed, slices.Repeat([]int32{pad}, length-len(fixed))...), nil
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// Longest is the length that [Fixed] needs for the longest of the texts.
func Longest(t Tokenizer, texts []string) (int, error) {
	longest := 0
	for _, s := range texts {
		ids, err := t.Encode(s)
		if err != nil {
			return 0, err
		}
		longest = max(longest, len(ids))
	}
	for _, name := range []string{Start, End} {
		if _, ok := t.Special(name); ok {
			longest++
		}
	}
	return longest, nil
}

// Read opens a tokenizer's file: what [File] wrote, or a tokenizer.json of Hugging Face's tokenizers with a byte-level [BPE].
func Read(file []byte) (Tokenizer, error) {
	var kind struct {
		Type  string          `json:"type"`
		Model json.RawMessage `json:"model"` // Hugging Face's files have it, and no type
	}
	if err := json.Unmarshal(file, &kind); err != nil {
		return nil, fmt.Errorf("text: not a tokenizer's file: %w", err)
	}
	var t interface {
		Tokenizer
		json.Unmarshaler
	}
	switch {
	case kind.Type == wordsType:
		t = new(Words)
	case kind.Type == "" && kind.Model != nil:
		t = new(BPE)
	default:
		return nil, fmt.Errorf("text: tokenizer type %q is unknown: this version reads %q, and a tokenizer.json of Hugging Face's "+
			"with a model %q", kind.Type, wordsType, "BPE")
	}
	if err := t.UnmarshalJSON(file); err != nil {
		return nil, err
	}
	return t, nil
}

// File returns what [Read] reads.
func File(t Tokenizer) ([]byte, error) {
	data, err := marshal(t)
	if err != nil {
		return nil, fmt.Errorf("text: writing the tokenizer: %w", err)
	}
	return append(data, '\n'), nil
}
