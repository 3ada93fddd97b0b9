package text

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// BPEOptions say what [TrainBPE] makes.
type BPEOptions struct {
	// VocabSize is how many tokens there are to be: special ones, the 256 bytes, and one for each merge. Texts that have too
	// few pairs give fewer.
	VocabSize int

	// MinFrequency is how often a pair must occur to become a token. With 0 and 1 once is enough.
	MinFrequency int

	// Special are the special tokens, whose ids come first: the names of this package, such as [End], or the texts of tokens,
	// such as "<image>". No text becomes one of them, so what an ordinary word could be, such as "image", is refused. Since they
	// come first, the end is not the largest id of a text: a model that looks for it must be told its id.
	Special []string
}

// TrainBPE learns a vocabulary from texts: it begins with the bytes, and then again and again makes a token of the pair of
// neighbouring tokens that occurs most often. Of pairs that occur equally often it takes the one whose left token has the
// smaller id, or whose right one has.
//
// Its merges are those of BpeTrainer of Hugging Face's tokenizers with the initial alphabet of ByteLevel.
func TrainBPE(texts iter.Seq[string], o BPEOptions) (*BPE, error) {
	vocab, err := o.specials()
	if err != nil {
		return nil, err
	}
	special := slices.Repeat([]bool{true}, len(vocab))
	if least := len(vocab) + len(alphabet); o.VocabSize < least || o.VocabSize > math.MaxInt32 {
		return nil, fmt.Errorf("text: a vocabulary of %d tokens: it must have at least %d, the %d bytes and %d special tokens, "+
			"and fewer than 2³¹", o.VocabSize, least, len(alphabet), len(vocab))
	}
	if o.MinFrequency < 0 {
		return nil, fmt.Errorf("text: the frequency %d that a pair must have is negative: give 0 or more", o.MinFrequency)
	}
	t := newTrainer(vocab)
	t.count(texts)
	t.learn(o.VocabSize, int64(o.MinFrequency))
	return newBPE(t.vocab, append(special, make([]bool, len(t.vocab)-len(special))...), t.merges)
}

