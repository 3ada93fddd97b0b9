package mnist

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestBend compares the fixed-point displacement with a plain interpolation, and a bend of one displacement everywhere with
// the shift that it is.
func TestBend(t *testing.T) {
	var b bend
	b.draw(3, rand.New(rand.NewPCG(1, 2)))
	for y := range int32(Side) {
		for x := range int32(Side) {
			u, v := b.at(x, y)
			var wantU, wantV float64
			for row := range knots {
				for column := range knots {
					near := func(a, b float64) float64 { return max(0, 1-math.Abs(a-b)/7) }
					w := near(float64(x), float64(7*column)) * near(float64(y), float64(7*row))
					wantU += w * float64(b[row][column].u)
					wantV += w * float64(b[row][column].v)
				}
			}
			if math.Abs(float64(u)-wantU) > 1 || math.Abs(float64(v)-wantV) > 1 {
				t.Fatalf("pixel (%d, %d) moves by %d, %d; want %g, %g", x, y, u, v, wantU, wantV)
			}
			if math.Abs(wantU) > 3<<16 || math.Abs(wantV) > 3<<16 {
				t.Fatalf("pixel (%d, %d) moves by more than 3 pixels", x, y)
			}
		}
	}
	for row := range b {
		for column := range b[row] {
			b[row][column].u, b[row][column].v = 2<<16, -1<<16
		}
	}
	var got, want [Pixels]float32
	src := (*[Pixels]byte)(blob().Image(0))
	identity := warp{ux: 1 << 16, vy: 1 << 16}
	identity.apply(&got, src, 1, 0, &b)
	shifted := warp{u: 2 << 16, v: -1 << 16, ux: 1 << 16, vy: 1 << 16}
	shifted.apply(&want, src, 1, 0, nil)
	if got != want {
		t.Error("a bend that moves every pixel alike is not a shift")
	}
}

// TestThicken: one bright pixel becomes a cross, half as bright at one half, and a cross one pixel again.
func TestThicken(t *testing.T) {
	const black, at = -0.5, 5*Side + 7
	var p [Pixels]float32
	for i := range p {
		p[i] = black
	}
	p[at], p[0] = 1.5, 1.5 // one in the corner, where neighbours are outside
	thicken(&p, black, 0.5)
	for i, want := range map[int]float32{
		at: 1.5, at - 1: 0.5, at + 1: 0.5, at - Side: 0.5, at + Side: 0.5, at + 2: black, at + Side + 1: black,
		0: 1.5, 1: 0.5, Side: 0.5, 2: black,
	} {
		if p[i] != want {
			t.Errorf("thicker, pixel (%d, %d) is %g, want %g", i%Side, i/Side, p[i], want)
		}
	}
	thicken(&p, black, -1)
	for i, want := range map[int]float32{at: 0.5, at - 1: black, 0: black, 1: black} {
		if p[i] != want {
			t.Errorf("thinner again, pixel (%d, %d) is %g, want %g", i%Side, i/Side, p[i], want)
		}
	}
}

// TestDistorted: the changes of handwriting come after the affine ones and leave those as they are.
func TestDistorted(t *testing.T) {
	s := blob()
	picture := func(a Augment, seed uint64) (p [Pixels]float32) {
		s.Augment = a
		s.Picture(p[:], 0, rand.New(rand.NewPCG(seed, 1)))
		return p
	}
	affine := Augment{Shift: 2, Rotate: 10}
	plain := picture(affine, 1)
	for _, a := range []Augment{{Shift: 2, Rotate: 10, Elastic: 2}, {Shift: 2, Rotate: 10, Stroke: 1}} {
		if got := picture(a, 1); got == plain || got != picture(a, 1) || got == picture(a, 2) {
			t.Errorf("%+v: as without, or not a function of its seed", a)
		}
	}
	tiny := picture(Augment{Shift: 2, Rotate: 10, Elastic: 1e-9, Stroke: 1e-9}, 1)
	for i := range tiny {
		if math.Abs(float64(tiny[i]-plain[i])) > 1e-6 {
			t.Fatalf("with next to no distortion pixel %d is %g, want %g", i, tiny[i], plain[i])
		}
	}
}
