package text

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"gomm/mmlib/internal/check"
)

// goldens is what testdata/make_bpe_goldens.py wrote of Hugging Face's tokenizers.
type goldens struct {
	Tokenizers string
	Options    training
	Classes    string
	Trainings  []training
	Texts      []struct {
		Text    string
		IDs     []int32
		Special []int32 // nil: as IDs
	}
}

type training struct {
	Texts        []string // nil: bpe_corpus.json
	VocabSize    int      `json:"vocab_size"`
	MinFrequency int      `json:"min_frequency"`
	Special      []string
	SHA256       string
}

func (t training) options() BPEOptions { return BPEOptions{t.VocabSize, t.MinFrequency, t.Special} }

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatalf("%v; testdata/make_bpe_goldens.py makes it", err)
	}
	return content
}

// loadGoldens reads the goldens and the corpus, and fails where they are less than they were.
func loadGoldens(t testing.TB) (g goldens, corpus []string) {
	t.Helper()
	check.Must(t, json.Unmarshal(testdata(t, "bpe_goldens.json"), &g))
	check.Must(t, json.Unmarshal(testdata(t, "bpe_corpus.json"), &corpus))
	if g.Tokenizers != "0.23.1" || len(g.Texts) < 440 || len(g.Trainings) < 67 || len(corpus) < 360 {
		t.Fatalf("tokenizers %q, %d texts, %d trainings, a corpus of %d", g.Tokenizers, len(g.Texts), len(g.Trainings), len(corpus))
	}
	return g, corpus
}

func readBPE(t testing.TB, file []byte) *BPE {
	t.Helper()
	read, err := Read(file)
	check.Must(t, err)
	return read.(*BPE)
}

// TestBPEGoldenTraining: training gives the bytes of the file that Hugging Face's tokenizers write.
func TestBPEGoldenTraining(t *testing.T) {
	g, corpus := loadGoldens(t)
	b, err := TrainBPE(slices.Values(corpus), g.Options.options())
	check.Must(t, err)
	file, err := File(b)
	check.Must(t, err)
	want := testdata(t, "bpe_tokenizer.json")
	if string(file) != string(want) {
		for i, m := range readBPE(t, want).merges {
			if i >= len(b.merges) || b.merges[i] != m {
				t.Fatalf("merge %d is not %q and %q, as it should be", i, b.vocab[m.left], b.vocab[m.right])
			}
		}
		t.Error("the files differ, the merges do not")
	}
	for i, training := range g.Trainings {
		texts := training.Texts
		if texts == nil {
			texts = corpus
		}
		b, err := TrainBPE(slices.Values(texts), training.options())
		check.Must(t, err)
		if file, err := marshal(b); err != nil || fmt.Sprintf("%x", sha256.Sum256(file)) != training.SHA256 {
			t.Errorf("training %d, %d tokens of %q: not the file of Hugging Face's (%v)", i, training.VocabSize,
				clip(strings.Join(texts, "|")), err)
		}
	}
}

// TestBPEGoldenIDs: the ids of every text are those of Hugging Face's tokenizers, and become the text again.
func TestBPEGoldenIDs(t *testing.T) {
	g, _ := loadGoldens(t)
	b := readBPE(t, testdata(t, "bpe_tokenizer.json"))
	special := 0
	for _, golden := range g.Texts {
		ids, err := b.Encode(golden.Text)
		if err != nil || !slices.Equal(ids, golden.IDs) {
			t.Errorf("%q has ids %v (%v), want %v", golden.Text, ids, err, golden.IDs)
		}
		if back := b.Decode(ids); back != golden.Text {
			t.Errorf("%q comes back as %q", golden.Text, back)
		}
		want := golden.IDs
		if golden.Special != nil {
			want = golden.Special
			special++
		}
		if ids := b.EncodeWithSpecial(golden.Text); !slices.Equal(ids, want) {
			t.Errorf("with special tokens, %q has ids %v, want %v", golden.Text, ids, want)
		}
	}
	if special < 15 {
		t.Errorf("only %d texts have special tokens", special)
	}
}

