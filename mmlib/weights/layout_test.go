package weights_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"gomm/mmlib/internal/check"
	"gomm/mmlib/weights"
)

// tensors are a source in memory.
type tensors map[string]struct {
	shape  []int
	values []float32
}

func (t tensors) Names() []string { return slices.Sorted(maps.Keys(t)) }

func (t tensors) Info(name string) (weights.Info, bool) {
	x, ok := t[name]
	return weights.Info{Name: name, DType: weights.F32, Shape: x.shape}, ok
}

func (t tensors) Floats(name string) ([]float32, error) {
	if t[name].values == nil {
		return nil, errors.New("cannot be read")
	}
	return t[name].values, nil
}

// add puts a tensor whose numbers are from, from + 1, … .
func (t tensors) add(name string, from float32, shape ...int) {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = from + float32(i)
	}
	x := t[name]
	x.shape, x.values = shape, values
	t[name] = x
}

var pieces = weights.Layout{
	Pieces: []weights.Piece{
		{Name: "bias", Shape: []int{3}, Path: "/bias", Whole: []int{3}},
		{Name: "scale", Path: "/scale"},
		{Name: "q", Shape: []int{2, 3}, Path: "/qkv", Whole: []int{3, 4}, Axes: []int{1, 0}},
		{Name: "k", Shape: []int{2, 3}, Path: "/qkv", Whole: []int{3, 4}, Axes: []int{1, 0}, First: 2},
		{Name: "kernel", Shape: []int{2, 3, 2, 2}, Path: "/patch", Whole: []int{12, 2}, Axes: []int{2, 3, 1, 0}},
	},
	Ignored: func(name string) bool { return name == "positions" },
}

func source() tensors {
	t := tensors{}
	t.add("bias", 1, 3)
	t.add("scale", 7)
	t.add("q", 10, 2, 3)
	t.add("k", 20, 2, 3)
	t.add("kernel", 100, 2, 3, 2, 2)
	t.add("positions", 0, 5)
	return t
}

// TestLayout: every number comes where it belongs, and back again.
func TestLayout(t *testing.T) {
	from, loaded := source(), map[string]weights.Weight{}
	var order []string
	check.Must(t, pieces.Load(from, func(w weights.Weight) error {
		order, loaded[w.Path] = append(order, w.Path), w
		return nil
	}))
	if want := []string{"/bias", "/scale", "/qkv", "/patch"}; !slices.Equal(order, want) {
		t.Errorf("weights came as %q, not %q", order, want)
	}
	for path, want := range map[string][]float32{
		"/bias":  {1, 2, 3},
		"/scale": {7},
		"/qkv":   {10, 13, 20, 23, 11, 14, 21, 24, 12, 15, 22, 25},
	} {
		if w := loaded[path]; !slices.Equal(w.Values, want) {
			t.Errorf("%s is %v, want %v", path, w.Values, want)
		}
	}
	patch := loaded["/patch"]
	for d := range 2 {
		for c := range 3 {
			for y := range 2 {
				for x := range 2 {
					want := from["kernel"].values[((d*3+c)*2+y)*2+x]
					if got := patch.Values[((y*2+x)*3+c)*2+d]; got != want {
						t.Errorf("patch at row %d, column %d, channel %d, feature %d is %g, want %g", y, x, c, d, got, want)
					}
				}
			}
		}
	}
	for _, p := range pieces.Pieces {
		back, err := p.Tensor(loaded[p.Path].Values)
		check.Must(t, err)
		if !slices.Equal(back, from[p.Name].values) {
			t.Errorf("%s comes back as %v", p.Name, back)
		}
	}
	_, err := pieces.Pieces[0].Tensor(make([]float32, 2))
	check.Error(t, err, "/bias has 2 numbers")
}

// TestLayoutRefuses: all that does not fit is named at once, and nothing is loaded.
func TestLayoutRefuses(t *testing.T) {
	from := source()
	delete(from, "bias")
	delete(from, "scale")
	from.add("k", 0, 3, 2)
	from.add("extra", 0, 1)
	from.add("more", 0, 1)
	err := pieces.Load(from, func(weights.Weight) error { t.Error("something was loaded"); return nil })
	check.Error(t, err, "2 missing: bias, scale", "1 of another shape: k is [3 2], the settings want [2 3]",
		"2 not of this model: extra, more")
	from = source()
	from["kernel"] = struct {
		shape  []int
		values []float32
	}{shape: []int{2, 3, 2, 2}}
	check.Error(t, pieces.Load(from, func(weights.Weight) error { return nil }), "cannot be read")
	broken := errors.New("no room")
	if err := pieces.Load(source(), func(weights.Weight) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("the error of put became %v", err)
	}
}
