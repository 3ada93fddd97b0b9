package text

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// alphabet has the letters by which files spell bytes, GPT-2's: those that print stand for themselves, and the others, the space
// among them, for the letters from Ā on. So a token is a string without white space, even one that is not UTF-8.
var alphabet, letters = func() (alphabet [256]rune, letters map[rune]byte) {
	letters = map[rune]byte{}
	next := rune(256)
	for b := range alphabet {
		switch {
		case b >= '!' && b <= '~', b >= '¡' && b <= '¬', b >= '®':
			alphabet[b] = rune(b)
		default:
			alphabet[b] = next
			next++
		}
		letters[alphabet[b]] = byte(b)
	}
	return alphabet, letters
}()

// unspell returns the bytes that a file spells as token.
func unspell(token string) (string, error) {
	if token == "" {
		return "", errors.New("it is empty: remove it")
	}
	text := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := letters[r]
		if !ok {
			return "", fmt.Errorf("%q holds %q, which spells no byte: a token that is not special holds letters of ByteLevel alone",
				clip(token), r)
		}
		text = append(text, b)
	}
	return string(text), nil
}

// bpeFile is a tokenizer.json of Hugging Face's, as far as it says something of a byte-level BPE. The fields are in the order
// in which Hugging Face writes them.
type bpeFile struct {
	Version       string     `json:"version"`
	Truncation    any        `json:"truncation"`
	Padding       any        `json:"padding"`
	AddedTokens   []added    `json:"added_tokens"`
	Normalizer    *component `json:"normalizer"`
	PreTokenizer  *component `json:"pre_tokenizer"`
	PostProcessor *component `json:"post_processor"`
	Decoder       *component `json:"decoder"`
	Model         bpeModel   `json:"model"`
}

// added is a token that the model's merges know nothing of.
type added struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// component is a normalizer, pre-tokenizer, post-processor or decoder. Those that we know, ByteLevel, have these fields.
type component struct {
	Type           string `json:"type"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	TrimOffsets    *bool  `json:"trim_offsets"`
	UseRegex       *bool  `json:"use_regex"`
}

type bpeModel struct {
	Type         string         `json:"type"`
	Dropout      *float64       `json:"dropout"`
	Unknown      *string        `json:"unk_token"`
	Prefix       *string        `json:"continuing_subword_prefix"`
	Suffix       *string        `json:"end_of_word_suffix"`
	FuseUnknown  bool           `json:"fuse_unk"`
	ByteFallback bool           `json:"byte_fallback"`
	IgnoreMerges bool           `json:"ignore_merges"`
	Vocab        vocabulary     `json:"vocab"`
	Merges       []spelledMerge `json:"merges"`
}

// UnmarshalJSON implements [json.Unmarshaler]. It looks at the type before the rest, which other models have in other forms.
func (m *bpeModel) UnmarshalJSON(data []byte) error {
	var kind struct {
		Type   string          `json:"type"`
		Merges json.RawMessage `json:"merges"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return err
	}
	if kind.Type != "BPE" && (kind.Type != "" || kind.Merges == nil) { // early files do not name the type
		return fmt.Errorf("the model is of type %q: this package reads %q", kind.Type, "BPE")
	}
	type plain bpeModel
	return json.Unmarshal(data, (*plain)(m))
}

// vocabulary is the tokens with their ids, which is an object in the file. It is written in the order of the ids.
type vocabulary []entry

type entry struct {
	token string
	id    int32
}

// MarshalJSON implements [json.Marshaler].
func (v vocabulary) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, e := range v {
		token, err := marshal(e.token)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%d", token, e.id)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (v *vocabulary) UnmarshalJSON(data []byte) error {
	var ids map[string]int32
	if err := json.Unmarshal(data, &ids); err != nil {
		return fmt.Errorf("the vocabulary must give each token an id: %w", err)
	}
	for token, id := range ids {
		*v = append(*v, entry{token, id})
	}
	slices.SortFunc(*v, func(a, b entry) int { return cmp.Or(cmp.Compare(a.id, b.id), strings.Compare(a.token, b.token)) })
	return nil
}

