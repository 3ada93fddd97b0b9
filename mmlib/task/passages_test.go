package task

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
)

// told are pictures with texts about them, each of the words of its own.
type told struct {
	Pictures
	texts func(i, n int) ([]Passage, error)
}

func (t told) Texts(i, n int, _ *rand.Rand) ([]Passage, error) { return t.texts(i, n) }

// TestReadPassages: texts stand one behind the other, each with padding up to the length, and each is marked where it begins.
func TestReadPassages(t *testing.T) {
	texts := told{texts: func(i, n int) (list []Passage, err error) {
		for k := range n {
			p := Passage{IDs: []int32{1, int32(10*i + k), 9}[:2+k], Say: []bool{false, true, true}[:2+k], Prefix: 1 + k, Look: [][]int{nil, {i}}}
			list = append(list, p)
		}
		return list, nil
	}}
	var marked string
	p, err := ReadPassages("poet", texts, []int{3, 5}, nil, 2, 4, 7, func(from int, look [][]int) error {
		marked += fmt.Sprint(from, look, " ")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ids, say := tensors.MustCopyFlatData[int32](p.IDs), tensors.MustCopyFlatData[bool](p.Say)
	if want := []int32{1, 30, 7, 7, 1, 31, 9, 7, 1, 50, 7, 7, 1, 51, 9, 7}; !slices.Equal(ids, want) || p.IDs.Shape().Dim(0) != 4 {
		t.Errorf("the ids are %v, want %v", ids, want)
	}
	if want := []bool{false, true, false, false, false, true, true, false}; !slices.Equal(say[:8], want) || !slices.Equal(say[8:], want) {
		t.Errorf("said are %v, want twice %v", say, want)
	}
	if got := tensors.MustCopyFlatData[int32](p.Prefix); !slices.Equal(got, []int32{1, 2, 1, 2}) {
		t.Errorf("the prefixes are %v", got)
	}
	if want := "0[[] [3]] 4[[] [3]] 8[[] [5]] 12[[] [5]] "; strings.ReplaceAll(marked, " [", "[") != strings.ReplaceAll(want, " [", "[") {
		t.Errorf("marked are %q, want %q", marked, want)
	}
}

// TestReadPassagesRefuses: what is wrong with a text is said, and with which example.
func TestReadPassagesRefuses(t *testing.T) {
	fixed := func(list ...Passage) func(i, n int) ([]Passage, error) {
		return func(int, int) ([]Passage, error) { return list, nil }
	}
	for want, texts := range map[string]func(i, n int) ([]Passage, error){
		"poet: example 3: EOF":                              func(int, int) ([]Passage, error) { return nil, io.EOF },
		"poet: the data gives 0 texts about example 3: 1":   fixed(),
		"poet: a text about example 3 has 3 tokens, 3 of":   fixed(Passage{IDs: make([]int32, 3), Say: make([]bool, 3)}),
		"poet: a text about example 3 has 2 tokens, 1 of":   fixed(Passage{IDs: make([]int32, 2), Say: make([]bool, 1)}),
		"poet: a text about example 3: no such region as 8": fixed(Passage{IDs: make([]int32, 2), Say: make([]bool, 2)}),
	} {
		_, err := ReadPassages("poet", told{texts: texts}, []int{3}, nil, 1, 2, 0, func(int, [][]int) error {
			return errors.New("no such region as 8")
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
