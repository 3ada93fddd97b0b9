package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// longestLine is well above any text that a model reads.
const longestLine = 1 << 20

// readLines reads texts, one a line. Line ends may be those of Windows, and a byte order mark may stand before the first.
// A line that is empty, is no UTF-8 or has no end in sight is an error that names its number.
func readLines(r io.Reader) ([]string, error) {
	b := bufio.NewReader(r)
	mark, _ := b.Peek(3)
	switch {
	case bytes.HasPrefix(mark, []byte{0xef, 0xbb, 0xbf}):
		_, _ = b.Discard(3)
	case bytes.HasPrefix(mark, []byte{0xff, 0xfe}), bytes.HasPrefix(mark, []byte{0xfe, 0xff}):
		return nil, errors.New("the text is UTF-16: convert it to UTF-8, e.g. by iconv -f UTF-16 -t UTF-8")
	}
	var lines []string
	for number := 1; ; number++ {
		line, err := readLine(b)
		if errors.Is(err, io.EOF) && line == "" {
			return lines, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) == "" {
			return nil, fmt.Errorf("line %d is empty: each line must be a text", number)
		}
		if !utf8.ValidString(line) {
			return nil, fmt.Errorf("line %d is not UTF-8: convert it, e.g. by iconv -t UTF-8", number)
		}
		lines = append(lines, line)
	}
}

// readLine reads up to the end of a line.
func readLine(b *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > longestLine {
			return "", fmt.Errorf("it is longer than %d bytes: write one text on each line", longestLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(line), err
		}
	}
}