// TestBPEGoldenClasses: letters, numbers and white space are those of Hugging Face's, all 1114112 code points.
func TestBPEGoldenClasses(t *testing.T) {
	g, _ := loadGoldens(t)
	r := rune(0)
	for _, run := range regexp.MustCompile(`[LNSO][0-9]+`).FindAllString(g.Classes, -1) {
		want := class(strings.IndexByte("OLNS", run[0]))
		n, err := strconv.Atoi(run[1:])
		check.Must(t, err)
		for range n {
			if got := runeClass(r); got != want {
				t.Fatalf("%U is of class %c, want %c. Go has Unicode %s: do the tables of pretoken.go still fit?", r, "OLNS"[got], run[0],
					unicode.Version)
			}
			r++
		}
	}
	if r != unicode.MaxRune+1 {
		t.Errorf("the golden classes end at %U", r)
	}
}

// expression is GPT-2's for texts as cut writes them, without its lookahead, which package regexp lacks.
var expression = regexp.MustCompile(`^(?:'s|'t|'re|'ve|'m|'ll|'d| ?[Lstrevmld]+| ?N+| ?[^Lstrevmld\sN]+|\s+)`)

// cut is pretoken by a regular expression: characters that it does not name are replaced by one of their class.
func cut(text string) int {
	var simple []byte
	var lengths []int
	for s := text; s != ""; {
		class, n := classOf(s)
		if strings.IndexByte(" 'strevmld", s[0]) >= 0 {
			simple = append(simple, s[0])
		} else {
			simple = append(simple, "!LN\n"[class])
		}
		lengths, s = append(lengths, n), s[n:]
	}
	found := expression.Find(simple)
	n := len(found)
	if n > 1 && n < len(simple) && len(bytes.TrimSpace(found)) == 0 {
		n-- // \s+(?!\S)
	}
	sum := 0
	for _, length := range lengths[:n] {
		sum += length
	}
	return sum
}

// naive is join as its comment says it.
func (b *BPE) naive(text string) []int32 {
	var ids []int32
	for i := range len(text) {
		ids = append(ids, b.single[text[i]])
	}
	for {
		best, at := int32(len(b.merges)), 0
		for i := 1; i < len(ids); i++ {
			if rank, ok := b.ranks[pair{ids[i-1], ids[i]}]; ok && rank < best {
				best, at = rank, i-1
			}
		}
		if int(best) == len(b.merges) {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, b.merges[best].to)
	}
}

// FuzzBPERoundTrip: any bytes come back, with the ids of the slow way.
func FuzzBPERoundTrip(f *testing.F) {
	g, _ := loadGoldens(f)
	for i := 0; i < len(g.Texts); i += 5 {
		f.Add(g.Texts[i].Text)
	}
	for _, text := range []string{"\xff\xfe", "a\xe4\xb8", "\xe4 \xb8\xad", "'\x80s", " \xc2\xa0", "\xed\xa0\x80"} {
		f.Add(text)
	}
	b := readBPE(f, testdata(f, "bpe_tokenizer.json"))
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := b.Encode(text)
		check.Must(t, err)
		if back := b.Decode(ids); back != text {
			t.Fatalf("%q comes back as %q", text, back)
		}
		var want []int32
		for s := text; s != ""; {
			n := pretoken(s)
			if slow := cut(s); n != slow {
				t.Fatalf("the first pre-token of %q has %d bytes, want %d", s, n, slow)
			}
			want, s = append(want, b.naive(s[:n])...), s[n:]
		}
		if !slices.Equal(ids, want) {
			t.Fatalf("%q has ids %v, want %v", text, ids, want)
		}
		b.EncodeWithSpecial(text)
	})
}

// FuzzBPERead: any file is either refused or a tokenizer that works and that survives its own file.
func FuzzBPERead(f *testing.F) {
	f.Add(testdata(f, "bpe_tokenizer.json"))
	f.Add([]byte(damaged(f, `"merges":[]`)))
	for _, test := range damages {
		f.Add([]byte(damaged(f, test.change...)))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		read, err := Read(file)
		if err != nil {
			return
		}
		b, ok := read.(*BPE)
		if !ok {
			return
		}
		again, err := File(b)
		check.Must(t, err)
		for _, b := range []*BPE{b, readBPE(t, again)} {
			for _, text := range append(b.vocab, "a photo of 七\xff", string(again[:min(len(again), 500)])) {
				ids, err := b.Encode(text)
				check.Must(t, err)
				if back := b.Decode(ids); back != text {
					t.Fatalf("%q comes back as %q", text, back)
				}
			}
		}
	})
}

