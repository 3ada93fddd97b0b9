package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"

	"golang.org/x/image/webp"
)

// decodeWebP leaves decompression of the first frame to x/image and does the rest itself: x/image reads no animations, and
// takes the studio range of lossy WebP, levels 16 to 235, for the full range (golang/go#40173).
func decodeWebP(data []byte, limit int) (image.Image, error) {
	file, err := parseWebP(data)
	if err != nil {
		return nil, err
	}
	frame, canvas := file.frame, file.canvas
	if err := checkSize(canvas.Dx(), canvas.Dy(), limit); err != nil {
		return nil, err
	}
	if !frame.In(canvas) {
		return nil, fmt.Errorf("its frame %v is not in its canvas %v", frame, canvas)
	}
	still, err := webp.Decode(bytes.NewReader(file.still()))
	if err != nil {
		return nil, err
	}
	dst := image.NewNRGBA(canvas)
	switch img := still.(type) {
	case *image.YCbCr:
		file.fromStudioRange(dst, img, nil, 0)
	case *image.NYCbCrA:
		file.fromStudioRange(dst, &img.YCbCr, img.A, img.AStride)
	case *image.NRGBA:
		for y := range frame.Dy() {
			copy(dst.Pix[dst.PixOffset(frame.Min.X, frame.Min.Y+y):], img.Pix[y*img.Stride:][:4*frame.Dx()])
		}
	default:
		return nil, fmt.Errorf("pixels of type %T", still)
	}
	if file.alpha {
		return dst, nil
	}
	for i := 3; i < len(dst.Pix); i += 4 {
		dst.Pix[i] = 255
	}
	return &image.RGBA{Pix: dst.Pix, Stride: dst.Stride, Rect: dst.Rect}, nil
}

// webpFile is what we need from the chunks of a WebP file.
type webpFile struct {
	metadata
	canvas, frame image.Rectangle
	alpha         bool
	id            string // of the chunk with the pixels: "VP8 " is lossy, "VP8L" lossless
	pixels, alph  []byte
}

func webpMetadata(data []byte) metadata {
	file, _ := parseWebP(data)
	return file.metadata
}

// Flags of a VP8X chunk.
const (
	webpAnimation = 1 << 1
	webpXMP       = 1 << 2
	webpEXIF      = 1 << 3
	webpAlpha     = 1 << 4
)

func parseWebP(data []byte) (f webpFile, err error) {
	if length := int64(binary.LittleEndian.Uint32(data[4:])) + 8; length <= int64(len(data)) {
		data = data[:length]
	} else {
		return f, errEarly
	}
	var flags byte
	err = chunks(data[12:], func(id string, chunk []byte) error {
		switch {
		case id == "VP8X" && len(chunk) >= 10:
			flags = chunk[0]
			f.canvas = image.Rect(0, 0, 1+uint24(chunk[4:]), 1+uint24(chunk[7:]))
		case id == "ANMF" && flags&webpAnimation != 0 && f.id == "":
			if len(chunk) < 16 {
				return errEarly
			}
			x, y := 2*uint24(chunk), 2*uint24(chunk[3:])
			f.frame = image.Rect(x, y, x+1+uint24(chunk[6:]), y+1+uint24(chunk[9:]))
			return chunks(chunk[16:], f.readFrame)
		case id == "EXIF" && flags&webpEXIF != 0 && f.exif == nil:
			f.exif = chunk
		case id == "XMP " && flags&webpXMP != 0 && f.xmp == nil:
			f.xmp = chunk
		case flags&webpAnimation == 0:
			return f.readFrame(id, chunk)
		}
		return nil
	})
	if err == nil && f.id == "" {
		err = errors.New("it holds no frame")
	}
	if err != nil {
		return f, err
	}
	var size image.Rectangle
	switch {
	case f.id == "VP8L" && len(f.pixels) >= 5 && f.pixels[0] == 0x2f:
		bits := binary.LittleEndian.Uint32(f.pixels[1:])
		size = image.Rect(0, 0, 1+int(bits&0x3fff), 1+int(bits>>14&0x3fff))
		f.alpha = bits>>28&1 != 0
	case f.id == "VP8 " && len(f.pixels) >= 10:
		size = image.Rect(0, 0, int(binary.LittleEndian.Uint16(f.pixels[6:])&0x3fff), int(binary.LittleEndian.Uint16(f.pixels[8:])&0x3fff))
		f.alpha = f.alph != nil
	default:
		return f, errEarly
	}
	if f.frame.Empty() {
		f.frame = size
	}
	if f.canvas.Empty() {
		f.canvas = size
	}
	if flags&webpAnimation != 0 {
		f.alpha = flags&webpAlpha != 0
	}
	if f.frame.Size() != size.Size() || flags&webpAnimation == 0 && f.canvas.Size() != size.Size() {
		return f, fmt.Errorf("its frame has %v pixels and not those of its header", size.Size())
	}
	return f, nil
}

