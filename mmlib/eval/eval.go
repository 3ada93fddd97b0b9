// Package eval measures trained models: zero-shot classification by text prompts, confusion, nearest neighbours and the
// uncertainty of what was measured. It works on an infer.Session and plain slices and knows no model.
package eval

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gomm/mmlib/infer"
)

// Matrix holds rows of equal width, one after another: embeddings, similarities or probabilities.
type Matrix struct {
	Rows, Width int
	Data        []float32
}

// Row is row i, not a copy.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.Width : (i+1)*m.Width] }

// Labelled are examples whose classes are known.
type Labelled interface {
	Len() int
	Class(i int) int
}

// Pictures are labelled examples that fill in their own pixels; r is nil here, for a picture as it is.
type Pictures interface {
	Labelled
	Picture(dst []float32, i int, r *rand.Rand)
}

// OnPictures is Run on pictures: function "image" gives their embeddings, "classify" class probabilities.
func OnPictures(s *infer.Session, name string, p Pictures) (Matrix, error) {
	return Run(s, name, p.Len(), func(dst []float32, i int) { p.Picture(dst, i, nil) })
}

// ClassVectors encodes prompts, `each` of them in a row for every class, and makes one vector a class of them: a zero-shot
// classifier's weights (CLIP §3.1). ids holds the tokenised prompts.
func ClassVectors(s *infer.Session, ids [][]int32, each int) (Matrix, error) {
	if f, ok := s.Func("text"); ok && len(f.In) == 1 {
		for i, row := range ids {
			if want := f.In[0].Size(); len(row) != want {
				return Matrix{}, fmt.Errorf("eval: prompt %d has %d ids; the model reads %d", i, len(row), want)
			}
		}
	}
	prompts, err := Run(s, "text", len(ids), func(dst []int32, i int) { copy(dst, ids[i]) })
	if err != nil {
		return Matrix{}, err
	}
	return Ensemble(prompts, each)
}

// Run calls the session's function on n examples, which fill writes one at a time: the picture functions of a
// model, "image" to get embeddings or "classify" for probabilities.
func Run[In float32 | int32](s *infer.Session, name string, n int, fill func(dst []In, i int)) (Matrix, error) {
	f, ok := s.Func(name)
	if !ok {
		return Matrix{}, fmt.Errorf("eval: the model has no function %q", name)
	}
	if len(f.In) != 1 || len(f.Out) != 1 {
		return Matrix{}, fmt.Errorf("eval: %q has %d inputs and %d outputs; Run is for one of each", name, len(f.In), len(f.Out))
	}
	chunk := min(s.Largest(), max(n, 1)) // examples held in memory at a time
	width := f.In[0].Size()
	m := Matrix{Rows: n, Width: f.Out[0].Size()}
	buffer := make([]In, chunk*width)
	for start := 0; start < n; start += chunk {
		count := min(chunk, n-start)
		for i := range count {
			fill(buffer[i*width:(i+1)*width], start+i)
		}
		out, err := infer.Call(s, name, count, buffer[:count*width])
		if err != nil {
			return Matrix{}, err
		}
		if m.Data == nil {
			m.Data = make([]float32, 0, n*m.Width)
		}
		m.Data = append(m.Data, out...)
	}
	return m, nil
}

// Ensemble makes one vector for each class out of the embeddings of its prompts, `each` of them in a row: their mean,
// brought back to length 1 (CLIP §3.1.4, prompt ensembling in embedding space).
func Ensemble(prompts Matrix, each int) (Matrix, error) {
	if each < 1 || prompts.Rows%each != 0 {
		return Matrix{}, fmt.Errorf("eval: %d prompts do not divide into %d for each class", prompts.Rows, each)
	}
	classes := Matrix{Rows: prompts.Rows / each, Width: prompts.Width}
	classes.Data = make([]float32, classes.Rows*classes.Width)
	for i := range prompts.Rows {
		sum := classes.Row(i / each)
		for k, x := range prompts.Row(i) {
			sum[k] += x
		}
	}
	for c := range classes.Rows {
		normalise(classes.Row(c))
	}
	return classes, nil
}

func normalise(v []float32) {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if square == 0 {
		return
	}
	scale := float32(1 / math.Sqrt(square))
	for k := range v {
		v[k] *= scale
	}
}

// Similarity is the dot product of each row of x with each row of y: [x.Rows, y.Rows]; for rows of length 1, the cosine.
func Similarity(x, y Matrix) (Matrix, error) {
	if x.Width != y.Width {
		return Matrix{}, fmt.Errorf("eval: rows of width %d and %d cannot be compared", x.Width, y.Width)
	}
	s := Matrix{Rows: x.Rows, Width: y.Rows, Data: make([]float32, x.Rows*y.Rows)}
	for i := range x.Rows {
		for j := range y.Rows {
			s.Data[i*s.Width+j] = dot(x.Row(i), y.Row(j))
		}
	}
	return s, nil
}

func dot(x, y []float32) (sum float32) {
	for k := range x {
		sum += x[k] * y[k]
	}
	return sum
}

// Softmax turns each row of similarities into probabilities, after multiplying by scale: CLIP's exp(s).
func Softmax(m Matrix, scale float64) Matrix {
	p := Matrix{Rows: m.Rows, Width: m.Width, Data: make([]float32, len(m.Data))}
	for i := range m.Rows {
		in, out := m.Row(i), p.Row(i)
		if len(in) == 0 {
			continue
		}
		top := slices.Max(in)
		var sum float64
		for k, x := range in {
			e := math.Exp(scale * float64(x-top))
			out[k], sum = float32(e), sum+e
		}
		for k := range out {
			out[k] /= float32(sum)
		}
	}
	return p
}

