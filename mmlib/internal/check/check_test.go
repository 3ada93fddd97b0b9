package check

import (
	"errors"
	"testing"
)

// fails reports whether f fails the test that it is handed.
func fails(f func(t testing.TB)) bool {
	probe := &probe{}
	done := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(done)
		f(probe)
	}()
	<-done
	return probe.Failed()
}

// probe is a test whose failure fails nothing else.
type probe struct{ testing.T }

func TestMust(t *testing.T) {
	if fails(func(t testing.TB) { Must(t, nil) }) || !fails(func(t testing.TB) { Must(t, errors.New("e")) }) {
		t.Error("Must must fail for an error, and for nothing else")
	}
}

func TestError(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		words []string
		fails bool
	}{
		"none":       {nil, []string{"size"}, true},
		"no words":   {errors.New("size 3"), nil, false},
		"all words":  {errors.New("size 3"), []string{"size", "3"}, false},
		"one absent": {errors.New("size 3"), []string{"size", "4"}, true},
	} {
		if got := fails(func(t testing.TB) { Error(t, test.err, test.words...) }); got != test.fails {
			t.Errorf("%s: failed is %t", name, got)
		}
	}
}
