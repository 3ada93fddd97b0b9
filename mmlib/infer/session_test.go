package infer

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/task"
)

// TestMain ends at once: under -race the destructors of a plugin can abort an orderly exit.
func TestMain(m *testing.M) { syscall.Exit(m.Run()) }

// toy is a small model: a matrix W [3, 2], and functions of each kind.
type toy struct {
	store *model.Store
	more  []task.Func
}

func newToy(t testing.TB, more ...task.Func) toy {
	t.Helper()
	s := model.NewStore()
	_, err := s.CreateVariable("/w", tensors.FromValue([][]float32{{1, 0}, {0, 1}, {0.5, -2}}))
	check.Must(t, err)
	return toy{s, more}
}

func (p toy) Store() *model.Store { return p.store }

func (p toy) Funcs() []task.Func {
	three, two := floats(3), floats(2)
	product := func(s *model.Scope, x *Node) *Node {
		return MatMul(x, s.VariableWithShape("w", shapes.Make(dtypes.Float32, 3, 2)).NodeValue(x.Graph()))
	}
	return append([]task.Func{
		{Name: "double", In: three, Out: three, Graph: func(_ *model.Scope, in []*Node) []*Node { return []*Node{MulScalar(in[0], 2)} }},
		{Name: "project", In: three, Out: two, Graph: func(s *model.Scope, in []*Node) []*Node { return []*Node{product(s, in[0])} }},
		{Name: "count", In: []shapes.Shape{shapes.Make(dtypes.Int32, 2)}, Out: floats(), Graph: func(_ *model.Scope, in []*Node) []*Node {
			return []*Node{ReduceSum(ConvertDType(in[0], dtypes.Float32), 1)}
		}},
		{Name: "add", In: slices.Concat(three, three), Out: three,
			Graph: func(_ *model.Scope, in []*Node) []*Node { return []*Node{Add(in[0], in[1])} }},
	}, p.more...)
}

func floats(dims ...int) []shapes.Shape { return []shapes.Shape{shapes.Make(dtypes.Float32, dims...)} }

func open(t testing.TB, p task.Predictor, names []string, buckets ...int) (*Session, error) {
	t.Helper()
	b, err := xla.Open()
	check.Must(t, err)
	return Open(b, p, names, buckets...)
}

// rows makes n examples of three numbers, and what "project" should make of them.
func rows(n int) (in, want []float32) {
	for i := range n {
		x := []float32{float32(i), float32(i%7) - 3, float32(2 * i)}
		in = append(in, x...)
		want = append(want, x[0]+0.5*x[2], x[1]-2*x[2])
	}
	return in, want
}

// TestBuckets: padded, cut or just right, every number of examples gives the same values.
func TestBuckets(t *testing.T) {
	s, err := open(t, newToy(t), []string{"project", "count"}, 5, 2, 5) // sorted, each once
	check.Must(t, err)
	for n := 1; n <= 13; n++ {
		in, want := rows(n)
		got, err := Call(s, "project", n, in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d examples give %v (%v), want %v", n, got, err, want)
		}
	}
	got, err := Call(s, "count", 3, []int32{1, 2, 30, 40, 500, 600})
	if want := []float32{3, 70, 1100}; err != nil || !slices.Equal(got, want) {
		t.Errorf("count gives %v (%v), want %v", got, err, want)
	}
	for n, want := range map[int]int{1: 2, 2: 2, 3: 5, 5: 5, 6: 5, 99: 5} {
		if got := s.bucket(n); got != want {
			t.Errorf("%d examples go into a bucket of %d, want %d", n, got, want)
		}
	}
}

