package train

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/check"
)

// TestWeights: a task's weights are known without a step.
func TestWeights(t *testing.T) {
	wants, err := Weights(backend(t), &fit{examples: 20, model: network}, settings(), 1)
	check.Must(t, err)
	var got []string
	for _, w := range Compare(model.NewStore(), wants).Missing {
		got = append(got, w.String())
	}
	if want := "/hidden/biases [16], /hidden/weights [4 16], /out/biases [3], /out/weights [16 3]"; strings.Join(got, ", ") != want {
		t.Errorf("the weights are %q, want %s", got, want)
	}
	_, err = Weights(backend(t), &fit{model: network}, settings(), 1)
	check.Error(t, err, "no examples")
}

// TestCompare: everything that does not fit is listed at once, by path and shape.
func TestCompare(t *testing.T) {
	f32 := func(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
	wants := map[string]shapes.Shape{
		"/a/weights": f32(2, 3), "/a/lora/out/a": f32(2, 1), "/a/biases": f32(3), "/head/weights": f32(3, 10), "/scale": f32(),
	}
	const all, head, text = "[/a/biases [3] /a/lora/out/a [2 1] /a/weights [2 3] /head/weights [3 10] /scale []]",
		"[/a/lora/out/a [2 1] /head/weights [3 10]]", "[/text/token [7 4]]"
	for name, test := range map[string]struct {
		loaded                              map[string]shapes.Shape
		fitting, missing, unused, misshapen string
		err                                 []string // words of it; none: no error
	}{
		"all": {wants, all, "[]", "[]", "[]", nil},
		"new head, left over": {
			map[string]shapes.Shape{
				"/a/weights": f32(2, 3), "/a/biases": f32(3), "/text/token": f32(7, 4), "/scale": f32(), "/#rngState": f32(3),
			},
			"[/a/biases [3] /a/weights [2 3] /scale []]", head, text, "[]", nil,
		},
		"misshapen": {
			map[string]shapes.Shape{
				"/a/weights": f32(2, 4), "/a/biases": f32(4), "/scale": shapes.Make(dtypes.Float64), "/text/token": f32(7, 4),
			},
			"[]", head, text, "[/a/biases [4] and not [3] /a/weights [2 4] and not [2 3] /scale (Float64) and not (Float32)]",
			[]string{
				"settings are not those", "start from another run",
				"of another shape:\n    /a/biases [4] and not [3]\n    /a/weights [2 4] and not [2 3]\n",
				"missing:\n    /head/weights [3 10]\n", "unused:\n    /text/token [7 4]",
			},
		},
		"another model": {
			map[string]shapes.Shape{"/text/token": f32(7, 4)}, "[]", all, text, "[]",
			[]string{"no use for any of these weights", "missing:\n    /a/biases [3]\n    /a/weights", "unused:\n    /text/token [7 4]"},
		},
	} {
		store := model.NewStore()
		for path, shape := range test.loaded {
			_, err := store.CreateVariable(path, tensors.FromShape(shape))
			check.Must(t, err)
		}
		f := Compare(store, wants)
		for what, pair := range map[string][2]string{
			"fitting": {fmt.Sprint(f.Fitting), test.fitting}, "missing": {fmt.Sprint(f.Missing), test.missing},
			"unused": {fmt.Sprint(f.Unused), test.unused}, "misshapen": {fmt.Sprint(f.Misshapen), test.misshapen},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: %s are %s, want %s", name, what, pair[0], pair[1])
			}
		}
		if test.err == nil {
			check.Must(t, f.Err())
		} else {
			check.Error(t, f.Err(), test.err...)
		}
	}
}

// TestSummary: a few weights by name, a part of a model by its number.
func TestSummary(t *testing.T) {
	var list []Weight
	for i := range 5 {
		list = append(list, Weight{Path: fmt.Sprintf("/text/block%d/weights", i), Has: shapes.Make(dtypes.Float32, 2, 3)})
	}
	head := Weight{Path: "/head/biases", Wants: shapes.Make(dtypes.Float32, 10)}
	if got, want := Summary(append([]Weight{head}, list...)), "/head/biases [10], /text/… (5)"; got != want {
		t.Errorf("the summary is %q, want %q", got, want)
	}
	if got := Summary(list[:4]); strings.Count(got, "[2 3]") != 4 {
		t.Errorf("the summary of four is %q: they should be named", got)
	}
	if got := Summary(nil); got != "" {
		t.Errorf("the summary of none is %q", got)
	}
}
