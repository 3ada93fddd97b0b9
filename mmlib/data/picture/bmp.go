package picture

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math/bits"
	"slices"
)

// Compressions of a BMP file.
const (
	bmpRaw = iota
	bmpRLE8
	bmpRLE4
	bmpBitfields
)

// bmpHeader is what we need from a BMP file's headers.
type bmpHeader struct {
	width, height, bits int
	topDown             bool
	compression         uint32
	masks               [4]uint32 // the bits of red, green, blue and alpha in a pixel of 16 to 32 bits
	palette             color.Palette
	pixels              []byte
}

// decodeBMP reads what Pillow reads: 1 to 32 bits a pixel, run lengths, bit fields, the headers of OS/2 1 and Windows 2 to 5.
// (x/image's decoder has no run lengths, bit fields or old headers, and allows no gap before the pixels.)
func decodeBMP(data []byte, limit int) (image.Image, error) {
	h, err := readBMPHeader(data)
	if err != nil {
		return nil, err
	}
	if err := checkSize(h.width, h.height, limit); err != nil {
		return nil, err
	}
	if h.compression == bmpRLE8 || h.compression == bmpRLE4 {
		return h.runs()
	}
	stride := (h.width*h.bits + 31) / 32 * 4
	if len(h.pixels) < stride*h.height {
		return nil, errEarly
	}
	row := func(y int) []byte {
		if !h.topDown {
			y = h.height - 1 - y
		}
		return h.pixels[y*stride:][:stride]
	}
	rect := image.Rect(0, 0, h.width, h.height)
	if h.palette != nil {
		img := image.NewPaletted(rect, h.palette)
		perByte := 8 / h.bits
		for y := range h.height {
			source := row(y)
			for x := range h.width {
				shift := 8 - h.bits*(x%perByte+1)
				img.Pix[y*img.Stride+x] = source[x/perByte] >> shift & (1<<h.bits - 1)
			}
		}
		return img, nil
	}
	img := image.NewNRGBA(rect)
	for y := range h.height {
		h.colours(img.Pix[y*img.Stride:][:4*h.width], row(y))
	}
	if h.masks[3] != 0 && !invisible(img.Pix) {
		return img, nil
	}
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	return &image.RGBA{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}, nil
}

// invisible reports whether all pixels are transparent: then the fourth byte was not meant as alpha.
func invisible(pix []byte) bool {
	for i := 3; i < len(pix); i += 4 {
		if pix[i] != 0 {
			return false
		}
	}
	return true
}

func readBMPHeader(data []byte) (h bmpHeader, err error) {
	if len(data) < 14+12 {
		return h, errEarly
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(data[at:])) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	offset, size := int64(u32(10)), int64(u32(14))
	if int64(len(data)) < 14+size {
		return h, errEarly
	}
	entry, colours := 4, 0
	switch size {
	case 12:
		h.width, h.height, h.bits = u16(18), u16(20), u16(24)
		entry = 3
	case 40, 52, 56, 64, 108, 124:
		h.width, h.height = int(int32(u32(18))), int(int32(u32(22)))
		h.bits, h.compression = u16(28), u32(30)
		if u32(46) > 1<<16 && h.bits <= 8 {
			return h, fmt.Errorf("a palette of %d colours", u32(46))
		}
		colours = int(u32(46))
	default:
		return h, fmt.Errorf("a header of %d bytes: %w", size, errUnsupported)
	}
	h.topDown = h.height < 0
	if h.topDown {
		h.height = -h.height
	}
	depths := map[uint32][]int{bmpRaw: {1, 2, 4, 8, 16, 24, 32}, bmpRLE8: {8}, bmpRLE4: {4}, bmpBitfields: {16, 24, 32}}
	if !slices.Contains(depths[h.compression], h.bits) {
		return h, fmt.Errorf("compression %d with %d bits a pixel: %w", h.compression, h.bits, errUnsupported)
	}

	end := 14 + int(size)
	switch {
	case h.bits <= 8:
		if colours == 0 {
			colours = 1 << h.bits
		}
		if len(data) < end+colours*entry {
			return h, errEarly
		}
		h.palette = make(color.Palette, min(colours, 256))
		for i := range h.palette {
			c := data[end+i*entry:]
			h.palette[i] = color.RGBA{c[2], c[1], c[0], 255}
		}
		end += colours * entry
	case h.compression == bmpBitfields:
		if size == 40 {
			end += 12
		}
		if len(data) < 14+52 {
			return h, errEarly
		}
		h.masks = [4]uint32{u32(54), u32(58), u32(62)}
		if size >= 56 && h.bits == 32 {
			h.masks[3] = u32(66)
		}
		for _, mask := range h.masks {
			if run := mask >> bits.TrailingZeros32(mask); run&(run+1) != 0 {
				return h, fmt.Errorf("bit fields with gaps: %w", errUnsupported)
			}
		}
		if h.masks == [4]uint32{} {
			h.masks = [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000}
		}
	case h.bits == 16:
		h.masks = [4]uint32{0x7c00, 0x3e0, 0x1f}
	default:
		h.masks = [4]uint32{0xff0000, 0xff00, 0xff}
	}
	if offset < 14+size { // some programs write 0
		offset = int64(end)
	}
	if offset > int64(len(data)) {
		return h, errEarly
	}
	h.pixels = data[offset:]
	return h, nil
}

// colours splits a row's pixels into their bit fields.
func (h bmpHeader) colours(dst, row []byte) {
	width := h.bits / 8
	for x := range h.width {
		var pixel uint32
		for i, b := range row[x*width : (x+1)*width] {
			pixel |= uint32(b) << (8 * i)
		}
		for c, mask := range h.masks {
			if mask != 0 {
				shift := bits.TrailingZeros32(mask)
				dst[4*x+c] = byte(uint64(pixel&mask>>shift) * 255 / uint64(mask>>shift))
			}
		}
	}
}

// runs decodes run lengths. Pixels that are skipped have colour 0.
func (h bmpHeader) runs() (image.Image, error) {
	img := image.NewPaletted(image.Rect(0, 0, h.width, h.height), h.palette)
	perByte := 8 / h.bits
	x, y := 0, 0
	set := func(index byte) {
		if x < h.width && y < h.height {
			row := y
			if !h.topDown {
				row = h.height - 1 - y
			}
			img.Pix[row*img.Stride+x] = index
		}
		x++
	}
	put := func(i int, b byte) { // sets pixel i of a run from the byte that holds it
		switch {
		case perByte == 1:
			set(b)
		case i%2 == 0:
			set(b >> 4)
		default:
			set(b & 15)
		}
	}
	for in := h.pixels; y < h.height-1 || y < h.height && x < h.width; { // behind the last pixel there is only an end marker
		if len(in) < 2 {
			return nil, errEarly
		}
		count, value := int(in[0]), in[1]
		in = in[2:]
		switch {
		case count > 0:
			for i := range count {
				put(i, value)
			}
		case value == 0:
			x, y = 0, y+1
		case value == 1:
			return img, nil
		case value == 2:
			if len(in) < 2 {
				return nil, errEarly
			}
			x, y = x+int(in[0]), y+int(in[1])
			in = in[2:]
		default:
			count = int(value)
			length := (count + perByte - 1) / perByte
			if len(in) < length {
				return nil, errEarly
			}
			for i := range count {
				put(i, in[i/perByte])
			}
			in = in[min(length+length%2, len(in)):]
		}
	}
	return img, nil
}