// TestBPESpecial: special tokens are found by their usual names, and no text becomes one.
func TestBPESpecial(t *testing.T) {
	b, err := TrainBPE(slices.Values([]string{"<pad> pad"}), BPEOptions{VocabSize: 270, Special: []string{Pad, Start, End, "<image>"}})
	check.Must(t, err)
	for name, want := range map[string]int32{Pad: 0, "<pad>": 0, Start: 1, End: 2, "<|endoftext|>": 2, "<image>": 3} {
		if id, ok := b.Special(name); !ok || id != want {
			t.Errorf("the special token %q is %d, %v; want %d", name, id, ok, want)
		}
	}
	for _, name := range []string{Mask, "image", ""} {
		if id, ok := b.Special(name); ok {
			t.Errorf("there is a special token %q, %d", name, id)
		}
	}
	const text = "<pad><image>"
	ids, err := b.Encode(text)
	check.Must(t, err)
	if slices.Min(ids) < 4 || b.Decode(ids) != text {
		t.Errorf("%q has ids %v and comes back as %q", text, ids, b.Decode(ids))
	}
	if ids := b.EncodeWithSpecial(text); !slices.Equal(ids, []int32{0, 3}) || b.Decode(ids) != "" {
		t.Errorf("with special tokens, %q has ids %v and comes back as %q", text, ids, b.Decode(ids))
	}
	fixed, err := Fixed(b, "a", 5, Refuse)
	if err != nil || !slices.Equal(fixed, []int32{1, b.single['a'], 2, 0, 0}) {
		t.Errorf("fixed: %v (%v)", fixed, err)
	}
	if got := b.Decode([]int32{-1, 0, 1, b.single['a'], 2, int32(b.VocabSize()), 1 << 30}); got != "a" {
		t.Errorf("special and impossible ids decode to %q, want a", got)
	}
}

// TestBPEMany: many goroutines encode at once (go test -race).
func TestBPEMany(t *testing.T) {
	g, _ := loadGoldens(t)
	b := readBPE(t, testdata(t, "bpe_tokenizer.json"))
	var wait sync.WaitGroup
	for k := range 8 {
		wait.Go(func() {
			for i := range g.Texts {
				golden := g.Texts[(i+k*50)%len(g.Texts)]
				if ids, _ := b.Encode(golden.Text); !slices.Equal(ids, golden.IDs) {
					t.Errorf("%q has ids %v, want %v", golden.Text, ids, golden.IDs)
				}
			}
		})
	}
	wait.Wait()
}

// TestBPELong: a pre-token of a megabyte takes no time that grows with its square.
func TestBPELong(t *testing.T) {
	b := readBPE(t, testdata(t, "bpe_tokenizer.json"))
	for _, piece := range []string{"a", "七", " ", "的照", "!", "\xff"} {
		text := strings.Repeat(piece, 1<<20/len(piece))
		if ids, err := b.Encode(text); err != nil || b.Decode(ids) != text {
			t.Errorf("a megabyte of %q does not come back (%v)", piece, err)
		}
	}
	if _, err := TrainBPE(slices.Values([]string{strings.Repeat("a", 1<<20)}), BPEOptions{VocabSize: 300}); err != nil {
		t.Error(err)
	}
}

// TestBPEZero: a BPE that nobody made is of no use, and does no harm.
func TestBPEZero(t *testing.T) {
	var b BPE
	_, err := b.Encode("a 七")
	check.Must(t, err)
	if b.Decode([]int32{0}) != "" || b.VocabSize() != 0 || utf8.RuneCountInString(b.Decode(b.EncodeWithSpecial("a"))) != 0 {
		t.Error("the zero BPE has tokens")
	}
	file, err := File(&b)
	check.Must(t, err)
	_, err = Read(file)
	check.Error(t, err, "lacks the byte 0x00")
}

func BenchmarkBPE(bench *testing.B) {
	b := readBPE(bench, testdata(bench, "bpe_tokenizer.json"))
	for name, text := range map[string]string{
		"known words": "a photo of the handwritten digit.", "new words": "an oil painting of seven elephants", "Chinese": "一张手写的数字七的照片。",
	} {
		bench.Run(name, func(bench *testing.B) {
			bench.ReportAllocs()
			for bench.Loop() {
				_, _ = b.Encode(text)
			}
		})
	}
}
