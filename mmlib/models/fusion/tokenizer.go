package fusion

import "gomm/mmlib/data/text"

// Tokenizer says how texts become tokens where the run has no tokenizer yet.
type Tokenizer = text.Kind

// The tokenizers.
const (
	Words = text.KindWords
	BPE   = text.KindBPE
)
