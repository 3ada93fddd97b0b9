package task

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTry(t *testing.T) {
	var none []int
	for name, test := range map[string]struct {
		fn   func() error
		want string // part of the error; "" for none
		is   error
	}{
		"fine":              {fn: func() error { return nil }},
		"returns an error":  {fn: func() error { return io.EOF }, want: "EOF", is: io.EOF},
		"panics with words": {fn: func() error { panic("axis 3 of 2") }, want: "axis 3 of 2"},
		"panics with error": {fn: func() error { panic(io.ErrUnexpectedEOF) }, want: "unexpected EOF", is: io.ErrUnexpectedEOF},
		"panics with value": {fn: func() error { panic(7) }, want: "7"},
		"panics with nil":   {fn: func() error { panic(nil) }, want: "nil"},
		"index":             {fn: func() error { return errors.New(string(rune(none[3]))) }, want: "index out of range"},
	} {
		err := Try(test.fn)
		if test.want == "" && err != nil {
			t.Errorf("%s: error %v", name, err)
		}
		if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: error %v is not %v", name, err, test.is)
		}
	}
}