// readFrame keeps the first chunk of pixels, and the chunk of alpha before it.
func (f *webpFile) readFrame(id string, chunk []byte) error {
	switch {
	case f.id != "":
	case id == "ALPH":
		f.alph = chunk
	case id == "VP8 " || id == "VP8L":
		f.id, f.pixels = id, chunk
	}
	return nil
}

// chunks calls each for the chunks of a RIFF file.
func chunks(data []byte, each func(id string, chunk []byte) error) error {
	for len(data) >= 8 {
		id, length := string(data[:4]), int64(binary.LittleEndian.Uint32(data[4:]))
		data = data[8:]
		if length > int64(len(data)) {
			return errEarly
		}
		if err := each(id, data[:length]); err != nil {
			return err
		}
		data = data[min(length+length&1, int64(len(data))):]
	}
	return nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// still returns a WebP file that holds only the frame.
func (f webpFile) still() []byte {
	out := []byte("RIFF\x00\x00\x00\x00WEBP")
	chunk := func(id string, data []byte) {
		out = append(binary.LittleEndian.AppendUint32(append(out, id...), uint32(len(data))), data...)
		out = append(out, make([]byte, len(data)&1)...)
	}
	if f.alph != nil && f.id == "VP8 " {
		w, h := f.frame.Dx()-1, f.frame.Dy()-1
		chunk("VP8X", []byte{webpAlpha, 0, 0, 0, byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)})
		chunk("ALPH", f.alph)
	}
	chunk(f.id, f.pixels)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

// fromStudioRange converts a lossy frame to RGB with libwebp's arithmetic (src/dsp/yuv.h and upsampling.c).
func (f webpFile) fromStudioRange(dst *image.NRGBA, img *image.YCbCr, alpha []byte, alphaStride int) {
	w, h := f.frame.Dx(), f.frame.Dy()
	cw, ch := (w+1)/2, (h+1)/2
	for y := range h {
		other := min(max(y/2-1+y%2*2, 0), ch-1) // the row above for an even row, below for an odd one
		near, far := y/2*img.CStride, other*img.CStride
		luma, out := img.Y[y*img.YStride:], dst.Pix[dst.PixOffset(f.frame.Min.X, f.frame.Min.Y+y):]
		for x := range w {
			here, beside := x/2, min(max(x/2-1+x%2*2, 0), cw-1)
			u := fancy(img.Cb[near+here], img.Cb[near+beside], img.Cb[far+here], img.Cb[far+beside])
			v := fancy(img.Cr[near+here], img.Cr[near+beside], img.Cr[far+here], img.Cr[far+beside])
			l := int32(luma[x]) * 19077 >> 8
			out[4*x] = clip((l + v*26149>>8 - 14234) >> 6)
			out[4*x+1] = clip((l - u*6419>>8 - v*13320>>8 + 8708) >> 6)
			out[4*x+2] = clip((l + u*33050>>8 - 17685) >> 6)
			out[4*x+3] = 255
			if alpha != nil {
				out[4*x+3] = alpha[y*alphaStride+x]
			}
		}
	}
}

// fancy interpolates between the nearest sample and the three others around a pixel, with the weights 9, 3, 3 and 1 of 16 and
// libwebp's rounding.
func fancy(near, beside, far, diagonal byte) int32 {
	a, b, c, d := int32(near), int32(beside), int32(far), int32(diagonal)
	return ((a+b+c+d+8+2*(b+c))>>3 + a) >> 1
}
