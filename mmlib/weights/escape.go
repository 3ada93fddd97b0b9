package weights

import (
	"strconv"
	"unicode/utf16"
)

// escapes are the characters that may follow a backslash, and what the two mean. The u is not among them.
var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what follows a backslash. Surrogates are read in pairs.
func (s *scanner) escape() (rune, error) {
	if s.at < len(s.text) {
		if r, ok := escapes[s.text[s.at]]; ok {
			s.at++
			return r, nil
		}
	}
	high, err := s.unicode()
	if err != nil || !utf16.IsSurrogate(high) {
		return high, err
	}
	if !s.optional("\\") {
		return 0, s.errorf("half a surrogate pair stands alone")
	}
	low, err := s.unicode()
	if err != nil {
		return 0, err
	}
	r := utf16.DecodeRune(high, low)
	if r == '\uFFFD' {
		return 0, s.errorf("two halves of surrogate pairs do not belong together")
	}
	return r, nil
}

// unicode reads u and four hexadecimal digits.
func (s *scanner) unicode() (rune, error) {
	if !s.optional("u") {
		return 0, s.errorf("a string has an escape that JSON does not know")
	}
	if len(s.text)-s.at < 4 {
		return 0, s.errorf("it ends within an escape")
	}
	n, err := strconv.ParseUint(string(s.text[s.at:s.at+4]), 16, 16)
	if err != nil {
		return 0, s.errorf(`\u%q has not four hexadecimal digits`, s.text[s.at:s.at+4])
	}
	s.at += 4
	return rune(n), nil
}

// appendQuoted appends a string as serde_json writes it: with no more escapes than JSON asks for.
func appendQuoted(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\b':
			out = append(out, `\b`...)
		case c == '\f':
			out = append(out, `\f`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c == '\t':
			out = append(out, `\t`...)
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
