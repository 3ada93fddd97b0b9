package text

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The ids that every Words vocabulary begins with. Further special tokens follow, then the words; the end is the last id, so
// that it is the largest of a text, by which CLIP's text tower finds it.
const (
	padID   = 0
	startID = 1
	special = 2
)

// wordsType is the type that the file of a Words names.
const wordsType = "words"

// Words is a [Tokenizer] whose tokens are lower-case words, single Chinese characters and punctuation marks.
type Words struct {
	extra []string // special tokens besides padding, start and end
	words []string
	ids   map[string]int32 // of the words
}

// NewWords builds the vocabulary of the given texts, in alphabetical order. It has the special tokens [Pad], [Start], [End]
// and those that are named besides, such as [Mask].
func NewWords(texts []string, specials ...string) *Words {
	var words []string
	for _, t := range texts {
		words = append(words, split(t)...)
	}
	slices.Sort(words)
	w, _ := fromLists(specials, slices.Compact(words)) // sorted and compacted: no duplicates to refuse
	return w
}

func fromLists(extra, words []string) (*Words, error) {
	w := &Words{extra: extra, words: words, ids: make(map[string]int32, len(words))}
	for i, word := range words {
		if tokens := split(word); len(tokens) != 1 || tokens[0] != word {
			return nil, fmt.Errorf("text: vocabulary entry %d, %q, is not one lower-case word, Chinese character or mark", i, word)
		}
		if _, twice := w.ids[word]; twice {
			return nil, fmt.Errorf("text: the vocabulary holds %q twice", word)
		}
		w.ids[word] = w.first() + int32(i)
	}
	return w, nil
}

// first is the id of the first word.
func (w *Words) first() int32 { return int32(special + len(w.extra)) }

// end is the id of the end of text, the largest of the vocabulary.
func (w *Words) end() int32 { return w.first() + int32(len(w.words)) }

// VocabSize implements [Tokenizer]: the words and the special tokens.
func (w *Words) VocabSize() int { return int(w.end()) + 1 }

// Special implements [Tokenizer].
func (w *Words) Special(name string) (id int32, ok bool) {
	switch name {
	case Pad:
		return padID, true
	case Start:
		return startID, true
	case End:
		return w.end(), true
	}
	if i := slices.Index(w.extra, name); i >= 0 {
		return int32(special + i), true
	}
	return 0, false
}

// Encode implements [Tokenizer]. Words that the vocabulary lacks are an error that names all of them.
func (w *Words) Encode(text string) ([]int32, error) {
	tokens := split(text)
	ids := make([]int32, len(tokens))
	var unknown []string
	for i, token := range tokens {
		id, ok := w.ids[token]
		if quoted := fmt.Sprintf("%q", token); !ok && !slices.Contains(unknown, quoted) {
			unknown = append(unknown, quoted)
		}
		ids[i] = id
	}
	if unknown != nil {
		return nil, fmt.Errorf("text: %q has words that the model was not trained on: %s; its vocabulary is %s",
			clip(text), list(unknown), w.excerpt())
	}
	return ids, nil
}

// list joins words for a message: the first ones, and how many more there are.
func list(words []string) string {
	const most = 12
	if len(words) > most {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", len(words)-most)
	}
	return strings.Join(words, ", ")
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
	spaced := false // the next word takes a space before it
	for _, id := range ids {
		if id < w.first() || id >= w.end() {
			continue
		}
		word := w.words[id-w.first()]
		r := []rune(word)[0]
		if spaced && isWord(r) {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		spaced = !unicode.Is(unicode.Han, r)
	}
	return b.String()
}

// MarshalJSON writes the vocabulary, which is all that a Words is.
func (w *Words) MarshalJSON() ([]byte, error) {
	return json.Marshal(file{Type: wordsType, Special: w.extra, Words: w.words})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Words) UnmarshalJSON(data []byte) error {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("text: not a tokenizer's file: %w", err)
	}
	if f.Type != wordsType {
		return fmt.Errorf("text: the tokenizer's type is %q, not %q", f.Type, wordsType)
	}
	read, err := fromLists(f.Special, f.Words)
	if err != nil {
		return err
	}
	*w = *read
	return nil
}

type file struct {
	Type    string   `json:"type"`
	Special []string `json:"special,omitempty"`
	Words   []string `json:"words"`
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

// isWord reports whether r is part of a longer word: a letter, digit or joining mark, but not a Chinese character.
func isWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) && !unicode.Is(unicode.Han, r)
}