// TestConcurrent calls from many goroutines at once, with sizes of all kinds.
func TestConcurrent(t *testing.T) {
	s, err := open(t, newToy(t), []string{"project", "double"}, 1, 4)
	check.Must(t, err)
	var wait sync.WaitGroup
	for worker := range 16 {
		wait.Go(func() {
			for i := range 10 {
				n := 1 + (worker+i)%9
				in, want := rows(n)
				name := "project"
				if i%3 == 0 {
					name, want = "double", nil
					for _, x := range in {
						want = append(want, 2*x)
					}
				}
				got, err := Call(s, name, n, in)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s of %d examples gives %v (%v), want %v", name, n, got, err, want)
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestSeveral: two inputs of different types and shapes give two outputs, in batches that are cut, filled up, and exact.
func TestSeveral(t *testing.T) {
	s, err := open(t, newToy(t, both()), []string{"both"}, 2, 4)
	check.Must(t, err)
	for n := 1; n <= 9; n++ {
		x, ids := make([]float32, 3*n), make([]int32, 2*n)
		for i := range x {
			x[i] = float32(i)
		}
		for i := range ids {
			ids[i] = int32(10 * i)
		}
		in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, n, 3), tensors.FromFlatDataAndDimensions(ids, n, 2)}
		out, err := s.Call("both", in...)
		check.Must(t, err)
		sums, first := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[int32](out[1])
		if len(sums) != n || len(first) != n {
			t.Fatalf("%d examples give %d and %d results", n, len(sums), len(first))
		}
		for i := range n {
			want := x[3*i] + x[3*i+1] + x[3*i+2] + float32(ids[2*i+1])
			if sums[i] != want || first[i] != ids[2*i] {
				t.Errorf("example %d of %d gives %g and %d, want %g and %d", i, n, sums[i], first[i], want, ids[2*i])
			}
		}
		if got := tensors.MustCopyFlatData[float32](in[0]); !slices.Equal(got, x) {
			t.Error("the input was changed")
		}
	}
}

// both is a function of numbers [3] and ids [2]: the sum of the numbers and the last id, and the first id.
func both() task.Func {
	in := []shapes.Shape{shapes.Make(dtypes.Float32, 3), shapes.Make(dtypes.Int32, 2)}
	out := []shapes.Shape{shapes.Make(dtypes.Float32), shapes.Make(dtypes.Int32)}
	return task.Func{Name: "both", In: in, Out: out, Graph: func(_ *model.Scope, in []*Node) []*Node {
		id := func(i int) *Node { return Squeeze(Slice(in[1], AxisRange(), AxisElem(i)), 1) }
		return []*Node{Add(ReduceSum(in[0], 1), ConvertDType(id(1), dtypes.Float32)), id(0)}
	}}
}

func TestSeveralRefuses(t *testing.T) {
	s, err := open(t, newToy(t, both()), []string{"both"}, 2)
	check.Must(t, err)
	x := tensors.FromFlatDataAndDimensions(make([]float32, 6), 2, 3)
	ids := tensors.FromFlatDataAndDimensions(make([]int32, 4), 2, 2)
	one := tensors.FromFlatDataAndDimensions(make([]int32, 2), 1, 2)
	call := func(in ...*tensors.Tensor) error {
		_, err := s.Call("both", in...)
		return err
	}
	check.Must(t, call(x, ids))
	check.Error(t, call(), `"both" takes 2 inputs, not 0`)
	check.Error(t, call(x), `"both" takes 2 inputs, not 1`)
	check.Error(t, call(ids, x), "input 0", "Int32", "Float32")
	check.Error(t, call(x, x), "input 1", "Int32")
	check.Error(t, call(x, one), "2 and 1 examples")
	check.Error(t, call(tensors.FromValue(float32(1)), ids), "input 0")
	check.Error(t, call(tensors.FromFlatDataAndDimensions([]float32{}, 0, 3), tensors.FromFlatDataAndDimensions([]int32{}, 0, 2)), "nothing",
		"0 examples")
}

// TestWith: another session of the same model.
func TestWith(t *testing.T) {
	s, err := open(t, newToy(t), []string{"double"}, 2)
	check.Must(t, err)
	other, err := s.With([]string{"project"}, 3, 7)
	check.Must(t, err)
	if s.Largest() != 2 || other.Largest() != 7 {
		t.Errorf("the largest batches are %d and %d, want 2 and 7", s.Largest(), other.Largest())
	}
	in, want := rows(4)
	if got, err := Call(other, "project", 4, in); err != nil || !slices.Equal(got, want) {
		t.Errorf("project gives %v (%v), want %v", got, err, want)
	}
	_, err = Call(other, "double", 1, in[:3])
	check.Error(t, err, `no function "double"`)
}

func TestCallRefuses(t *testing.T) {
	s, err := open(t, newToy(t), nil, 2)
	check.Must(t, err)
	three := []float32{1, 2, 3}
	_, err = Call(s, "projekt", 1, three)
	check.Error(t, err, `no function "projekt"`)
	_, err = Call(s, "project", 1, []int32{1, 2, 3})
	check.Error(t, err, `"project"`, "Float32", "Int32")
	_, err = Call(s, "count", 1, []float32{1, 2})
	check.Error(t, err, `"count"`, "Float32", "Int32")
	_, err = Call(s, "project", 2, three)
	check.Error(t, err, `"project"`, "3 values for each example", "3 values are not 2 examples")
	_, err = Call(s, "project", 1, three[:2])
	check.Error(t, err, "2 values are not 1 examples")
	_, err = Call(s, "project", 0, []float32{})
	check.Error(t, err, "nothing", "0 examples")
	_, err = Call(s, "project", -1, three)
	check.Error(t, err, "nothing", "-1 examples")
	_, err = Call(s, "add", 1, three)
	check.Error(t, err, `"add"`, "2 inputs and 1 outputs")
}

func TestOpenRefuses(t *testing.T) {
	_, err := open(t, newToy(t), []string{"double", "texts"}, 1)
	check.Error(t, err, `no function "texts"`)
	_, err = open(t, newToy(t), nil, 4, 0)
	check.Error(t, err, "batch size 0", "at least 1")
	for name, test := range map[string]struct {
		f     task.Func
		words []string
	}{
		"bad graph": {
			task.Func{Name: "bad", In: floats(3), Out: floats(3),
				Graph: func(_ *model.Scope, in []*Node) []*Node { return []*Node{Reshape(in[0], 5)} }},
			[]string{`infer: compiling "bad"`},
		},
		"other shape": {
			task.Func{Name: "bad", In: floats(3), Out: floats(4), Graph: func(_ *model.Scope, in []*Node) []*Node { return in }},
			[]string{`infer: compiling "bad"`, "[1, 3]", "[1, 4]"},
		},
		"other number": {
			task.Func{Name: "bad", In: floats(3), Out: floats(3), Graph: func(_ *model.Scope, in []*Node) []*Node { return nil }},
			[]string{`infer: compiling "bad"`, "gives 0 results and declares 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, newToy(t, test.f), []string{"bad"}, 1)
			check.Error(t, err, test.words...)
		})
	}
}

func TestFunc(t *testing.T) {
	s, err := open(t, newToy(t), []string{"double"}, 1)
	check.Must(t, err)
	if f, ok := s.Func("double"); !ok || f.Name != "double" || fmt.Sprint(f.In[0].Dimensions) != "[3]" {
		t.Errorf("double is %+v, %v", f, ok)
	}
	if _, ok := s.Func("project"); ok {
		t.Error("the session has a function that was not asked for")
	}
}

// TestWeightsLive: a session over weights in training sees their present values between steps.
func TestWeightsLive(t *testing.T) {
	p := newToy(t)
	s, err := open(t, p, []string{"project"}, 1)
	check.Must(t, err)
	check.Must(t, p.store.GetVariable("/w").SetValue(tensors.FromValue([][]float32{{1, 1}, {1, 1}, {1, 1}})))
	got, err := Call(s, "project", 1, []float32{1, 2, 3})
	if want := []float32{6, 6}; err != nil || !slices.Equal(got, want) {
		t.Errorf("with new weights project gives %v (%v), want %v", got, err, want)
	}
}
