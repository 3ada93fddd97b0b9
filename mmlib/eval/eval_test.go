package eval

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"syscall"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"gomm/kernels/xla"
	"gomm/mmlib/infer"
	"gomm/mmlib/internal/check"
	"gomm/mmlib/task"
)

// TestMain ends at once: under -race the destructors of a plugin can abort an orderly exit.
func TestMain(m *testing.M) { syscall.Exit(m.Run()) }

// toy is a model whose pictures are pairs of numbers and whose texts are pairs of ids; both embed as they are.
type toy struct{}

func (toy) Store() *model.Store { return model.NewStore() }

func (toy) Funcs() []task.Func {
	same := func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		return []*graph.Node{graph.ConvertDType(in[0], dtypes.Float32)}
	}
	two := []shapes.Shape{shapes.Make(dtypes.Float32, 2)}
	return []task.Func{
		{Name: "image", In: two, Out: two, Graph: same},
		{Name: "text", In: []shapes.Shape{shapes.Make(dtypes.Int32, 2)}, Out: two, Graph: same},
		{Name: "add", In: slices.Concat(two, two), Out: two,
			Graph: func(_ *model.Scope, in []*graph.Node) []*graph.Node { return []*graph.Node{graph.Add(in[0], in[1])} }},
	}
}

func session(t testing.TB) *infer.Session {
	t.Helper()
	b, err := xla.Open()
	check.Must(t, err)
	s, err := infer.Open(b, toy{}, nil, 4, 256)
	check.Must(t, err)
	return s
}

// labels are examples with the given classes; the picture of example i is (i, class).
type labels []int

func (l labels) Len() int        { return len(l) }
func (l labels) Class(i int) int { return l[i] }
func (l labels) Picture(dst []float32, i int, r *rand.Rand) {
	if r != nil {
		panic("evaluation wants pictures as they are")
	}
	dst[0], dst[1] = float32(i), float32(l[i])
}

func matrix(width int, data ...float32) Matrix {
	return Matrix{Rows: len(data) / width, Width: width, Data: data}
}

// wantMatrix compares up to rounding.
func wantMatrix(t testing.TB, got, want Matrix) {
	t.Helper()
	if got.Rows != want.Rows || got.Width != want.Width || len(got.Data) != len(want.Data) {
		t.Fatalf("%d×%d with %d values, want %d×%d", got.Rows, got.Width, len(got.Data), want.Rows, want.Width)
	}
	for i := range want.Data {
		if math.Abs(float64(got.Data[i]-want.Data[i])) > 1e-6 {
			t.Fatalf("%v, want %v", got.Data, want.Data)
		}
	}
}

// TestRun runs on more examples than are held in memory at a time.
func TestRun(t *testing.T) {
	s := session(t)
	for _, n := range []int{0, 1, 3, 1024, 1300} {
		l := make(labels, n)
		var want []float32
		for i := range l {
			l[i] = i % 10
			want = append(want, float32(i), float32(i%10))
		}
		m, err := OnPictures(s, "image", l)
		check.Must(t, err)
		wantMatrix(t, m, Matrix{Rows: n, Width: 2, Data: want})
	}
}

func TestRunRefuses(t *testing.T) {
	s := session(t)
	_, err := OnPictures(s, "classify", labels{1})
	check.Error(t, err, `no function "classify"`)
	_, err = OnPictures(s, "text", labels{1})
	check.Error(t, err, `"text"`, "Int32", "Float32")
	_, err = OnPictures(s, "add", labels{1})
	check.Error(t, err, `"add"`, "2 inputs and 1 outputs")
}

func TestClassVectors(t *testing.T) {
	s := session(t)
	m, err := ClassVectors(s, [][]int32{{3, 0}, {1, 0}, {0, 2}, {2, 0}}, 2)
	check.Must(t, err)
	wantMatrix(t, m, matrix(2, 1, 0, math.Sqrt2/2, math.Sqrt2/2))
	_, err = ClassVectors(s, [][]int32{{3, 0}, {1, 0}, {0, 2}}, 2)
	check.Error(t, err, "3 prompts", "2 for each class")
	_, err = ClassVectors(s, [][]int32{{3, 0}, {1, 0, 7}}, 1)
	check.Error(t, err, "prompt 1 has 3 ids", "reads 2")
}