// spelledMerge is a pair of tokens: a list of two, or in files before tokenizers 0.20 a text with a space between.
type spelledMerge [2]string

// UnmarshalJSON implements [json.Unmarshaler].
func (m *spelledMerge) UnmarshalJSON(data []byte) error {
	var parts []string
	if err := json.Unmarshal(data, &parts); err != nil {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return fmt.Errorf("the merge %s is neither a list nor a text of two tokens", clip(string(data)))
		}
		parts = strings.Split(text, " ")
	}
	if len(parts) != 2 {
		return fmt.Errorf("the merge %s has %d tokens: it must have two", clip(string(data)), len(parts))
	}
	*m = spelledMerge(parts)
	return nil
}

// marshal is json.Marshal, which would write < and > as if for a web page.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// MarshalJSON writes a tokenizer.json that Hugging Face's tokenizers read, with the very bytes that they write. All tokens are
// part of the model's vocabulary there, the special ones too.
func (b *BPE) MarshalJSON() ([]byte, error) {
	yes, no := true, false
	f := bpeFile{
		Version:      "1.0",
		AddedTokens:  []added{},
		PreTokenizer: &component{"ByteLevel", &no, &yes, &yes},
		Decoder:      &component{"ByteLevel", &yes, &yes, &yes}, // as its constructor has it; a decoder heeds none of them
		Model:        bpeModel{Type: "BPE", Vocab: make(vocabulary, len(b.vocab)), Merges: make([]spelledMerge, len(b.merges))},
	}
	for id, token := range b.vocab {
		f.Model.Vocab[id] = entry{token, int32(id)}
		if _, ok := b.special[token]; ok {
			f.AddedTokens = append(f.AddedTokens, added{ID: int32(id), Content: token, Special: true})
		}
	}
	for i, m := range b.merges {
		f.Model.Merges[i] = spelledMerge{b.vocab[m.left], b.vocab[m.right]}
	}
	return marshal(f)
}

// UnmarshalJSON reads a tokenizer.json of Hugging Face's: a byte-level BPE as GPT-2's is. Whatever else it asks for, which would
// give texts other ids than this package does, is an error.
func (b *BPE) UnmarshalJSON(data []byte) error {
	var f bpeFile
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("text: reading the tokenizer.json: %w", err)
	}
	if err := f.check(); err != nil {
		return err
	}
	vocab, special, err := f.tokens()
	if err != nil {
		return err
	}
	ids := make(map[string]int32, len(vocab))
	for id, token := range vocab {
		ids[token] = int32(id)
	}
	merges := make([]pair, len(f.Model.Merges))
	for i, m := range f.Model.Merges {
		for side, to := range []*int32{&merges[i].left, &merges[i].right} {
			id, ok := ids[m[side]]
			if !ok {
				return fmt.Errorf("text: merge %d joins %q and %q, and the vocabulary lacks %q: take the merges and the vocabulary "+
					"of one training", i, clip(m[0]), clip(m[1]), clip(m[side]))
			}
			*to = id
		}
	}
	read, err := newBPE(vocab, special, merges)
	if err != nil {
		return err
	}
	*b = *read
	return nil
}

