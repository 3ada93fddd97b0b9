package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A pre-token is a piece of text inside which byte-pair encoding merges; no token reaches from one pre-token into the next.
// GPT-2 cuts a text by the regular expression
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// which package regexp can neither look ahead for nor, \s being ASCII there, read as others do. The function pretoken does
// what it says: its alternatives in their order, every class as Unicode has it.

// pretoken returns the number of bytes of the pre-token that a text begins with. The text must not be empty.
func pretoken(text string) int {
	if n := contraction(text); n > 0 {
		return n
	}
	start := 0
	if text[0] == ' ' && len(text) > 1 { // " ?": one space, the ASCII one, belongs to what follows it
		start = 1
	}
	if class, n := classOf(text[start:]); class != space {
		end := start + n
		for end < len(text) {
			next, n := classOf(text[end:])
			if next != class {
				break
			}
			end += n
		}
		return end
	}
	end, last := 0, 0 // of the run of white space, and where its last character begins
	for end < len(text) {
		class, n := classOf(text[end:])
		if class != space {
			break
		}
		last, end = end, end+n
	}
	if end < len(text) && last > 0 {
		return last // \s+(?!\S): the last of several is left for what follows
	}
	return end
}

// contraction returns the length of the English ending that a text begins with, or 0.
func contraction(text string) int {
	if text[0] != '\'' {
		return 0
	}
	for _, ending := range [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
		if strings.HasPrefix(text, ending) {
			return len(ending)
		}
	}
	return 0
}

// class is what the regular expression distinguishes of a character.
type class uint8

const (
	other  class = iota // [^\s\p{L}\p{N}]: marks, signs, emoji, and bytes that are not UTF-8
	letter              // \p{L}
	number              // \p{N}
	space               // \s
)

// ascii has the classes of single bytes, because most texts have little else.
var ascii = func() (classes [utf8.RuneSelf]class) {
	for r := range classes {
		classes[r] = runeClass(rune(r))
	}
	return classes
}()

// classOf returns the class of a text's first character, and its number of bytes.
func classOf(text string) (class, int) {
	if b := text[0]; b < utf8.RuneSelf {
		return ascii[b], 1
	}
	r, n := utf8.DecodeRuneInString(text)
	return runeClass(r), n
}

func runeClass(r rune) class {
	switch {
	case unicode.IsLetter(r) || unicode.Is(letters16, r):
		return letter
	case unicode.IsNumber(r) || unicode.Is(numbers16, r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// Hugging Face's tokenizers 0.23.1 has the classes of Unicode 16.0, and Go 1.26 those of 15.0. These are the letters and
// numbers that came between; a test compares every code point.
var (
	letters16 = &unicode.RangeTable{
		R16: []unicode.Range16{{Lo: 0x1c89, Hi: 0x1c8a, Stride: 1}, {Lo: 0xa7cb, Hi: 0xa7cd, Stride: 1}, {Lo: 0xa7da, Hi: 0xa7dc, Stride: 1}},
		R32: []unicode.Range32{
			{Lo: 0x105c0, Hi: 0x105f3, Stride: 1}, {Lo: 0x10d4a, Hi: 0x10d65, Stride: 1}, {Lo: 0x10d6f, Hi: 0x10d85, Stride: 1},
			{Lo: 0x10ec2, Hi: 0x10ec4, Stride: 1}, {Lo: 0x11380, Hi: 0x11389, Stride: 1}, {Lo: 0x1138b, Hi: 0x1138e, Stride: 3},
			{Lo: 0x11390, Hi: 0x113b5, Stride: 1}, {Lo: 0x113b7, Hi: 0x113b7, Stride: 1}, {Lo: 0x113d1, Hi: 0x113d3, Stride: 2},
			{Lo: 0x11bc0, Hi: 0x11be0, Stride: 1}, {Lo: 0x13460, Hi: 0x143fa, Stride: 1}, {Lo: 0x16100, Hi: 0x1611d, Stride: 1},
			{Lo: 0x16d40, Hi: 0x16d6c, Stride: 1}, {Lo: 0x18cff, Hi: 0x18cff, Stride: 1}, {Lo: 0x1e5d0, Hi: 0x1e5ed, Stride: 1},
			{Lo: 0x1e5f0, Hi: 0x1e5f0, Stride: 1}, {Lo: 0x2ebf0, Hi: 0x2ee5d, Stride: 1},
		},
	}
	numbers16 = &unicode.RangeTable{
		R32: []unicode.Range32{
			{Lo: 0x10d40, Hi: 0x10d49, Stride: 1}, {Lo: 0x116d0, Hi: 0x116e3, Stride: 1}, {Lo: 0x11bf0, Hi: 0x11bf9, Stride: 1},
			{Lo: 0x16130, Hi: 0x16139, Stride: 1}, {Lo: 0x16d70, Hi: 0x16d79, Stride: 1}, {Lo: 0x1ccf0, Hi: 0x1ccf9, Stride: 1},
			{Lo: 0x1e5f1, Hi: 0x1e5fa, Stride: 1},
		},
	}
)