func TestEnsemble(t *testing.T) {
	m, err := Ensemble(matrix(2, 1, 0, 0, 1, 0.6, 0.8, 0.6, 0.8, 1, 0, -1, 0), 2)
	check.Must(t, err)
	r := float32(math.Sqrt2 / 2)
	wantMatrix(t, m, matrix(2, r, r, 0.6, 0.8, 0, 0)) // what cancels out stays 0, and is no NaN
	for _, each := range []int{0, -1, 4} {
		_, err := Ensemble(matrix(2, 1, 0, 0, 1, 1, 1), each)
		check.Error(t, err, "3 prompts do not divide")
	}
}

func TestSimilarity(t *testing.T) {
	m, err := Similarity(matrix(2, 1, 0, 0.6, 0.8), matrix(2, 0, 1, 1, 0, 2, 3))
	check.Must(t, err)
	wantMatrix(t, m, matrix(3, 0, 1, 2, 0.8, 0.6, 3.6))
	_, err = Similarity(matrix(2, 1, 0), matrix(3, 1, 0, 0))
	check.Error(t, err, "width 2 and 3")
}

func TestSoftmax(t *testing.T) {
	m := matrix(2, 0, float32(math.Log(3)), 1000, 1000)
	wantMatrix(t, Softmax(m, 1), matrix(2, 0.25, 0.75, 0.5, 0.5))
	wantMatrix(t, Softmax(m, 2), matrix(2, 0.1, 0.9, 0.5, 0.5))
	wantMatrix(t, Softmax(matrix(3, -1, 0, 1), 100), matrix(3, 0, 0, 1))
	if m.Data[0] != 0 {
		t.Error("Softmax changes its argument")
	}
	if none := Softmax(Matrix{Rows: 2}, 1); none.Rows != 2 || len(none.Data) != 0 {
		t.Errorf("rows without columns give %+v", none)
	}
}

func TestPredict(t *testing.T) {
	p, err := Predict(matrix(3, 0.2, 0.5, 0.3, 0.4, 0.2, 0.4, 0, 0, 1), labels{1, 2, 0})
	check.Must(t, err)
	want := []Prediction{{0, 1, 1, 0.5}, {1, 2, 0, 0.4}, {2, 0, 2, 1}} // of equals the first
	for i := range p {
		p[i].Probability = math.Round(p[i].Probability*1e6) / 1e6
	}
	if !slices.Equal(p, want) {
		t.Errorf("predictions %v, want %v", p, want)
	}
	if a := Accuracy(p); math.Abs(a-1.0/3) > 1e-12 {
		t.Errorf("accuracy %g, want 1/3", a)
	}
	if a := Accuracy(nil); a != 0 {
		t.Errorf("the accuracy of nothing is %g, want 0", a)
	}
	_, err = Predict(matrix(3, 1, 0, 0), labels{1, 2})
	check.Error(t, err, "1 rows of scores for 2 examples")
	_, err = Predict(Matrix{Rows: 2}, labels{1, 2})
	check.Error(t, err, "no columns")
}

func TestConfusion(t *testing.T) {
	p := []Prediction{{0, 1, 1, 0.9}, {1, 1, 0, 0.6}, {2, 2, 2, 0.7}, {3, 1, 0, 0.8}}
	counts, err := Confusion(p, 3)
	check.Must(t, err)
	if want := [][]int{{0, 0, 0}, {2, 1, 0}, {0, 0, 1}}; !reflect.DeepEqual(counts, want) {
		t.Errorf("confusion %v, want %v", counts, want)
	}
	_, err = Confusion(p, 2)
	check.Error(t, err, "example 2 is of class 2, predicted 2", "2 classes")
	_, err = Confusion([]Prediction{{7, -1, 0, 1}}, 2)
	check.Error(t, err, "example 7 is of class -1")
	_, err = Confusion(nil, -1)
	check.Error(t, err, "-1 classes")
}

