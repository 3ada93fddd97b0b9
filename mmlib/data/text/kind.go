package text

import "fmt"

// Kind is a kind of tokenizer, as settings name it.
type Kind string

// The kinds.
const (
	KindWords Kind = "words" // a token for each word or Chinese character that the data has; so is an empty one
	KindBPE   Kind = "bpe"   // byte-level pieces of words, learnt from the data, up to a number of tokens in all: any text can be read
)

// Validate names the key and the value at fault.
func (k Kind) Validate() error {
	switch k {
	case "", KindWords, KindBPE:
		return nil
	}
	return fmt.Errorf("tokenizer is %q: it must be %q or %q", string(k), string(KindWords), string(KindBPE))
}
