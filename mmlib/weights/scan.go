package weights

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may be nested: that of serde_json, with which the reference reads.
const maxDepth = 127

// scanner reads JSON from left to right, and as strictly as the reference does. encoding/json would not do: it takes DType for
// dtype, the last of two equal names for both, half a surrogate pair for a character, and it does not read -0 as serde_json does.
type scanner struct {
	text  []byte // valid UTF-8
	at    int
	depth int
}

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d of the JSON: %w", s.at, fmt.Errorf(format, args...))
}

// next skips white space and returns the byte after it, which it leaves to be read; 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take skips white space and reads c.
func (s *scanner) take(c byte) error {
	if got := s.next(); s.at == len(s.text) {
		return s.errorf("it ends where %q is due", c)
	} else if got != c {
		return s.errorf("%q stands where %q is due", s.character(), c)
	}
	s.at++
	return nil
}

func (s *scanner) character() rune {
	r, _ := utf8.DecodeRune(s.text[s.at:])
	return r
}

// end sees to it that only white space is left.
func (s *scanner) end() error {
	if s.next(); s.at < len(s.text) {
		return s.errorf("%q follows the end", s.character())
	}
	return nil
}

// list reads what stands between two brackets, separated by commas: each reads one element.
func (s *scanner) list(begin, end byte, each func() error) error {
	if err := s.take(begin); err != nil {
		return err
	}
	if s.depth++; s.depth > maxDepth {
		return s.errorf("it is nested deeper than %d", maxDepth)
	}
	defer func() { s.depth-- }()
	if s.next() == end {
		s.at++
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		if s.next() != ',' {
			return s.take(end)
		}
		s.at++
	}
}

// array calls each before every element, which each reads.
func (s *scanner) array(each func() error) error { return s.list('[', ']', each) }

// object calls each with every key; each reads the value.
func (s *scanner) object(each func(key string) error) error {
	return s.list('{', '}', func() error {
		key, err := s.quoted()
		if err != nil {
			return err
		}
		if err := s.take(':'); err != nil {
			return err
		}
		return each(key)
	})
}

// skip reads a value of any kind.
func (s *scanner) skip() error {
	switch c := s.next(); c {
	case '{':
		return s.object(func(string) error { return s.skip() })
	case '[':
		return s.array(s.skip)
	case '"':
		_, err := s.quoted()
		return err
	case 'n':
		return s.word("null")
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	default:
		_, err := s.number()
		return err
	}
}

// word reads null, true or false.
func (s *scanner) word(w string) error {
	if s.next(); len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return s.errorf("it is not %s", w)
	}
	s.at += len(w)
	return nil
}

// digits reads at least one digit.
func (s *scanner) digits() error {
	begin := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	if s.at == begin {
		return s.errorf("there is no digit where one is due")
	}
	return nil
}

// optional reads one of the given bytes, if it is there.
func (s *scanner) optional(any string) bool {
	if s.at < len(s.text) {
		for i := range len(any) {
			if s.text[s.at] == any[i] {
				s.at++
				return true
			}
		}
	}
	return false
}

// number reads a number that float64 can hold, and returns it as it is written.
func (s *scanner) number() (string, error) {
	s.next()
	begin := s.at
	s.optional("-")
	if !s.optional("0") {
		if err := s.digits(); err != nil {
			return "", err
		}
	}
	if s.optional(".") {
		if err := s.digits(); err != nil {
			return "", err
		}
	}
	if s.optional("eE") {
		s.optional("+-")
		if err := s.digits(); err != nil {
			return "", err
		}
	}
	number := string(s.text[begin:s.at])
	if overflows(number) {
		return "", s.errorf("the number %s is out of range", number)
	}
	return number, nil
}

// overflows reports whether a number is too large for a float64. It computes as serde_json does, which keeps as many digits as 64 bits
// hold and rounds twice: at the border strconv.ParseFloat comes to another result.
func overflows(number string) bool {
	digits, power, _ := strings.Cut(strings.ToLower(number), "e")
	var significand uint64
	exponent, full, fraction := 0, false, false
	for _, c := range strings.TrimPrefix(digits, "-") {
		if c == '.' {
			full, fraction = false, true
			continue
		}
		high, low := bits.Mul64(significand, 10)
		low, carry := bits.Add64(low, uint64(c-'0'), 0)
		full = full || high+carry > 0
		if !full {
			significand = low
		}
		if full && !fraction {
			exponent++
		} else if !full && fraction {
			exponent--
		}
	}
	if power != "" {
		n, err := strconv.ParseInt(power, 10, 32)
		if err != nil {
			return significand > 0 && power[0] != '-'
		}
		exponent += int(n)
	}
	if significand == 0 || exponent <= 0 {
		return false
	}
	ten, err := strconv.ParseFloat("1e"+strconv.Itoa(exponent), 64)
	return err != nil || math.IsInf(float64(significand)*ten, 0)
}

// whole reads an integer of 0 or more. The reference takes -0, 1.0 and 1e0 for floating-point numbers and refuses them.
func (s *scanner) whole() (uint64, error) {
	number, err := s.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, s.errorf("%s is not an integer from 0 to 2⁶⁴-1", number)
	}
	return n, nil
}

// quoted reads a string.
func (s *scanner) quoted() (string, error) {
	if err := s.take('"'); err != nil {
		return "", err
	}
	var out []byte
	for begin := s.at; s.at < len(s.text); {
		c := s.text[s.at]
		switch {
		case c == '"':
			out = append(out, s.text[begin:s.at]...)
			s.at++
			return string(out), nil
		case c < ' ':
			return "", s.errorf("the control character %q stands in a string: write it as an escape", c)
		case c != '\\':
			s.at++
			continue
		}
		out = append(out, s.text[begin:s.at]...)
		s.at++
		r, err := s.escape()
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, r)
		begin = s.at
	}
	return "", s.errorf("it ends within a string")
}
