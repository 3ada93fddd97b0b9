package weights

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Piece says where the numbers of a tensor of some other library lie in a weight of ours. The tensor, its axes in the order of
// Axes, and seen as a matrix whose last axis stays, is a block of columns of the weight:
//
//	y = x·Wᵀ there, x·W here       Axes 1, 0
//	q, k and v apart there         three pieces of one weight, at the columns 0, D and 2·D
//	a kernel [D, C, P, P] there    Axes 2, 3, 1, 0: the matrix [P·P·C, D] of rows of pixels, channels last
//
// So the same Piece serves to read the numbers and to write them.
type Piece struct {
	Name  string // of the tensor
	Shape []int  // of the tensor
	Path  string // of the weight: "/text/token"
	Whole []int  // shape of the weight
	Axes  []int  // of the tensor, in the order that they have in the weight; nil: as they are
	First int    // column of the weight at which the piece begins
}

// Layout is how another library keeps a model's weights: every tensor of its file.
type Layout struct {
	Pieces []Piece

	// Ignored reports tensors that a file may have besides, such as numbers that follow from the others. Nil: there are none.
	Ignored func(name string) bool
}

// Source is where tensors are read from; a [File] is one.
type Source interface {
	Names() []string
	Info(name string) (Info, bool)
	Floats(name string) ([]float32, error)
}

// Weight is one of our weights.
type Weight struct {
	Path   string
	Shape  []int
	Values []float32
}

// Load reads all tensors of a file and gives put one weight after the other, each when it is whole. Before it reads anything it compares
// the file with the layout: everything that is missing, of another shape or of no use is in one error.
func (l Layout) Load(s Source, put func(Weight) error) error {
	if err := l.check(s); err != nil {
		return err
	}
	for _, path := range l.paths() {
		w := Weight{Path: path}
		for _, p := range l.of(path) {
			values, err := s.Floats(p.Name)
			if err != nil {
				return err
			}
			if w.Values == nil {
				w.Shape, w.Values = p.Whole, make([]float32, size(p.Whole))
			}
			p.each(func(there, here int) { w.Values[here] = values[there] })
		}
		if err := put(w); err != nil {
			return err
		}
	}
	return nil
}

// Tensor takes the numbers of a piece from the weight that it lies in.
func (p Piece) Tensor(weight []float32) ([]float32, error) {
	if len(weight) != size(p.Whole) {
		return nil, fmt.Errorf("weights: %s has %d numbers, and the shape %v takes %d", p.Path, len(weight), p.Whole, size(p.Whole))
	}
	values := make([]float32, size(p.Shape))
	p.each(func(there, here int) { values[there] = weight[here] })
	return values, nil
}

// each calls f with the place of every number, in the tensor and in the weight.
func (p Piece) each(f func(there, here int)) {
	axes := p.Axes
	if axes == nil {
		axes = identity(len(p.Shape))
	}
	steps := strides(p.Shape)
	columns, all := 1, 1 // of the piece, of the weight
	if n := len(axes); n > 0 {
		columns, all = p.Shape[axes[n-1]], p.Whole[len(p.Whole)-1]
	}
	at, there := make([]int, len(axes)), 0
	for k := range size(p.Shape) {
		f(there, k/columns*all+p.First+k%columns)
		for a := len(axes) - 1; a >= 0; a-- { // the next one, in the weight's order
			at[a]++
			there += steps[axes[a]]
			if at[a] < p.Shape[axes[a]] {
				break
			}
			there -= at[a] * steps[axes[a]]
			at[a] = 0
		}
	}
}

// paths are those of the weights, in the order of their first pieces.
func (l Layout) paths() []string {
	var list []string
	seen := map[string]bool{}
	for _, p := range l.Pieces {
		if !seen[p.Path] {
			seen[p.Path] = true
			list = append(list, p.Path)
		}
	}
	return list
}

// of are the pieces of a weight.
func (l Layout) of(path string) []Piece {
	var list []Piece
	for _, p := range l.Pieces {
		if p.Path == path {
			list = append(list, p)
		}
	}
	return list
}

// check compares the names and shapes of a file with the layout.
func (l Layout) check(s Source) error {
	var missing, misshapen, unknown []string
	known := map[string]bool{}
	for _, p := range l.Pieces {
		known[p.Name] = true
		switch info, ok := s.Info(p.Name); {
		case !ok:
			missing = append(missing, p.Name)
		case !slices.Equal(info.Shape, p.Shape):
			misshapen = append(misshapen, fmt.Sprintf("%s is %v, the settings want %v", p.Name, info.Shape, p.Shape))
		}
	}
	for _, name := range s.Names() {
		if !known[name] && (l.Ignored == nil || !l.Ignored(name)) {
			unknown = append(unknown, name)
		}
	}
	var parts []string
	for _, list := range []struct {
		about string
		names []string
	}{{"missing", missing}, {"of another shape", misshapen}, {"not of this model", unknown}} {
		if n := len(list.names); n > 0 {
			slices.Sort(list.names)
			parts = append(parts, fmt.Sprintf("%d %s: %s", n, list.about, strings.Join(list.names, ", ")))
		}
	}
	if parts == nil {
		return nil
	}
	return errors.New("weights: the tensors are not those of the model: " + strings.Join(parts, "; "))
}

func size(shape []int) int {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	return n
}

func identity(n int) []int {
	axes := make([]int, n)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

// strides are how far apart the numbers of neighbours along each axis lie.
func strides(shape []int) []int {
	steps, step := make([]int, len(shape)), 1
	for a := len(shape) - 1; a >= 0; a-- {
		steps[a] = step
		step *= shape[a]
	}
	return steps
}
