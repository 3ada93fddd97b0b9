package mnist

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
)

// Augment is the range of random changes to a picture; each is drawn uniformly from ± the value. A digit that is shifted,
// rotated, scaled or slanted a little is still the same digit: a model that sees such changes learns to ignore them. The
// first four are affine; distort.go has the others.
type Augment struct {
	Shift   float64 `json:"shift"`             // pixels of the original 28×28, both axes
	Rotate  float64 `json:"rotate"`            // degrees
	Scale   float64 `json:"scale"`             // relative: 0.1 is 90 % to 110 %
	Shear   float64 `json:"shear"`             // degrees
	Elastic float64 `json:"elastic,omitempty"` // pixels by which the points of a coarse grid move, each for itself
	Stroke  float64 `json:"stroke,omitempty"`  // how far strokes become thicker or thinner by a pixel: 1 is all the way

	// Plain is the share of the pictures that stay as they are. What is changed is interpolated, which blurs it: a model that has only
	// seen blurred pictures may take the sharp ones of validation for something else.
	Plain float64 `json:"plain,omitempty"`
}

// Validate names the range at fault.
func (a Augment) Validate() error {
	for _, field := range []struct {
		name       string
		value, max float64
	}{
		{"shift", a.Shift, Side},
		{"rotate", a.Rotate, 180},
		{"scale", a.Scale, 0.9},
		{"shear", a.Shear, 80},
		{"elastic", a.Elastic, Side},
		{"stroke", a.Stroke, 1},
		{"plain", a.Plain, 1},
	} {
		if !(field.value >= 0 && field.value <= field.max) { // so that NaN is refused as well
			return fmt.Errorf("augment.%s is %v: it must be at least 0 and at most %v", field.name, field.value, field.max)
		}
	}
	return nil
}

// Picture writes the picture of example i to dst as a model wants it: in rows, of the Set's Shape, normalised as its
// Preprocess says. If r is not nil the picture is changed at random within the Set's Augment; what comes in at the
// edges is black. It is safe for concurrent calls, each with its own r and dst; at 28×28 grey it allocates nothing.
func (s *Set) Picture(dst []float32, i int, r *rand.Rand) {
	if s.resized() {
		s.resize(dst, i, r)
		return
	}
	dst = dst[:Pixels]
	std := s.Std
	if std == 0 {
		std = 1
	}
	gain, bias := 1/(255*std), -s.Mean/std
	pixels := (*[Pixels]byte)(s.Image(i))
	if r == nil || s.Augment == (Augment{}) {
		for j, p := range pixels {
			dst[j] = float32(p)*gain + bias
		}
		return
	}
	s.Augment.change((*[Pixels]float32)(dst), pixels, gain, bias, r)
}

// change fills dst with the picture src, changed at random and normalised: value·gain + bias, where value is 0 to 255.
func (a Augment) change(dst *[Pixels]float32, src *[Pixels]byte, gain, bias float32, r *rand.Rand) {
	if a.Plain > 0 && r.Float64() < a.Plain {
		a = Augment{}
	}
	w := a.draw(r)
	if a.Elastic == 0 {
		w.apply(dst, src, gain, bias, nil)
	} else {
		var b bend
		b.draw(a.Elastic, r)
		w.apply(dst, src, gain, bias, &b)
	}
	if a.Stroke != 0 {
		thicken(dst, bias, float32(a.Stroke*(2*r.Float64()-1)))
	}
}

// resize is Picture for another size or for three channels: the picture, changed at random at its own size, is resized as
// a user's file would be.
func (s *Set) resize(dst []float32, i int, r *rand.Rand) {
	img := s.Gray(i)
	if r != nil && s.Augment != (Augment{}) {
		var changed [Pixels]float32
		s.Augment.change(&changed, (*[Pixels]byte)(img.Pix), 1, 0, r)
		img = image.NewGray(img.Rect)
		for j, x := range changed {
			img.Pix[j] = byte(x + 0.5)
		}
	}
	if err := s.Prepare.Apply(dst, img); err != nil {
		panic(err) // dst is too short for Shape, as an index out of range would be
	}
}

// warp maps a pixel (x, y) of the changed picture to its place in the original, in fixed point with 16 bits after the
// point: (u, v) + x·(ux, vx) + y·(uy, vy). Integers step exactly, and the same on every processor.
type warp struct{ u, v, ux, vx, uy, vy int32 }

// draw draws a random warp. The change is p' = c + t + M·(p - c), where c is the centre, t the shift and
//
//	M = scale · | cos a  -sin a | · | 1  tan b |     a: rotation, b: shear
//	            | sin a   cos a |   | 0    1   |
//
// so the original place of p' is p = c + M⁻¹·(p' - c - t). Always five numbers are drawn.
func (a Augment) draw(r *rand.Rand) warp {
	uniform := func(limit float64) float64 { return limit * (2*r.Float64() - 1) }
	tx, ty := uniform(a.Shift), uniform(a.Shift)
	sin, cos := math.Sincos(uniform(a.Rotate) * math.Pi / 180)
	scale := 1 + uniform(a.Scale)
	shear := math.Tan(uniform(a.Shear) * math.Pi / 180)

	// M⁻¹ = 1/scale · | 1  -tan b | · |  cos a  sin a |
	//                 | 0     1   |   | -sin a  cos a |
	ux, uy := (cos+shear*sin)/scale, (sin-shear*cos)/scale
	vx, vy := -sin/scale, cos/scale
	const centre = (Side - 1) / 2.0
	x, y := -centre-tx, -centre-ty // pixel (0, 0) as seen from c + t
	return warp{
		u: fixed(centre + ux*x + uy*y), ux: fixed(ux), uy: fixed(uy),
		v: fixed(centre + vx*x + vy*y), vx: fixed(vx), vy: fixed(vy),
	}
}

func fixed(x float64) int32 { return int32(math.Round(x * (1 << 16))) }

// apply fills dst with the warped picture, normalised: value·gain + bias, where value is 0 to 255. A bend that is not nil
// moves each pixel's place in the original once more. Between pixels it interpolates bilinearly, with weights of 8 bits.
func (w warp) apply(dst *[Pixels]float32, src *[Pixels]byte, gain, bias float32, b *bend) {
	gain /= 1 << 16 // of the two weights' product
	j := 0
	for y := range int32(Side) {
		u0, v0 := w.u+y*w.uy, w.v+y*w.vy
		for x := range int32(Side) {
			u, v := u0+x*w.ux, v0+x*w.vx
			if b != nil {
				du, dv := b.at(x, y)
				u, v = u+du, v+dv
			}
			column, row := int(u>>16), int(v>>16)
			fu, fv := uint32(u>>8)&0xff, uint32(v>>8)&0xff
			var a, b, c, d uint32 // the four neighbours
			if at := row*Side + column; uint(column) < Side-1 && uint(row) < Side-1 {
				four := src[at : at+Side+2]
				a, b, c, d = uint32(four[0]), uint32(four[1]), uint32(four[Side]), uint32(four[Side+1])
			} else {
				a, b = pixel(src, column, row), pixel(src, column+1, row)
				c, d = pixel(src, column, row+1), pixel(src, column+1, row+1)
			}
			value := (a*(256-fu)+b*fu)*(256-fv) + (c*(256-fu)+d*fu)*fv
			dst[j] = float32(value)*gain + bias
			j++
		}
	}
}

// pixel is black outside the picture.
func pixel(src *[Pixels]byte, column, row int) uint32 {
	if uint(column) >= Side || uint(row) >= Side {
		return 0
	}
	return uint32(src[row*Side+column])
}