func TestMistakes(t *testing.T) {
	p := []Prediction{{0, 1, 1, 0.9}, {1, 1, 0, 0.6}, {2, 2, 0, 0.8}, {3, 1, 0, 0.8}, {4, 0, 1, 0.7}}
	examples := func(list []Prediction) (out []int) {
		for _, x := range list {
			out = append(out, x.Example)
		}
		return out
	}
	for most, want := range map[int][]int{0: nil, -1: nil, 2: {2, 3}, 4: {2, 3, 4, 1}, 99: {2, 3, 4, 1}} {
		if got := examples(Mistakes(p, most)); !slices.Equal(got, want) {
			t.Errorf("the %d most confident mistakes are %v, want %v", most, got, want)
		}
	}
	if p[1].Example != 1 || len(p) != 5 || p[4].Example != 4 {
		t.Errorf("Mistakes changes its argument: %v", p)
	}
}

func TestNearest(t *testing.T) {
	items := matrix(2, 1, 0, 0, 1, 0.8, 0.6, 1, 0)
	a := []Neighbour{{0, 1}, {3, 1}, {2, float64(float32(0.8))}, {1, 0}}
	b := []Neighbour{{1, 1}, {2, float64(float32(0.6))}, {0, 0}, {3, 0}}
	for k, n := range map[int]int{0: 0, -3: 0, 1: 1, 2: 2, 9: 4} {
		got, err := Nearest(matrix(2, 1, 0, 0, 1), items, k)
		check.Must(t, err)
		if want := [][]Neighbour{a[:n], b[:n]}; !reflect.DeepEqual(got, want) {
			t.Errorf("the %d nearest are %v, want %v", k, got, want)
		}
	}
	_, err := Nearest(matrix(1, 1), items, 1)
	check.Error(t, err, "width 1 and 2")
}

func TestSelect(t *testing.T) {
	m := matrix(2, 1, 2, 3, 4, 5, 6)
	got := m.Select([]int{2, 0, 2})
	if want := matrix(2, 5, 6, 1, 2, 5, 6); !reflect.DeepEqual(got, want) {
		t.Errorf("the rows are %v, want %v", got, want)
	}
	got.Data[0] = 99
	if m.Data[4] != 5 {
		t.Error("what Select returns is no copy")
	}
}

func TestMeanByClass(t *testing.T) {
	got, err := MeanByClass(matrix(2, 1, 2, 3, 4, 5, 6), labels{2, 0, 2}, 4)
	check.Must(t, err)
	if want := [][]float64{{3, 4}, {0, 0}, {3, 4}, {0, 0}}; !reflect.DeepEqual(got, want) {
		t.Errorf("the means are %v, want %v", got, want)
	}
	_, err = MeanByClass(matrix(2, 1, 2), labels{0, 1}, 2)
	check.Error(t, err, "1 rows for 2 examples")
	for _, class := range []int{-1, 2} {
		_, err = MeanByClass(matrix(2, 1, 2), labels{class}, 2)
		check.Error(t, err, "example 0", "2 classes")
	}
}

func TestFirstOfEachClass(t *testing.T) {
	if got, want := FirstOfEachClass(labels{2, 0, 2, 9, -1, 3}, 4), []int{1, 0, 5}; !slices.Equal(got, want) {
		t.Errorf("the first are %v, want %v", got, want)
	}
	if got := FirstOfEachClass(labels{}, 3); len(got) != 0 {
		t.Errorf("of no examples the first are %v", got)
	}
}

func TestMeanHeads(t *testing.T) {
	got := MeanHeads([]float32{1, 2, 3, 4, 3, 2, 1, 0}, 2)
	if want := [][]float64{{2, 2}, {2, 2}}; !reflect.DeepEqual(got, want) {
		t.Errorf("the mean of two heads is %v, want %v", got, want)
	}
	got = MeanHeads([]float32{1, 2, 3, 4}, 2)
	if want := [][]float64{{1, 2}, {3, 4}}; !reflect.DeepEqual(got, want) {
		t.Errorf("one head is %v, want %v", got, want)
	}
}
