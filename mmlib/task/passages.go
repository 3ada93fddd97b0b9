package task

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"
)

// Passage is a text about a picture, of which the model is to say some tokens, given all those before.
type Passage struct {
	IDs    []int32
	Say    []bool  // which tokens the model is to say; never the first
	Prefix int     // how many tokens are given at the start: a question, or the start token alone
	Look   [][]int // for each token the regions of the picture that say it, −1 for its class token; nil where it is not known
}

// Written are pictures with texts about them.
type Written interface {
	Pictures
	// Texts draws n texts about example i.
	Texts(i, n int, r *rand.Rand) ([]Passage, error)
}

// Passages are the texts of a batch, as many about each picture, all of one length.
type Passages struct {
	IDs    *tensors.Tensor // [N, length] Int32, padded
	Say    *tensors.Tensor // [N, length] Bool: the tokens that the model is to say
	Prefix *tensors.Tensor // [N] Int32
}

// ReadPassages draws n texts about each of the examples, filled up with padding to the given length. For each of them it calls mark,
// unless that is nil, with the number of the text's first token among all of the batch, and where its tokens look.
func ReadPassages(model string, w Written, examples []int, r *rand.Rand, n, length, pad int, mark func(from int, look [][]int) error) (
	p Passages, err error) {
	rows := len(examples) * n
	ids, say, prefix := make([]int32, 0, rows*length), make([]bool, 0, rows*length), make([]int32, 0, rows)
	for _, i := range examples {
		texts, err := w.Texts(i, n, r)
		if err != nil {
			return p, fmt.Errorf("%s: example %d: %w", model, i, err)
		}
		if len(texts) != n {
			return p, fmt.Errorf("%s: the data gives %d texts about example %d: %d were asked for", model, len(texts), i, n)
		}
		for _, x := range texts {
			if len(x.IDs) > length || len(x.Say) != len(x.IDs) {
				return p, fmt.Errorf("%s: a text about example %d has %d tokens, %d of them to be said or not; there is room for %d", model, i,
					len(x.IDs), len(x.Say), length)
			}
			if mark != nil {
				if err := mark(len(ids), x.Look); err != nil {
					return p, fmt.Errorf("%s: a text about example %d: %w", model, i, err)
				}
			}
			ids, say, prefix = append(ids, x.IDs...), append(say, x.Say...), append(prefix, int32(x.Prefix))
			for range length - len(x.IDs) {
				ids, say = append(ids, int32(pad)), append(say, false)
			}
		}
	}
	return Passages{
		IDs: tensors.FromFlatDataAndDimensions(ids, rows, length), Say: tensors.FromFlatDataAndDimensions(say, rows, length),
		Prefix: tensors.FromFlatDataAndDimensions(prefix, rows),
	}, nil
}
