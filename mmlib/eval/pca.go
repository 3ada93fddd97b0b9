package eval

import (
	"fmt"
	"math"
)

// PCA is the principal components of a set of points: the directions in which they vary most, at right angles to each
// other, the one of largest variance first (Pearson 1901). With two or three of them, embeddings can be drawn.
type PCA struct {
	Mean       []float64   // of the points
	Directions [][]float64 // of length 1; the sign, which is arbitrary, makes the largest component positive
	Variance   []float64   // of the points along each direction: the mean square of their distance from the mean
	Total      float64     // the variance along all directions, also those that are not kept
}

// NewPCA finds the first k components of the rows of m.
func NewPCA(m Matrix, k int) (*PCA, error) {
	if m.Rows < 2 {
		return nil, fmt.Errorf("eval: principal components of %d points: there must be two at least", m.Rows)
	}
	if k < 1 || k > m.Width {
		return nil, fmt.Errorf("eval: %d principal components of points of %d numbers: ask for 1 to %d", k, m.Width, m.Width)
	}
	for i, x := range m.Data {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("eval: principal components: number %d of point %d is %v", i%m.Width, i/m.Width, x)
		}
	}
	p := &PCA{Mean: mean(m)}
	variances, directions := eigen(covariance(m, p.Mean))
	for _, v := range variances {
		p.Total += v
	}
	for range k {
		best := 0
		for j, v := range variances {
			if v > variances[best] {
				best = j
			}
		}
		p.Variance = append(p.Variance, max(variances[best], 0)) // rounding may leave a little less than nothing
		p.Directions = append(p.Directions, upright(directions[best]))
		variances[best] = math.Inf(-1)
	}
	return p, nil
}

// Project returns where the rows of m lie: their coordinates along the directions, [m.Rows, k]. They may be other points
// than those that the components are of, such as texts on a map of pictures.
func (p *PCA) Project(m Matrix) (Matrix, error) {
	if m.Width != len(p.Mean) {
		return Matrix{}, fmt.Errorf("eval: points of %d numbers on components of %d", m.Width, len(p.Mean))
	}
	out := Matrix{Rows: m.Rows, Width: len(p.Directions), Data: make([]float32, m.Rows*len(p.Directions))}
	for i := range m.Rows {
		for k, d := range p.Directions {
			along := 0.0
			for j, x := range m.Row(i) {
				along += (float64(x) - p.Mean[j]) * d[j]
			}
			out.Row(i)[k] = float32(along)
		}
	}
	return out, nil
}

// covariance is the mean of the products of each two coordinates: a symmetric matrix, with the variances on its diagonal.
func covariance(m Matrix, mean []float64) [][]float64 {
	c := make([][]float64, m.Width)
	for a := range c {
		c[a] = make([]float64, m.Width)
	}
	centred := make([]float64, m.Width)
	for i := range m.Rows {
		for j, x := range m.Row(i) {
			centred[j] = float64(x) - mean[j]
		}
		for a, x := range centred {
			for b, y := range centred[:a+1] {
				c[a][b] += x * y / float64(m.Rows)
			}
		}
	}
	for a := range c {
		for b := range a {
			c[b][a] = c[a][b]
		}
	}
	return c
}

// eigen returns the eigenvalues of a symmetric matrix, which it overwrites, and the eigenvector of each. Jacobi's method:
// it turns two axes at a time so that their product vanishes, until all products have (Golub and Van Loan, §8.5).
func eigen(a [][]float64) (values []float64, vectors [][]float64) {
	n := len(a)
	vectors = make([][]float64, n)
	for i := range vectors {
		vectors[i] = make([]float64, n)
		vectors[i][i] = 1
	}
	for range 60 { // a handful is enough: it converges quadratically
		off, all := 0.0, 0.0
		for i := range n {
			for j := range n {
				all += a[i][j] * a[i][j]
				if i != j {
					off += a[i][j] * a[i][j]
				}
			}
		}
		if off <= 1e-26*all {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				turn(a, vectors, p, q)
			}
		}
	}
	for i := range n {
		values = append(values, a[i][i])
	}
	return values, vectors
}

// turn makes a[p][q] zero by a rotation in the plane of axes p and q.
func turn(a, vectors [][]float64, p, q int) {
	if a[p][q] == 0 {
		return
	}
	theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
	t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for k := range a {
		x, y := a[k][p], a[k][q]
		a[k][p], a[k][q] = c*x-s*y, s*x+c*y
	}
	for k := range a {
		x, y := a[p][k], a[q][k]
		a[p][k], a[q][k] = c*x-s*y, s*x+c*y
		x, y = vectors[p][k], vectors[q][k]
		vectors[p][k], vectors[q][k] = c*x-s*y, s*x+c*y
	}
}

// upright turns a direction around if its largest component is negative, so that the same points always give the same.
func upright(d []float64) []float64 {
	largest := 0.0
	for _, x := range d {
		if math.Abs(x) > math.Abs(largest)*(1+1e-9) {
			largest = x
		}
	}
	if largest < 0 {
		for j := range d {
			d[j] = -d[j]
		}
	}
	return d
}
