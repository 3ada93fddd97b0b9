package clip_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/mmlib/internal/nntest"
	"gomm/mmlib/models/clip"
	"gomm/mmlib/task"
)

// TestAttention: the maps are what the class token gives each patch; what it keeps for itself is missing to 1.
func TestAttention(t *testing.T) {
	c := small()
	p := &clip.Predictor{Config: c, Weights: initialised(t, c)}
	x := ten(pictures{10, 10})[:2*16]
	maps := call(t, p, "attention", 2, x)
	weights := nntest.Run(t, backend, p.Weights, func(s *model.Scope, in []*Node) []*Node {
		// The embeddings too, though nobody reads them: the Go backend (compute v0.1.5) fails on a graph with weights made
		// after the last of its results.
		c.Vision.Weights = true
		image := clip.EncodeImage(s, in[0], c)
		return []*Node{image.Weights[0], image.Embeddings}
	}, tensors.FromFlatDataAndDimensions(x, 2, 4, 4, 1))[0] // [2, H=2, 5, 5]
	if len(maps) != 2*1*2*2*2 {
		t.Fatalf("the maps have %d numbers, want those of [2, 1, 2, 2, 2]", len(maps))
	}
	for i, head := range slices.Collect(slices.Chunk(maps, 4)) { // picture and head
		sum := weights[i*25]
		for k, got := range head {
			if want := weights[i*25+1+k]; math.Abs(float64(got)-want) > 1e-6 {
				t.Errorf("map %d gives patch %d %v, the block's weights say %v", i, k, got, want)
			}
			sum += float64(got)
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("map %d and the class token's own weight sum to %v, want 1", i, sum)
		}
	}
}

// TestFuncs: every function has outputs of the shapes that it announces.
func TestFuncs(t *testing.T) {
	c := small()
	store := initialised(t, c)
	for _, p := range []task.Predictor{
		&clip.Predictor{Config: c, Weights: store},
		&clip.Classifier{Config: clip.ClassifierConfig{Vision: c.Vision, Classes: 3}, Weights: store},
	} {
		if p.Store() != store {
			t.Errorf("%T has another store", p)
		}
		for _, f := range p.Funcs() {
			g := NewGraph(backend, f.Name)
			in := f.In[0].Clone()
			in.Dimensions = append([]int{3}, in.Dimensions...)
			out := f.Graph(store.RootScope(), []*Node{Parameter(g, "in", in)})
			if want := fmt.Sprint(append([]int{3}, f.Out[0].Dimensions...)); len(out) != 1 || fmt.Sprint(out[0].Shape().Dimensions) != want {
				t.Errorf("%T: %s gives %v, want the shape %s", p, f.Name, out, want)
			}
			g.Finalize()
		}
	}
}

// TestKeepVision: a classifier starts from the vision tower alone, with its numbers unchanged.
func TestKeepVision(t *testing.T) {
	store := initialised(t, small())
	before := nntest.Flat(t, store.GetVariable("/vision/position").MustValue())
	if err := clip.KeepVision(store); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths(store) {
		if path != "/"+model.RNGStateVariableName && path[:8] != "/vision/" {
			t.Errorf("%s is still there", path)
		}
	}
	if !slices.Equal(before, nntest.Flat(t, store.GetVariable("/vision/position").MustValue())) {
		t.Error("the position embedding has changed")
	}
}