// check refuses what would give texts other ids.
func (f *bpeFile) check() error {
	if f.Version != "1.0" {
		return fmt.Errorf("text: the tokenizer.json has version %q: this package reads %q", f.Version, "1.0")
	}
	for _, part := range []struct {
		name string
		is   *component
		want string // "" for none
		or   bool   // none will do
	}{
		{"normalizer", f.Normalizer, "", true},
		{"pre_tokenizer", f.PreTokenizer, "ByteLevel", false},
		{"post_processor", f.PostProcessor, "ByteLevel", true}, // it moves offsets, not ids
		{"decoder", f.Decoder, "ByteLevel", false},
	} {
		switch {
		case part.is == nil && !part.or:
			return fmt.Errorf("text: the tokenizer.json has no %s: this package reads those with the %s %q", part.name, part.name, part.want)
		case part.is != nil && part.is.Type != part.want:
			return fmt.Errorf("text: the tokenizer.json has the %s %q, which this package does not have: %s", part.name, part.is.Type,
				remedy(part.name, part.want))
		}
	}
	if p := f.PreTokenizer; p.AddPrefixSpace == nil || *p.AddPrefixSpace || p.UseRegex != nil && !*p.UseRegex {
		return errors.New("text: the pre_tokenizer of the tokenizer.json must have add_prefix_space false and use_regex true: " +
			"this package has GPT-2's alone")
	}
	isSet := func(s *string) bool { return s != nil && *s != "" }
	for _, setting := range []struct {
		name string
		set  bool
	}{
		{"truncation", f.Truncation != nil}, {"padding", f.Padding != nil},
		{"dropout", f.Model.Dropout != nil && *f.Model.Dropout != 0}, {"unk_token", f.Model.Unknown != nil},
		{"continuing_subword_prefix", isSet(f.Model.Prefix)}, {"end_of_word_suffix", isSet(f.Model.Suffix)},
		{"fuse_unk", f.Model.FuseUnknown}, {"byte_fallback", f.Model.ByteFallback}, {"ignore_merges", f.Model.IgnoreMerges},
	} {
		if setting.set {
			return fmt.Errorf("text: the tokenizer.json sets %s, which this package does not have: write it without", setting.name)
		}
	}
	return nil
}

// remedy says what to do about a component of another type than we want.
func remedy(name, want string) string {
	switch {
	case name == "post_processor":
		return "write the file without one; Fixed puts special tokens around a text"
	case want == "":
		return "write the file without one"
	}
	return fmt.Sprintf("it reads those with %q", want)
}

// tokens returns the tokens by id, and which of them are special.
func (f *bpeFile) tokens() (vocab []string, special []bool, err error) {
	ids := make(map[string]int32, len(f.Model.Vocab))
	for i, e := range f.Model.Vocab { // by id
		switch {
		case e.id < 0:
			return nil, nil, fmt.Errorf("text: the token %q has the id %d: ids begin with 0", clip(e.token), e.id)
		case int(e.id) < i:
			return nil, nil, fmt.Errorf("text: the tokens %q and %q both have the id %d: give each its own", clip(vocab[e.id]),
				clip(e.token), e.id)
		case int(e.id) > i:
			return nil, nil, fmt.Errorf("text: no token has the id %d, and %q has %d: ids must have no holes, and no token may stand twice",
				i, clip(e.token), e.id)
		}
		vocab, ids[e.token] = append(vocab, e.token), e.id
	}
	special = make([]bool, len(vocab))
	for _, a := range f.AddedTokens {
		id, known := ids[a.Content]
		switch {
		case a.Content == "":
			return nil, nil, fmt.Errorf("text: the added token %d is empty: remove it", a.ID)
		case !a.Special:
			return nil, nil, fmt.Errorf("text: the added token %q is not special: this package has special ones alone", clip(a.Content))
		case a.SingleWord || a.LStrip || a.RStrip || a.Normalized != f.AddedTokens[0].Normalized:
			return nil, nil, fmt.Errorf("text: the added token %q must have single_word, lstrip and rstrip false, and normalized as the others: "+
				"this package has nothing else", clip(a.Content))
		case known && id != a.ID:
			return nil, nil, fmt.Errorf("text: the added token %q has the id %d, and %d in the vocabulary: give it one of them",
				clip(a.Content), a.ID, id)
		case !known && int(a.ID) != len(vocab):
			return nil, nil, fmt.Errorf("text: the added token %q has the id %d, and %d is the next: ids must have no holes",
				clip(a.Content), a.ID, len(vocab))
		case !known:
			ids[a.Content] = a.ID
			vocab, special = append(vocab, a.Content), append(special, false)
		}
		special[a.ID] = true
	}
	return vocab, special, nil
}
