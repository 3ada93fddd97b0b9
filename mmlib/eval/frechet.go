package eval

import (
	"fmt"
	"math"
)

// Frechet is the Fréchet distance of two sets of points, as if each were spread normally (Heusel et al. 2017, arXiv:1706.08500, eq. 6):
//
//	d² = ‖m₁ − m₂‖² + Tr( C₁ + C₂ − 2(C₁C₂)^{1/2} )
//
// m are their means and C their covariances. Of features of pictures it tells how far drawings are from pictures, in what they show and
// in how varied they are. It is 0 for equal sets, and above it even for two draws of the same distribution, the more the fewer the points
// are: it is to be read beside that floor.
func Frechet(a, b Matrix) (float64, error) {
	if a.Width != b.Width || a.Width == 0 {
		return 0, fmt.Errorf("eval: the Fréchet distance of points of %d and of %d numbers: they must be of the same space", a.Width, b.Width)
	}
	if a.Rows < 2 || b.Rows < 2 {
		return 0, fmt.Errorf("eval: the Fréchet distance of %d points and %d: there must be two at least of each", a.Rows, b.Rows)
	}
	for _, m := range []Matrix{a, b} {
		for i, x := range m.Data {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
				return 0, fmt.Errorf("eval: the Fréchet distance: number %d of point %d is %v", i%m.Width, i/m.Width, x)
			}
		}
	}
	meanA, meanB := mean(a), mean(b)
	covA, covB := covariance(a, meanA), covariance(b, meanB)
	d := 0.0
	for j := range meanA {
		d += (meanA[j]-meanB[j])*(meanA[j]-meanB[j]) + covA[j][j] + covB[j][j]
	}
	// Tr (C₁C₂)^{1/2} = Tr (R·C₂·R)^{1/2} with R = C₁^{1/2}, which is symmetric: the sum of the roots of its eigenvalues.
	root := squareRoot(covA)
	values, _ := eigen(product(product(root, covB), root))
	for _, v := range values {
		d -= 2 * math.Sqrt(max(v, 0)) // rounding may leave a little less than nothing
	}
	return max(d, 0), nil
}

func mean(m Matrix) []float64 {
	sum := make([]float64, m.Width)
	for i := range m.Rows {
		for j, x := range m.Row(i) {
			sum[j] += float64(x) / float64(m.Rows)
		}
	}
	return sum
}

// squareRoot of a symmetric matrix without negative eigenvalues, which it overwrites: V·√Λ·Vᵀ.
func squareRoot(c [][]float64) [][]float64 {
	values, vectors := eigen(c)
	root := make([][]float64, len(c))
	for i := range root {
		root[i] = make([]float64, len(c))
		for j := range root[i] {
			for k, v := range values {
				root[i][j] += math.Sqrt(max(v, 0)) * vectors[k][i] * vectors[k][j]
			}
		}
	}
	return root
}

// product of two square matrices.
func product(a, b [][]float64) [][]float64 {
	c := make([][]float64, len(a))
	for i := range c {
		c[i] = make([]float64, len(b))
		for k, x := range a[i] {
			for j, y := range b[k] {
				c[i][j] += x * y
			}
		}
	}
	return c
}