// specials returns the texts of the special tokens.
func (o BPEOptions) specials() ([]string, error) {
	var texts []string
	for _, name := range o.Special {
		text := name
		if usual, ok := spellings[name]; ok {
			text = usual[0]
		}
		switch {
		case text == "" || !utf8.ValidString(text):
			return nil, fmt.Errorf("text: the special token %q is empty or not UTF-8: give it a name, such as <image>", text)
		case slices.Contains(texts, text):
			return nil, fmt.Errorf("text: the special token %q is named twice: remove one of them", text)
		case pretoken(text) == len(text):
			return nil, fmt.Errorf("text: the special token %q could also be a part of ordinary texts: "+
				"put letters between marks, such as <image>", text)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// trainer is a vocabulary that is being learned.
type trainer struct {
	vocab  []string         // spelled as in a file
	ids    map[string]int32 // of vocab
	single [256]int32       // ids of the bytes
	words  []word
	pairs  map[pair]int64 // how often each stands in all words
	queue  queue[frequent]
	merges []pair

	// The pairs that came about since the queue was last filled, in their order, and the words that they stand in.
	fresh []pair
	where map[pair][]int
}

// word is a pre-token, as often as it occurs.
type word struct {
	ids   []int32
	count int64
}

// frequent is a pair in the queue, with the words in which it stood when it came there. Its count may have changed since.
type frequent struct {
	pair
	count int64
	words []int
}

func (f frequent) before(g frequent) bool {
	switch {
	case f.count != g.count:
		return f.count > g.count
	case f.left != g.left:
		return f.left < g.left
	}
	return f.right < g.right
}

// newTrainer makes a vocabulary of special tokens and bytes, the latter in the order of their spellings.
func newTrainer(special []string) *trainer {
	t := &trainer{vocab: special, ids: map[string]int32{}, pairs: map[pair]int64{}, where: map[pair][]int{},
		queue: queue[frequent]{before: frequent.before}}
	spelled := alphabet
	slices.Sort(spelled[:])
	for _, r := range spelled {
		t.vocab = append(t.vocab, string(r))
	}
	for id, token := range t.vocab {
		t.ids[token] = int32(id)
	}
	for b, r := range alphabet {
		t.single[b] = t.ids[string(r)]
	}
	return t
}

// count cuts the texts into words, and counts words and pairs.
func (t *trainer) count(texts iter.Seq[string]) {
	index := map[string]int{}
	for text := range texts {
		for len(text) > 0 {
			n := pretoken(text)
			i, ok := index[text[:n]]
			if !ok {
				i = len(t.words)
				index[strings.Clone(text[:n])] = i // the text itself need not stay in memory
				t.words = append(t.words, word{ids: t.bytes(text[:n])})
			}
			t.words[i].count++
			text = text[n:]
		}
	}
	for i, w := range t.words {
		for k := 1; k < len(w.ids); k++ {
			t.change(i, pair{w.ids[k-1], w.ids[k]}, 1)
		}
	}
	t.refill()
}

// bytes returns the ids of a text's bytes.
func (t *trainer) bytes(text string) []int32 {
	ids := make([]int32, len(text))
	for i := range ids {
		ids[i] = t.single[text[i]]
	}
	return ids
}

// change notes that a pair stands in word i once more, or once less. Words come one after the other, so that of a pair's
// words only the last can be i.
func (t *trainer) change(i int, p pair, by int64) {
	t.pairs[p] += by * t.words[i].count
	if by < 0 {
		return
	}
	words, ok := t.where[p]
	if !ok {
		t.fresh = append(t.fresh, p)
	}
	if !ok || words[len(words)-1] != i {
		t.where[p] = append(words, i)
	}
}

// refill puts the fresh pairs into the queue.
func (t *trainer) refill() {
	for _, p := range t.fresh {
		if n := t.pairs[p]; n > 0 {
			t.queue.push(frequent{p, n, t.where[p]})
		}
	}
	t.fresh = t.fresh[:0]
	clear(t.where)
}

// learn merges the most frequent pairs until the vocabulary is large enough.
//
// Every token comes about in one way alone: wherever its text becomes one token, no merge has crossed the borders of that text,
// and so the merges within were the same. A pair therefore comes into the queue once, and once merged it is in no word again.
func (t *trainer) learn(vocabSize int, minFrequency int64) {
	for len(t.vocab) < vocabSize && len(t.queue.items) > 0 {
		top := t.queue.pop()
		if n := t.pairs[top.pair]; n != top.count {
			top.count = n
			t.queue.push(top)
			continue
		}
		if top.count < max(minFrequency, 1) {
			return
		}
		token := t.vocab[top.left] + t.vocab[top.right]
		id, ok := t.ids[token]
		if !ok { // else it spells a special token, which newBPE will refuse
			id = int32(len(t.vocab))
			t.ids[token] = id
			t.vocab = append(t.vocab, token)
		}
		t.merges = append(t.merges, top.pair)
		for _, i := range top.words {
			t.merge(i, top.pair, id)
		}
		delete(t.pairs, top.pair)
		t.refill()
	}
}

// merge makes the token id of each pair p in word i.
func (t *trainer) merge(i int, p pair, id int32) {
	ids := t.words[i].ids
	merged := ids[:0]
	for k := 0; k < len(ids); k++ {
		if k+1 == len(ids) || ids[k] != p.left || ids[k+1] != p.right {
			merged = append(merged, ids[k])
			continue
		}
		if n := len(merged); n > 0 {
			t.change(i, pair{merged[n-1], p.left}, -1)
			t.change(i, pair{merged[n-1], id}, 1)
		}
		if k+2 < len(ids) {
			t.change(i, pair{p.right, ids[k+2]}, -1)
			t.change(i, pair{id, ids[k+2]}, 1)
		}
		merged = append(merged, id)
		k++
	}
	t.words[i].ids = merged
}
