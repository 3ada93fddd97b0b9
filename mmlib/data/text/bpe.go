package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// BPE is a [Tokenizer] by byte-pair encoding: a text's bytes are its first tokens, and pairs of neighbours become one token,
// those first that were the most frequent where it was trained. Frequent words so are one token, rare ones several, and
// whatever the text, in any language, the vocabulary can express it.
//
//	"low lower": l o w · ␣ l o w e r → lo w · ␣ lo w e r → low · ␣ low e r → low · ␣low e r
//
// Sennrich et al. (2016, Neural Machine Translation of Rare Words with Subword Units) merge characters of words; Radford et
// al. (2019, Language Models are Unsupervised Multitask Learners, §2.2) merge bytes, inside of pieces that hold letters alone,
// numbers alone, or other marks alone, with the space before them. This is the latter, GPT-2's.
//
// [TrainBPE] makes one, and [Read] reads one: its file is a tokenizer.json as Hugging Face's tokenizers write and read it, and
// both give a text the same ids. The methods may be called by several goroutines at once.
type BPE struct {
	vocab   []string         // the tokens by id, as the file spells them: see alphabet
	bytes   []string         // what each token stands for; "" for special ones
	special map[string]int32 // ids of special tokens by their text
	longest []string         // texts of special tokens, the longest first
	merges  []merge          // in the order in which they were learned: the earlier, the more urgent
	ranks   map[pair]int32   // indices in merges
	single  [256]int32       // ids of the bytes
	whole   map[string]int32 // pre-tokens that become one token, which in most texts are most of them
}

// pair is two tokens side by side.
type pair struct{ left, right int32 }

// merge is a pair and the token that it becomes.
type merge struct {
	pair
	to int32
}

// spellings has the texts that special tokens go by in tokenizer.json files; TrainBPE writes the first.
var spellings = map[string][]string{
	Pad:   {"<pad>", "<|pad|>", "[PAD]"},
	Start: {"<|startoftext|>", "<s>"},
	End:   {"<|endoftext|>", "</s>"},
	Mask:  {"<mask>", "<|mask|>", "[MASK]"},
}

// newBPE checks a vocabulary and its merges. Special tokens are marked; the others are spelled as in a file.
func newBPE(vocab []string, special []bool, merges []pair) (*BPE, error) {
	b := &BPE{vocab: vocab, bytes: make([]string, len(vocab)), special: map[string]int32{}, ranks: make(map[pair]int32, len(merges))}
	ids := make(map[string]int32, len(vocab))
	for id, token := range vocab {
		ids[token] = int32(id)
		if special[id] {
			b.special[token] = int32(id)
			b.longest = append(b.longest, token)
			continue
		}
		var err error
		if b.bytes[id], err = unspell(token); err != nil {
			return nil, fmt.Errorf("text: token %d of the vocabulary: %w", id, err)
		}
	}
	slices.SortStableFunc(b.longest, func(s, t string) int { return cmp.Compare(len(t), len(s)) })
	for i, r := range alphabet {
		id, ok := ids[string(r)]
		if !ok {
			return nil, fmt.Errorf("text: the vocabulary lacks the byte 0x%02x, spelled %q, without which not every text can be expressed: "+
				"train the tokenizer with the initial alphabet of ByteLevel", i, string(r))
		}
		if special[id] {
			return nil, fmt.Errorf("text: the special token %q is also the byte 0x%02x: call it <%s>", vocab[id], i, vocab[id])
		}
		b.single[i] = id
	}
	for i, p := range merges {
		left, right := vocab[p.left], vocab[p.right]
		to, ok := ids[left+right]
		if !ok {
			return nil, fmt.Errorf("text: merge %d joins %q and %q, and the vocabulary lacks %q: take the merges and the vocabulary "+
				"of one training", i, left, right, left+right)
		}
		if special[to] {
			return nil, fmt.Errorf("text: merge %d joins %q and %q to the special token %q, which no text may become: "+
				"give the special token another name, such as <%s>", i, left, right, vocab[to], vocab[to])
		}
		if first, twice := b.ranks[p]; twice {
			return nil, fmt.Errorf("text: merges %d and %d both join %q and %q: remove one of them", first, i, left, right)
		}
		b.ranks[p] = int32(i)
		b.merges = append(b.merges, merge{p, to})
	}
	whole, w := make(map[string]int32, len(vocab)), newWorkspace()
	for id, text := range b.bytes {
		if text == "" {
			continue
		}
		if got := b.join(nil, text, w); len(got) == 1 && got[0] == int32(id) {
			whole[text] = int32(id)
		}
	}
	b.whole = whole // only now: join looks there first
	return b, nil
}

// Encode implements [Tokenizer]. It never fails, and Decode returns the very text, even one that is not UTF-8: its bytes are
// encoded as they are. The text of a special token is text like any other, so that no caption can smuggle one in; Hugging
// Face's tokenizers do so with encode_special_tokens. [BPE.EncodeWithSpecial] does otherwise.
func (b *BPE) Encode(text string) ([]int32, error) {
	return b.encode(make([]int32, 0, len(text)/3+2), text), nil
}

