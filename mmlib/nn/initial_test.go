package nn_test

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"gomm/mmlib/nn"
)

// declare makes weights of odd sizes; ours by nn.Normal, the others by GoMLX's initializer alone.
func declare(t *testing.T, ours bool) *model.Store {
	t.Helper()
	store := model.NewStore()
	state, err := RNGStateFromSeed(7)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateVariable("/"+model.RNGStateVariableName, state); err != nil {
		t.Fatal(err)
	}
	s := store.RootScope().At("layer")
	for i, dims := range [][]int{{3}, {5, 7}, {64, 128}, {1}, {2, 2}, {1001}} {
		name, std, shape := string(rune('a'+i)), 0.1+float64(i), shapes.Make(dtypes.Float32, dims...)
		if ours {
			nn.Normal(s, name, std, shape)
		} else {
			s.WithInitializer(initializer.RandomNormalFn(s, std)).VariableWithShape(name, shape)
		}
		s.WithInitializer(initializer.One).VariableWithShape(name+"-gain", shape)
	}
	return store
}

// TestInitialize: the first values, and the random state that is left, are those that GoMLX gives, number for number.
func TestInitialize(t *testing.T) {
	want, got := declare(t, false), declare(t, true)
	if err := want.InitializeVariables(backend, nil); err != nil {
		t.Fatal(err)
	}
	if err := nn.Initialize(backend, got); err != nil {
		t.Fatal(err)
	}
	for v := range want.IterVariables() {
		w, err := v.Value()
		if err != nil {
			t.Fatal(err)
		}
		g, err := got.GetVariable(v.Path()).Value()
		if err != nil {
			t.Fatal(err)
		}
		if !w.Equal(g) {
			t.Errorf("%s differs: %v, want %v", v.Path(), g, w)
		}
	}
	// A weight that is made later can still be begun by GoMLX.
	nn.Normal(got.RootScope(), "later", 1, shapes.Make(dtypes.Float32, 2))
	if err := got.InitializeVariables(backend, nil); err != nil {
		t.Error(err)
	}
}
