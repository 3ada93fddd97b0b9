// Package mnist gives MNIST and Fashion-MNIST: 60,000 training and 10,000 test pictures of 28×28 grey pixels, each of
// one of ten classes.
//
// MNIST (LeCun, Cortes and Burges, 1998) shows handwritten digits, white on black. Fashion-MNIST (Xiao, Rasul and
// Vollgraf, 2017, https://arxiv.org/abs/1708.07747) has the same format and shows clothes, bags and shoes; it is harder.
//
// [Load] finds the files, fetches them when it must, and never trusts them: every file's SHA-256 is checked, wherever
// it came from. The result is a [Set], all of it in memory (47 MB), whose pictures come in three forms:
//
//	set.Image(i)             28·28 bytes, 0 for black to 255 for white
//	set.Gray(i)              the same as an image.Image, for drawing
//	set.Picture(dst, i, r)   normalised numbers for a model; with r, changed at random: shifted, rotated, bent
//
// A model of another size, or of three channels, gets them resized: see Set.Prepare. [Source] is the same as a source of
// examples with settings, for mmlib/models.
//
// A text-image model such as CLIP learns from pairs of a picture and a caption. MNIST has no captions, so they are
// written from the class: [Classes] names the classes in English and Chinese ("seven", "七"), and [Templates] holds the
// phrases that a name is put into ("a photo of the digit %s.", "手写数字%s").
package mnist

import (
	"cmp"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"strings"

	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
)

// The names of the data sets.
const (
	MNIST   = "mnist"
	Fashion = "fashion-mnist"
)

// Names lists the data sets that [Load] knows.
func Names() []string { return []string{MNIST, Fashion} }

// The shape of every picture, and the number of classes.
const (
	Side       = 28
	Pixels     = Side * Side
	NumClasses = 10
)

// Mean and standard deviation of all the pixels of the 60,000 training pictures, black 0 and white 1.
const (
	MNISTMean   = 0.13066
	MNISTStd    = 0.30811
	FashionMean = 0.28604
	FashionStd  = 0.35302
)

// Set is a list of pictures with their classes. A Set is safe for concurrent reading.
type Set struct {
	Name   string // "mnist" or "fashion-mnist"
	Images []byte // [N*28*28], row by row, 0 for black to 255 for white
	Labels []byte // [N], 0 to 9

	// Mean and Std normalise what Picture returns: (x/255 - Mean) / Std. A Std of 0 counts as 1.
	Mean, Std float32

	// Augment is the range of the random changes that Picture makes.
	Augment Augment

	// Prepare says how a model reads the pictures: another size and three channels are made as of a user's file. The zero
	// value leaves them 28×28 and grey, normalised by Mean and Std.
	Prepare picture.Preprocess

	// Captions say how the pictures get captions from their classes; nil for none.
	Captions *captions.Settings

	named captions.Classes // names and templates of the classes; nil for the data set's own
}

// Len is the number of examples.
func (s *Set) Len() int { return len(s.Labels) }

// Class returns the class of example i, 0 to 9; [Classes] names it.
func (s *Set) Class(i int) int { return int(s.Labels[i]) }

// Shape is the shape of what Picture writes.
func (s *Set) Shape() (frames, height, width, channels int) {
	size := cmp.Or(s.Prepare.Size, Side)
	return 1, size, size, cmp.Or(s.Prepare.Channels, 1)
}

// resized reports whether Picture writes another shape than the original's.
func (s *Set) resized() bool {
	return s.Prepare.Size != 0 && (s.Prepare.Size != Side || s.Prepare.Channels != 1)
}

// Preprocess is what makes of a picture file what Picture makes of an example.
func (s *Set) Preprocess() picture.Preprocess {
	if s.Prepare.Size != 0 {
		return s.Prepare
	}
	return picture.Preprocess{Size: Side, Channels: 1, Mean: []float32{s.Mean}, Std: []float32{cmp.Or(s.Std, 1)}}
}

// Original is the picture of example i as people see it.
func (s *Set) Original(i int) image.Image { return s.Gray(i) }

// Image is the picture of example i: 28·28 bytes in rows, 0 for black to 255 for white. They are the Set's own: do not
// write to them.
func (s *Set) Image(i int) []byte {
	return s.Images[i*Pixels : (i+1)*Pixels : (i+1)*Pixels]
}

// Gray is the picture of example i as an image.Image. Its pixels are the Set's own: do not write to them.
func (s *Set) Gray(i int) *image.Gray {
	return &image.Gray{Pix: s.Image(i), Stride: Side, Rect: image.Rect(0, 0, Side, Side)}
}

// Split returns all but the last n examples and the last n, to choose checkpoints and settings on. Nothing is copied.
// An n outside 0 … Len is clamped.
func (s *Set) Split(n int) (train, validation *Set) {
	cut := s.Len() - min(max(n, 0), s.Len())
	return s.slice(0, cut), s.slice(cut, s.Len())
}

// Limit returns the first n examples, or all of them if n is 0 or more than there are. Nothing is copied.
func (s *Set) Limit(n int) *Set {
	if n <= 0 || n > s.Len() {
		n = s.Len()
	}
	return s.slice(0, n)
}

// PerClass returns the first n examples of each class, as many of each, in the order of the Set; an error names a class
// that has fewer. The pixels are copied.
func (s *Set) PerClass(n int) (*Set, error) {
	order := make([]int, s.Len())
	for i := range order {
		order[i] = i
	}
	return s.perClass(n, order)
}

// perClass is PerClass with the examples in another order.
func (s *Set) perClass(n int, order []int) (*Set, error) {
	part := *s
	part.Images, part.Labels = make([]byte, 0, n*NumClasses*Pixels), make([]byte, 0, n*NumClasses)
	var have [NumClasses]int
	for _, i := range order {
		if class := s.Class(i); have[class] < n {
			have[class]++
			part.Images, part.Labels = append(part.Images, s.Image(i)...), append(part.Labels, s.Labels[i])
		}
	}
	for class, count := range have {
		if count < n {
			return nil, fmt.Errorf("mnist: class %d has %d examples, fewer than the %d asked for", class, count, n)
		}
	}
	return &part, nil
}

// Draw returns n examples of each class, drawn at random: the seed alone decides which. An error names a class that has
// fewer. The pixels are copied.
func (s *Set) Draw(n int, seed uint64) (*Set, error) {
	return s.perClass(n, rand.New(rand.NewPCG(seed, 0)).Perm(s.Len()))
}

// slice returns the examples from i up to j, sharing the pixels.
func (s *Set) slice(i, j int) *Set {
	part := *s
	part.Images = s.Images[i*Pixels : j*Pixels : j*Pixels]
	part.Labels = s.Labels[i:j:j]
	return &part
}

// lookup finds a data set by its name.
func lookup(name string) (dataset, error) {
	i := slices.IndexFunc(datasets, func(d dataset) bool { return d.name == name })
	if i < 0 {
		return dataset{}, fmt.Errorf("mnist: no data set %q; there is %s", name, strings.Join(Names(), " and "))
	}
	return datasets[i], nil
}