// EncodeWithSpecial is Encode for texts that are written with special tokens, such as a conversation's template: where the text
// of one stands, it becomes that token, the longest where several could. Hugging Face's tokenizers do so by default.
func (b *BPE) EncodeWithSpecial(text string) []int32 {
	ids, plain := make([]int32, 0, len(text)/3+2), 0 // plain: where the text begins that is not yet encoded
	for i := 0; i < len(text); {
		k := slices.IndexFunc(b.longest, func(name string) bool { return strings.HasPrefix(text[i:], name) })
		if k < 0 {
			i++
			continue
		}
		ids = append(b.encode(ids, text[plain:i]), b.special[b.longest[k]])
		i += len(b.longest[k])
		plain = i
	}
	return b.encode(ids, text[plain:])
}

// Decode implements [Tokenizer]. The ids of one character may be cut apart; its bytes then are not UTF-8.
func (b *BPE) Decode(ids []int32) string {
	var text strings.Builder
	for _, id := range ids {
		if id >= 0 && int(id) < len(b.bytes) {
			text.WriteString(b.bytes[id])
		}
	}
	return text.String()
}

// VocabSize implements [Tokenizer].
func (b *BPE) VocabSize() int { return len(b.vocab) }

// Special implements [Tokenizer]. A name is the text of a special token, such as "<image>", or one of this package, which finds
// the usual texts: [End] finds <|endoftext|> or </s>.
func (b *BPE) Special(name string) (id int32, ok bool) {
	if id, ok = b.special[name]; ok {
		return id, true
	}
	for _, text := range spellings[name] {
		if id, ok = b.special[text]; ok {
			return id, true
		}
	}
	return 0, false
}

// encode appends the ids of a text without special tokens.
func (b *BPE) encode(ids []int32, text string) []int32 {
	w := workspaces.Get().(*workspace)
	defer workspaces.Put(w)
	for len(text) > 0 {
		n := pretoken(text)
		ids = b.join(ids, text[:n], w)
		text = text[n:]
	}
	return ids
}

// workspace is the memory of join, kept from one call to the next.
type workspace struct {
	symbols    []symbol
	candidates queue[candidate]
}

var workspaces = sync.Pool{New: func() any { return newWorkspace() }}

func newWorkspace() *workspace {
	return &workspace{candidates: queue[candidate]{before: candidate.before}}
}

// symbol is a token of a pre-token that is being joined. All of them are a list.
type symbol struct{ id, previous, next int32 }

// gone is the id of a symbol that was joined to the one before it, and none the neighbour of an outermost one.
const gone, none = -1, -1

// candidate is a merge that may be made: its rank, and the index of its left symbol. It is no longer one when either symbol
// has changed since.
type candidate struct{ rank, left int32 }

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.left < d.left
}

// join appends the ids of a pre-token: of all merges that its tokens allow it makes the one of the lowest rank, the leftmost
// of those, again and again. A queue finds it, because nothing bounds the length of a pre-token.
func (b *BPE) join(ids []int32, text string, w *workspace) []int32 {
	if id, ok := b.whole[text]; ok {
		return append(ids, id)
	}
	symbols := w.symbols[:0]
	for i := range len(text) {
		symbols = append(symbols, symbol{b.single[text[i]], int32(i) - 1, int32(i) + 1})
	}
	symbols[len(symbols)-1].next = none
	w.symbols = symbols
	w.candidates.items = w.candidates.items[:0]
	consider := func(left int32) {
		if left == none || symbols[left].next == none {
			return
		}
		if rank, ok := b.ranks[pair{symbols[left].id, symbols[symbols[left].next].id}]; ok {
			w.candidates.push(candidate{rank, left})
		}
	}
	for i := range symbols {
		consider(int32(i))
	}
	for len(w.candidates.items) > 0 {
		c := w.candidates.pop()
		left, m := &symbols[c.left], b.merges[c.rank]
		if left.id != m.left || left.next == none || symbols[left.next].id != m.right {
			continue
		}
		right := &symbols[left.next]
		left.id, left.next = m.to, right.next
		right.id = gone
		if left.next != none {
			symbols[left.next].previous = c.left
		}
		consider(left.previous)
		consider(c.left)
	}
	for i := int32(0); i != none; i = symbols[i].next {
		ids = append(ids, symbols[i].id)
	}
	return ids
}

// queue is a binary heap: pop returns the item that comes before all others.
type queue[T any] struct {
	items  []T
	before func(a, b T) bool
}

func (q *queue[T]) push(item T) {
	q.items = append(q.items, item)
	i := len(q.items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.before(item, q.items[parent]) {
			break
		}
		q.items[i], i = q.items[parent], parent
	}
	q.items[i] = item
}

func (q *queue[T]) pop() T {
	first, last := q.items[0], q.items[len(q.items)-1]
	items := q.items[:len(q.items)-1]
	q.items = items
	if len(items) == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(items) {
			break
		}
		if child+1 < len(items) && q.before(items[child+1], items[child]) {
			child++
		}
		if !q.before(items[child], last) {
			break
		}
		items[i], i = items[child], child
	}
	items[i] = last
	return first
}
