package fusion

import "fmt"

// Tokenizer says how texts become tokens where the run has no tokenizer yet.
type Tokenizer string

// The tokenizers.
const (
	Words Tokenizer = "words" // a token for each word or Chinese character that the data has; so is an empty one
	BPE   Tokenizer = "bpe"   // byte-level pieces of words, learnt from the data, up to TextConfig.Vocab in all: any text can be read
)

func (t Tokenizer) validate() error {
	switch t {
	case "", Words, BPE:
		return nil
	}
	return fmt.Errorf("fusion: text.tokenizer is %q: it must be %q or %q", string(t), string(Words), string(BPE))
}
