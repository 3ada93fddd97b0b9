package mnist

import "math/rand/v2"

// Changes of handwriting that no affine map makes: strokes that bend, and pens that are thick or thin.

// knots is the number of grid points along a side, which are step pixels apart: the first on pixel 0, the last behind the
// picture's edge.
const (
	knots = 5
	step  = Side / (knots - 1)
)

// bend is an elastic distortion (Simard, Steinkraus and Platt, 2003): a displacement of every pixel, in fixed point as in
// warp, interpolated bilinearly between random displacements of a coarse grid's points. Where they smooth random
// displacements of all pixels by a Gaussian, the grid does the smoothing here.
type bend [knots][knots]struct{ u, v int32 }

// draw draws a random bend: each point of the grid moves by up to limit pixels along either axis.
func (b *bend) draw(limit float64, r *rand.Rand) {
	for y := range b {
		for x := range b[y] {
			b[y][x].u = fixed(limit * (2*r.Float64() - 1))
			b[y][x].v = fixed(limit * (2*r.Float64() - 1))
		}
	}
}

// at is the displacement of pixel (x, y).
func (b *bend) at(x, y int32) (u, v int32) {
	column, row := x/step, y/step
	fx, fy := x%step, y%step
	p, q, r, s := b[row][column], b[row][column+1], b[row+1][column], b[row+1][column+1]
	mix := func(p, q, r, s int32) int32 {
		return ((p*(step-fx)+q*fx)*(step-fy) + (r*(step-fx)+s*fx)*fy) / (step * step)
	}
	return mix(p.u, q.u, r.u, s.u), mix(p.v, q.v, r.v, s.v)
}

// thicken moves each pixel by the share |t| towards the brightest of itself and its four neighbours for t > 0, which is
// dilation, or the darkest for t < 0, erosion. What is outside the picture is black.
func thicken(p *[Pixels]float32, black, t float32) {
	var wide [(Side + 2) * (Side + 2)]float32 // with a black margin
	const row = Side + 2
	for i := range wide {
		wide[i] = black
	}
	for y := range Side {
		copy(wide[(y+1)*row+1:], p[y*Side:(y+1)*Side])
	}
	for j := range p {
		i := (j/Side+1)*row + j%Side + 1
		x := wide[i]
		if t > 0 {
			p[j] = x + t*(max(x, wide[i-1], wide[i+1], wide[i-row], wide[i+row])-x)
		} else {
			p[j] = x - t*(min(x, wide[i-1], wide[i+1], wide[i-row], wide[i+row])-x)
		}
	}
}
