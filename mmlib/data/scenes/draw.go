package scenes

import (
	"image"
	"image/color"

	"gomm/mmlib/data/mnist"
)

// The colors, by their names in CSS.
var (
	inks = [...]color.RGBA{ // red blue green purple brown
		{255, 0, 0, 255}, {0, 0, 255, 255}, {0, 128, 0, 255}, {128, 0, 128, 255}, {165, 42, 42, 255},
	}
	papers = [...]color.RGBA{ // cyan yellow white silver salmon
		{0, 255, 255, 255}, {255, 255, 0, 255}, {255, 255, 255, 255}, {192, 192, 192, 255}, {250, 128, 114, 255},
	}
)

// Side is the number of pixels along one side of a cell.
const Side = mnist.Side

const channels = 3

// normalized has the pixels of a model's pictures, for each color and background: of ink 0 to 255, red, green and blue,
//
//	(paper + (ink − paper)·v/255)/255, minus mean, divided by std
var normalized = func() (table [len(inks)][len(papers)][256][channels]float32) {
	for i := range inks {
		for p := range papers {
			for v := range 256 {
				for c, x := range mix(i, p, byte(v)) {
					table[i][p][v][c] = (float32(x)/255 - mean) / std
				}
			}
		}
	}
	return table
}()

// What pictures are normalised by, in all channels.
const mean, std = 0.5, 0.25

// mix is the color of a pixel that is covered by ink to v/255.
func mix(ink, paper int, v byte) [channels]byte {
	a, b := papers[paper], inks[ink]
	between := func(a, b byte) byte { return byte((int(a)*(255-int(v)) + int(b)*int(v) + 127) / 255) }
	return [channels]byte{between(a.R, b.R), between(a.G, b.G), between(a.B, b.B)}
}

// outline is a digit in the style stroke: how much a pixel's neighborhood varies,
//
//	max over 3×3 − min over 3×3
//
// which is bright along the edges of the digit and dark inside and outside. Beyond the picture it is dark.
func outline(dst, src *[mnist.Pixels]byte) {
	var high, low [mnist.Pixels]byte // over the three pixels of a row
	for y := range Side {
		row := src[y*Side : (y+1)*Side]
		for x := range row {
			before, after := byte(0), byte(0)
			if x > 0 {
				before = row[x-1]
			}
			if x < Side-1 {
				after = row[x+1]
			}
			high[y*Side+x], low[y*Side+x] = max(before, row[x], after), min(before, row[x], after)
		}
	}
	for y := range Side {
		for x := range Side {
			i := y*Side + x
			h, l := high[i], low[i]
			if y > 0 {
				h, l = max(h, high[i-Side]), min(l, low[i-Side])
			} else {
				l = 0
			}
			if y < Side-1 {
				h, l = max(h, high[i+Side]), min(l, low[i+Side])
			} else {
				l = 0
			}
			dst[i] = h - l
		}
	}
}

// coverage is how much of each pixel of a cell is ink. It returns src itself for a flat digit, and else fills buffer.
func coverage(c Cell, src, buffer *[mnist.Pixels]byte) *[mnist.Pixels]byte {
	if c[Style] == 0 {
		return src
	}
	outline(buffer, src)
	return buffer
}

// render writes a scene's pixels, rows of red, green and blue, normalised. digit returns the picture of cell i's digit.
func (s Scene) render(dst []float32, digit func(cell int) *[mnist.Pixels]byte) {
	size := s.Grid * Side
	var buffer [mnist.Pixels]byte
	for i, c := range s.Cells {
		ink := coverage(c, digit(i), &buffer)
		table := &normalized[c[Color]][c[Background]]
		for y := range Side {
			at := ((i/s.Grid*Side+y)*size + i%s.Grid*Side) * channels
			row := dst[at : at+Side*channels]
			for x, v := range ink[y*Side : (y+1)*Side] {
				p := &table[v]
				row[3*x], row[3*x+1], row[3*x+2] = p[0], p[1], p[2]
			}
		}
	}
}

// picture is the scene as people see it.
func (s Scene) picture(digit func(cell int) *[mnist.Pixels]byte) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, s.Grid*Side, s.Grid*Side))
	var buffer [mnist.Pixels]byte
	for i, c := range s.Cells {
		for j, v := range coverage(c, digit(i), &buffer) {
			p := mix(int(c[Color]), int(c[Background]), v)
			img.SetRGBA(i%s.Grid*Side+j%Side, i/s.Grid*Side+j/Side, color.RGBA{p[0], p[1], p[2], 255})
		}
	}
	return img
}

// toGray replaces the colors of a picture by their luma (ITU-R BT.601). Pixels are triples, normalised alike in all channels, or bytes
// of red, green, blue and alpha.
func toGray[T float32 | byte](pixels []T) {
	step := channels
	if _, bytes := any(pixels).([]byte); bytes {
		step = 4
	}
	for i := 0; i+channels <= len(pixels); i += step {
		p := pixels[i : i+channels]
		y := T(0.299*float32(p[0]) + 0.587*float32(p[1]) + 0.114*float32(p[2]))
		p[0], p[1], p[2] = y, y, y
	}
}