// Prediction is a model's answer for one example.
type Prediction struct {
	Example, True, Predicted int
	Probability              float64 // of Predicted
}

// Predict takes each row's largest entry, the first of equals.
func Predict(scores Matrix, truth Labelled) ([]Prediction, error) {
	if scores.Rows != truth.Len() {
		return nil, fmt.Errorf("eval: %d rows of scores for %d examples", scores.Rows, truth.Len())
	}
	if scores.Width < 1 {
		return nil, errors.New("eval: the scores have no columns: there are no classes to choose from")
	}
	out := make([]Prediction, scores.Rows)
	for i := range out {
		row := scores.Row(i)
		best := 0
		for k := range row {
			if row[k] > row[best] {
				best = k
			}
		}
		out[i] = Prediction{Example: i, True: truth.Class(i), Predicted: best, Probability: float64(row[best])}
	}
	return out, nil
}

// Accuracy is the share of right predictions.
func Accuracy(p []Prediction) float64 {
	right := 0
	for _, x := range p {
		if x.True == x.Predicted {
			right++
		}
	}
	return float64(right) / float64(max(1, len(p)))
}

// Confusion counts predictions: row true class, column predicted class.
func Confusion(p []Prediction, classes int) ([][]int, error) {
	if classes < 1 {
		return nil, fmt.Errorf("eval: a confusion matrix of %d classes: there must be at least 1", classes)
	}
	counts := make([][]int, classes)
	for i := range counts {
		counts[i] = make([]int, classes)
	}
	for _, x := range p {
		if x.True < 0 || x.True >= classes || x.Predicted < 0 || x.Predicted >= classes {
			return nil, fmt.Errorf("eval: example %d is of class %d, predicted %d; there are %d classes", x.Example, x.True, x.Predicted, classes)
		}
		counts[x.True][x.Predicted]++
	}
	return counts, nil
}

// Mistakes returns the wrong predictions, the most confident first, at most `most` of them.
func Mistakes(p []Prediction, most int) []Prediction {
	wrong := slices.DeleteFunc(slices.Clone(p), func(x Prediction) bool { return x.True == x.Predicted })
	slices.SortStableFunc(wrong, func(a, b Prediction) int { return cmp.Compare(b.Probability, a.Probability) })
	return wrong[:min(max(most, 0), len(wrong))]
}

// Neighbour is a row of a matrix and its dot product with the row that asked for it: the cosine for rows of length 1.
type Neighbour struct {
	Item   int
	Cosine float64
}

// Nearest returns for each row of queries the k rows of items with the largest dot product, the largest first.
func Nearest(queries, items Matrix, k int) ([][]Neighbour, error) {
	s, err := Similarity(queries, items)
	if err != nil {
		return nil, err
	}
	out := make([][]Neighbour, queries.Rows)
	for i := range out {
		row := s.Row(i)
		all := make([]Neighbour, items.Rows)
		for j := range all {
			all[j] = Neighbour{j, float64(row[j])}
		}
		slices.SortStableFunc(all, func(a, b Neighbour) int { return cmp.Compare(b.Cosine, a.Cosine) })
		out[i] = all[:min(max(k, 0), len(all))]
	}
	return out, nil
}

// Select returns the given rows of m, a copy.
func (m Matrix) Select(rows []int) Matrix {
	chosen := Matrix{Rows: len(rows), Width: m.Width, Data: make([]float32, 0, len(rows)*m.Width)}
	for _, i := range rows {
		chosen.Data = append(chosen.Data, m.Row(i)...)
	}
	return chosen
}

// MeanByClass returns the mean of the rows of each class: [classes, m.Width]. A class without examples has zeros.
func MeanByClass(m Matrix, truth Labelled, classes int) ([][]float64, error) {
	if m.Rows != truth.Len() {
		return nil, fmt.Errorf("eval: %d rows for %d examples", m.Rows, truth.Len())
	}
	mean, of := make([][]float64, classes), make([]float64, classes)
	for i := range mean {
		mean[i] = make([]float64, m.Width)
	}
	for i := range m.Rows {
		class := truth.Class(i)
		if class < 0 || class >= classes {
			return nil, fmt.Errorf("eval: example %d is of class %d; there are %d classes", i, class, classes)
		}
		of[class]++
		for j, x := range m.Row(i) {
			mean[class][j] += float64(x)
		}
	}
	for i, row := range mean {
		for j := range row {
			row[j] /= max(1, of[i])
		}
	}
	return mean, nil
}

// FirstOfEachClass returns the first example of each class that has one, in the order of the classes.
func FirstOfEachClass(truth Labelled, classes int) []int {
	first := slices.Repeat([]int{-1}, classes)
	for i := range truth.Len() {
		if class := truth.Class(i); class >= 0 && class < classes && first[class] < 0 {
			first[class] = i
		}
	}
	return slices.DeleteFunc(first, func(i int) bool { return i < 0 })
}

// MeanHeads takes attention weights [Heads, Grid, Grid], one after another, to their mean [Grid, Grid].
func MeanHeads(weights []float32, grid int) [][]float64 {
	mean := make([][]float64, grid)
	for row := range mean {
		mean[row] = make([]float64, grid)
	}
	heads := float64(len(weights) / (grid * grid))
	for i, w := range weights {
		mean[i/grid%grid][i%grid] += float64(w) / heads
	}
	return mean
}
