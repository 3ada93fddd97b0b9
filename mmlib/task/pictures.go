package task

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"
)

// Pictures are examples that write their own pixels, as data packages give them.
type Pictures interface {
	Len() int

	// Shape is what Picture writes; frames is 1 except for films.
	Shape() (frames, height, width, channels int)

	// Picture writes example i into dst, channels last, as the model reads it; with r not nil it is changed at random.
	Picture(dst []float32, i int, r *rand.Rand)
}

// Pairs are pictures and the texts that go with them: one or several captions for each picture, or captions made of the names of
// classes.
type Pairs interface {
	Pictures

	// Texts draws the texts of a batch: the ids of the distinct texts, for each example the number of its own text among them, and its
	// group. Examples of equal groups have texts that mean the same. The number of texts is the same for every batch.
	Texts(examples []int, r *rand.Rand) (ids [][]int32, own, group []int32)
}

// Frame is the shape of the pictures that a model reads: size·size pixels of so many channels, or with Frames films of them.
type Frame struct {
	Frames         int // 0 for pictures
	Size, Channels int
	Keys           string // the settings that say so, for errors: "image_size, channels"
}

// Dims are the dimensions of one picture, [H, W, C], or of a film, [T, H, W, C].
func (f Frame) Dims() []int {
	if f.Frames > 0 {
		return []int{f.Frames, f.Size, f.Size, f.Channels}
	}
	return []int{f.Size, f.Size, f.Channels}
}

// Check refuses pictures of another shape than a model reads, whose pixels would be scrambled in silence, and a set without any.
func (f Frame) Check(model string, p Pictures) error {
	if p == nil || p.Len() == 0 {
		return fmt.Errorf("%s: there are no pictures to train on", model)
	}
	frames, height, width, channels := p.Shape()
	if want := max(f.Frames, 1); frames != want || height != f.Size || width != f.Size || channels != f.Channels {
		return fmt.Errorf("%s: the data gives pictures of %d×%d pixels, %d channels, %d frames; the model reads %d×%d pixels, %d channels, "+
			"%d frames (%s)", model, width, height, channels, frames, f.Size, f.Size, f.Channels, want, f.Keys)
	}
	return nil
}

// Read reads the pixels of examples: [B, H, W, C], of films [B, T, H, W, C].
func (f Frame) Read(p Pictures, examples []int, r *rand.Rand) *tensors.Tensor {
	size := max(f.Frames, 1) * f.Size * f.Size * f.Channels
	flat := make([]float32, len(examples)*size)
	for n, i := range examples {
		p.Picture(flat[n*size:(n+1)*size], i, r)
	}
	return tensors.FromFlatDataAndDimensions(flat, append([]int{len(examples)}, f.Dims()...)...)
}

// Texts are the texts of a batch as [Pairs] draws them.
type Texts struct {
	IDs        [][]int32
	Own, Group []int32
}

// ReadTexts draws the texts of a batch, and checks that each has so many ids as the model reads, all of its vocabulary.
func ReadTexts(model string, p Pairs, examples []int, r *rand.Rand, context, vocab int) (t Texts, err error) {
	t.IDs, t.Own, t.Group = p.Texts(examples, r)
	if len(t.Own) != len(examples) || len(t.Group) != len(examples) {
		return t, fmt.Errorf("%s: the data gives %d texts and %d groups for %d pictures", model, len(t.Own), len(t.Group), len(examples))
	}
	for _, row := range t.IDs {
		if len(row) != context {
			return t, fmt.Errorf("%s: a text has %d ids, text.context is %d", model, len(row), context)
		}
		for _, id := range row {
			if id < 0 || int(id) >= vocab {
				return t, fmt.Errorf("%s: a text has the id %d: it must be at least 0 and below text.vocab (%d)", model, id, vocab)
			}
		}
	}
	for n, own := range t.Own {
		if own < 0 || int(own) >= len(t.IDs) {
			return t, fmt.Errorf("%s: example %d has the text number %d of %d", model, examples[n], own, len(t.IDs))
		}
	}
	return t, nil
}
