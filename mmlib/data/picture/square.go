package picture

import (
	"image"
	"image/color"
	"image/draw"
)

// square resizes a picture and returns the pixels that are kept, [Size, Size, Channels].
//
// It reads only the pixels that the result depends on, one row at a time, so a long strip takes no more memory than a square
// picture.
func (p Preprocess) square(r *reader) []byte {
	b := r.img.Bounds()
	columns, rows := p.axes(b.Dx(), b.Dy())
	resampling := p.Resampling
	if resampling == "" {
		resampling = Bicubic
	}
	across, down := columns.filter(resampling), rows.filter(resampling)
	left, right := across.span()
	top, bottom := down.span()

	// Values are rounded to bytes after the first direction, so the order matters. Pillow 13 goes down first where the height
	// shrinks by more than twice as many pixels as the width (Pillow 12 and older never do).
	acrossFirst := rows.n <= rows.resized || rows.n-rows.resized <= 2*(columns.n-columns.resized)
	width := (right - left) * p.Channels
	if acrossFirst {
		width = columns.count * p.Channels
	}
	resized := make([]byte, columns.count*p.Channels)
	sums := newVertical(down, width)
	for y := top; y < bottom; y++ {
		if !sums.needs(y) {
			continue
		}
		line := r.line(y, left, right)
		if acrossFirst {
			across.resize(resized, line, left, p.Channels)
			line = resized
		}
		sums.add(y, line)
	}

	square := make([]byte, p.Len())
	if p.Invert { // padding is black after inversion
		for i := range square {
			square[i] = 255
		}
	}
	line := make([]byte, width)
	for y := range down {
		sums.line(line, y)
		out := square[((rows.place+y)*p.Size+columns.place)*p.Channels:]
		if acrossFirst {
			copy(out, line)
		} else {
			across.resize(out, line, left, p.Channels)
		}
	}
	return square
}

// reader reads rows of a picture as bytes, [columns, channels].
type reader struct {
	img      image.Image
	channels int
	paper    bool // transparent pixels are white, not black
	pixels   *image.RGBA
	palette  []byte // of an image.Paletted, blended with black
}

// line returns the pixels of row y from left to right. The result is valid until the next call.
func (r *reader) line(y, left, right int) []byte {
	pix := r.onBlack(y, left, right)
	if r.paper {
		for i := 0; i < len(pix); i += 4 {
			white := 255 - pix[i+3]
			pix[i], pix[i+1], pix[i+2] = pix[i]+white, pix[i+1]+white, pix[i+2]+white
		}
	}
	out := pix[:len(pix)/4*r.channels] // in place
	for i, j := 0, 0; i < len(pix); i, j = i+4, j+r.channels {
		red, green, blue := pix[i], pix[i+1], pix[i+2]
		if r.channels == 1 {
			out[j] = luma(red, green, blue)
		} else {
			out[j], out[j+1], out[j+2] = red, green, blue
		}
	}
	return out
}

// onBlack returns pixels blended with black, of four bytes, the last of which is alpha.
func (r *reader) onBlack(y, left, right int) []byte {
	if r.pixels == nil {
		r.pixels = image.NewRGBA(image.Rect(0, 0, right-left, 1))
	}
	start := r.img.Bounds().Min.Add(image.Pt(left, y))
	switch img := r.img.(type) {
	case *image.NRGBA:
		blend(r.pixels.Pix, img.Pix[img.PixOffset(start.X, start.Y):], 1)
	case *image.NRGBA64:
		blend(r.pixels.Pix, img.Pix[img.PixOffset(start.X, start.Y):], 2)
	case *image.Paletted:
		if r.palette == nil {
			for _, c := range img.Palette {
				n := color.NRGBAModel.Convert(c).(color.NRGBA)
				r.palette = append(r.palette, n.R, n.G, n.B, n.A)
			}
			blend(r.palette, r.palette, 1)
		}
		for i, index := range img.Pix[img.PixOffset(start.X, start.Y):][:right-left] {
			copy(r.pixels.Pix[4*i:4*i+4], r.palette[4*int(index):])
		}
	default:
		draw.Draw(r.pixels, r.pixels.Rect, r.img, start, draw.Src)
	}
	return r.pixels.Pix
}

// blend blends colours with black. Each sample of src has so many bytes, of which the first counts. It rounds as Pillow's
// alpha_composite does, where image/draw truncates.
func blend(dst, src []byte, bytes int) {
	for i := 0; i < len(dst); i += 4 {
		j := i * bytes
		a := src[j+3*bytes]
		dst[i], dst[i+1], dst[i+2], dst[i+3] = scale(src[j], a), scale(src[j+bytes], a), scale(src[j+2*bytes], a), a
	}
}

// luma returns the grey level of a colour, weighted by ITU-R 601 as in color.GrayModel and Pillow.
func luma(r, g, b byte) byte {
	return byte((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

// hasDarkInk reports whether a picture has ink that can be seen on white paper. It has none if more than half of it is
// transparent and nothing on it is darker than mid grey.
func hasDarkInk(img image.Image) bool {
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return true
	}
	b := img.Bounds()
	r := reader{img: img}
	covered := 0
	for y := range b.Dy() {
		pix := r.onBlack(y, 0, b.Dx())
		for i := 0; i < len(pix); i += 4 {
			alpha := pix[i+3]
			covered += int(alpha)
			if 255-alpha+luma(pix[i], pix[i+1], pix[i+2]) < 128 {
				return true
			}
		}
	}
	return covered*2 >= 255*b.Dx()*b.Dy()
}
