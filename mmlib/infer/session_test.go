package infer

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
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
	must(t, err)
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
		{Name: "add", In: slices.Concat(three, three), Out: three, Graph: func(_ *model.Scope, in []*Node) []*Node { return []*Node{Add(in[0], in[1])} }},
	}, p.more...)
}

func floats(dims ...int) []shapes.Shape { return []shapes.Shape{shapes.Make(dtypes.Float32, dims...)} }

func open(t testing.TB, p task.Predictor, names []string, buckets ...int) (*Session, error) {
	t.Helper()
	b, err := xla.Open()
	must(t, err)
	return Open(b, p, names, buckets...)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; it should say %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
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
	must(t, err)
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
	must(t, err)
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

func TestCallRefuses(t *testing.T) {
	s, err := open(t, newToy(t), nil, 2)
	must(t, err)
	three := []float32{1, 2, 3}
	_, err = Call(s, "projekt", 1, three)
	wantError(t, err, `no function "projekt"`)
	_, err = Call(s, "project", 1, []int32{1, 2, 3})
	wantError(t, err, `"project"`, "Float32", "Int32")
	_, err = Call(s, "count", 1, []float32{1, 2})
	wantError(t, err, `"count"`, "Float32", "Int32")
	_, err = Call(s, "project", 2, three)
	wantError(t, err, `"project"`, "3 values for each example", "3 values are not 2 examples")
	_, err = Call(s, "project", 1, three[:2])
	wantError(t, err, "2 values are not 1 examples")
	_, err = Call(s, "project", 0, []float32{})
	wantError(t, err, "nothing", "0 examples")
	_, err = Call(s, "project", -1, three)
	wantError(t, err, "nothing", "-1 examples")
	_, err = Call(s, "add", 1, three)
	wantError(t, err, `"add"`, "2 inputs and 1 outputs")
}

func TestOpenRefuses(t *testing.T) {
	_, err := open(t, newToy(t), []string{"double", "texts"}, 1)
	wantError(t, err, `no function "texts"`)
	_, err = open(t, newToy(t), nil, 4, 0)
	wantError(t, err, "batch size 0", "at least 1")
	for name, test := range map[string]struct {
		f     task.Func
		words []string
	}{
		"bad graph": {
			task.Func{Name: "bad", In: floats(3), Out: floats(3), Graph: func(_ *model.Scope, in []*Node) []*Node { return []*Node{Reshape(in[0], 5)} }},
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
			wantError(t, err, test.words...)
		})
	}
}

func TestFunc(t *testing.T) {
	s, err := open(t, newToy(t), []string{"double"}, 1)
	must(t, err)
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
	must(t, err)
	must(t, p.store.GetVariable("/w").SetValue(tensors.FromValue([][]float32{{1, 1}, {1, 1}, {1, 1}})))
	got, err := Call(s, "project", 1, []float32{1, 2, 3})
	if want := []float32{6, 6}; err != nil || !slices.Equal(got, want) {
		t.Errorf("with new weights project gives %v (%v), want %v", got, err, want)
	}
}
