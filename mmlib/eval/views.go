package eval

import "fmt"

// Recognised counts the views that lie nearer to the other view of their picture than to any other view of the same batch:
// rows i of a and of b are the two views of picture i, and each batch of pictures is looked at by itself. There are 2·Rows
// views to recognise.
func Recognised(a, b Matrix, batch int) (int, error) {
	if a.Rows != b.Rows || a.Width != b.Width || batch < 1 {
		return 0, fmt.Errorf("eval: views of %d×%d and %d×%d numbers in batches of %d pictures do not go together", a.Rows, a.Width,
			b.Rows, b.Width, batch)
	}
	right := 0
	for start := 0; start < a.Rows; start += batch {
		n := min(batch, a.Rows-start)
		part := func(m Matrix) []float32 { return m.Data[start*m.Width : (start+n)*m.Width] }
		all := Matrix{Rows: 2 * n, Width: a.Width, Data: append(append([]float32(nil), part(a)...), part(b)...)}
		for i, j := range nearestOther(all) {
			if j == (i+n)%(2*n) {
				right++
			}
		}
	}
	return right, nil
}

// ByNearest predicts of each row the class of its nearest neighbour among the other rows, which is how far rows of a class
// lie together; the Probability of such a prediction is the cosine.
func ByNearest(m Matrix, truth Labelled) ([]Prediction, error) {
	if m.Rows != truth.Len() || m.Rows < 2 {
		return nil, fmt.Errorf("eval: %d rows for %d examples: there must be as many, and at least 2", m.Rows, truth.Len())
	}
	out := make([]Prediction, m.Rows)
	for i, j := range nearestOther(m) {
		out[i] = Prediction{Example: i, True: truth.Class(i), Predicted: truth.Class(j), Probability: float64(dot(m.Row(i), m.Row(j)))}
	}
	return out, nil
}

// nearestOther numbers for each row the other row with the largest dot product, the first of equals; for a single row it
// is that row itself.
func nearestOther(m Matrix) []int {
	nearest, best := make([]int, m.Rows), make([]float32, m.Rows)
	for i := range best {
		nearest[i] = i
	}
	for i := range m.Rows {
		row := m.Row(i)
		for j := range i {
			d := dot(row, m.Row(j))
			if nearest[i] == i || d > best[i] {
				nearest[i], best[i] = j, d
			}
			if nearest[j] == j || d > best[j] {
				nearest[j], best[j] = i, d
			}
		}
	}
	return nearest
}
