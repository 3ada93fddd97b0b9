// Package text turns text into token ids and back.
//
// [Words] is the tokenizer of the lessons: a token a word, a token a Chinese character, so that one can read a caption's
// ids. Sequences have CLIP's form: start of text, the tokens, end of text, then padding up to a fixed length. The end
// of text has the largest id of the vocabulary, as in CLIP, whose text tower finds it by argmax.
package text

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Tokenizer is what models and services need of any tokenizer.
type Tokenizer interface {
	// Encode gives length ids: start, the text's tokens, end, padding. A text that does not fit, or a word that the
	// vocabulary lacks, is an error that names it.
	Encode(text string, length int) ([]int32, error)
	// Decode gives the text of ids, without the special tokens.
	Decode(ids []int32) string
	// VocabSize is one more than the largest id.
	VocabSize() int
}

// The ids that every Words vocabulary has; the end of text is the last id.
const (
	padID   = 0
	startID = 1
	special = 2 // tokens before the first word
)

// Words is a tokenizer whose tokens are lower-case words, single Chinese characters and punctuation marks.
type Words struct {
	words []string
	ids   map[string]int32
}

// NewWords builds the vocabulary of the given texts, in alphabetical order.
func NewWords(texts []string) *Words {
	var words []string
	for _, t := range texts {
		words = append(words, split(t)...)
	}
	slices.Sort(words)
	w, _ := fromList(slices.Compact(words)) // sorted and compacted: no duplicates to refuse
	return w
}

func fromList(words []string) (*Words, error) {
	w := &Words{words: words, ids: make(map[string]int32, len(words))}
	for i, word := range words {
		if tokens := split(word); len(tokens) != 1 || tokens[0] != word {
			return nil, fmt.Errorf("text: vocabulary entry %d, %q, is not one lower-case word, Chinese character or mark", i, word)
		}
		if _, twice := w.ids[word]; twice {
			return nil, fmt.Errorf("text: %q stands in the vocabulary twice", word)
		}
		w.ids[word] = int32(special + i)
	}
	return w, nil
}

// VocabSize counts the words and the three special tokens.
func (w *Words) VocabSize() int { return special + len(w.words) + 1 }

// EndOfText is the id of the end-of-text token, the largest of the vocabulary.
func (w *Words) EndOfText() int32 { return int32(special + len(w.words)) }

// MaxLength is the longest of the texts in tokens, start and end of text included.
func MaxLength(texts []string) int {
	longest := 0
	for _, t := range texts {
		longest = max(longest, len(split(t))+2)
	}
	return longest
}

// Encode implements [Tokenizer].
func (w *Words) Encode(text string, length int) ([]int32, error) {
	tokens := split(text)
	if len(tokens)+2 > length {
		return nil, fmt.Errorf("text: %q has %d tokens with start and end of text, and the model reads at most %d: shorten it", text, len(tokens)+2, length)
	}
	ids := make([]int32, length) // padID is 0
	ids[0] = startID
	var unknown []string
	for i, token := range tokens {
		id, ok := w.ids[token]
		if !ok {
			unknown = append(unknown, fmt.Sprintf("%q", token))
		}
		ids[i+1] = id
	}
	if unknown != nil {
		return nil, fmt.Errorf("text: %q has words that the model was not trained on: %s; its vocabulary is %s", text, strings.Join(unknown, ", "), w.excerpt())
	}
	ids[len(tokens)+1] = w.EndOfText()
	return ids, nil
}

func (w *Words) excerpt() string {
	const most = 80
	if len(w.words) <= most {
		return strings.Join(w.words, " ")
	}
	return strings.Join(w.words[:most], " ") + fmt.Sprintf(" … (%d in all)", len(w.words))
}

// Decode implements [Tokenizer]: words with single spaces between them, none between Chinese characters or before a mark.
func (w *Words) Decode(ids []int32) string {
	var b strings.Builder
	spaced := false // whether the next word wants a space before it
	for _, id := range ids {
		if id < special || id >= w.EndOfText() {
			continue
		}
		word := w.words[id-special]
		r := []rune(word)[0]
		if spaced && isWord(r) {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		spaced = !unicode.Is(unicode.Han, r)
	}
	return b.String()
}

// MarshalJSON writes the vocabulary, which is all there is to a Words tokenizer.
func (w *Words) MarshalJSON() ([]byte, error) {
	return json.Marshal(file{Type: "words", Words: w.words})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Words) UnmarshalJSON(data []byte) error {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("text: not a tokenizer file: %w", err)
	}
	if f.Type != "words" {
		return fmt.Errorf("text: tokenizer type %q is unknown: this version reads \"words\"", f.Type)
	}
	read, err := fromList(f.Words)
	if err != nil {
		return err
	}
	*w = *read
	return nil
}

type file struct {
	Type  string   `json:"type"`
	Words []string `json:"words"`
}

// split cuts a text into lower-case words, Chinese characters and marks; white space separates and vanishes.
func split(text string) []string {
	var tokens []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			tokens = append(tokens, word.String())
			word.Reset()
		}
	}
	for _, r := range strings.ToLower(text) {
		switch {
		case isWord(r):
			word.WriteRune(r)
		case unicode.IsSpace(r):
			flush()
		default:
			flush()
			tokens = append(tokens, string(r))
		}
	}
	flush()
	return tokens
}

// isWord says whether r is part of a longer word: a letter, digit or joining mark that is no Chinese character.
func isWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) && !unicode.Is(unicode.Han, r)
}
