package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
)

// decodeJPEG leaves decompression to image/jpeg and converts the colours itself, as libjpeg does. Where there are fewer samples
// of colour than pixels, image/jpeg repeats them and libjpeg (so Pillow) interpolates: a difference of up to 19 levels.
func decodeJPEG(data []byte, limit int) (image.Image, error) {
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if err := checkSize(config.Width, config.Height, limit); err != nil {
		return nil, err
	}
	if scans := bytes.Count(data, []byte("\xff\xda")); scans > maxScans {
		return nil, fmt.Errorf("%d scans; want at most %d", scans, maxScans)
	}
	header := readJPEGHeader(data)
	if header.components == 4 {
		data = header.withoutTransform(data)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch img := img.(type) {
	case *image.YCbCr:
		return fromYCbCr(img), nil
	case *image.CMYK:
		return fromCMYK(img, header), nil
	}
	return img, nil
}

// maxScans is many times what encoders write, about 10. A scan of a few bytes can make the decoder go over the whole picture:
// without a limit, a small file would keep it busy for hours.
const maxScans = 1000

func jpegMetadata(data []byte) metadata { return readJPEGHeader(data).metadata }

// jpegHeader is what we need from the segments before a JPEG's first scan.
type jpegHeader struct {
	metadata
	components int
	subsampled bool // 4:2:0, the only subsampling of four components that image/jpeg reads
	adobe      int  // offset of the byte of Adobe's marker that names the colours; 0 if there is no marker
	ycck       bool // the first three of four components are YCbCr, not CMY
}

func readJPEGHeader(data []byte) (h jpegHeader) {
	for at := 2; at+4 <= len(data); {
		marker := data[at+1]
		if data[at] != 0xff || marker == 0xff { // stray bytes and padding are allowed
			at++
			continue
		}
		if marker <= 1 || 0xd0 <= marker && marker <= 0xd8 { // markers without a length
			at += 2
			continue
		}
		end := at + 2 + int(binary.BigEndian.Uint16(data[at+2:]))
		if end < at+4 || end > len(data) || marker == 0xd9 || marker == 0xda {
			break // the picture's end, its first scan, or damage
		}
		segment := data[at+4 : end]
		switch {
		case 0xc0 <= marker && marker <= 0xc2 && len(segment) >= 9 && h.components == 0:
			h.components = int(segment[5])
			h.subsampled = segment[7] != 0x11
		case marker == 0xe1 && bytes.HasPrefix(segment, exifHeader):
			if h.exif == nil {
				h.exif = segment
			} else { // continued, because it was too long for one segment
				h.exif = append(bytes.Clone(h.exif), segment[len(exifHeader):]...)
			}
		case marker == 0xe1 && bytes.HasPrefix(segment, []byte("http://ns.adobe.com/xap/1.0/\x00")):
			h.xmp = segment
		case marker == 0xee && len(segment) >= 12 && bytes.HasPrefix(segment, []byte("Adobe")):
			h.adobe = at + 4 + 11
			h.ycck = data[h.adobe] != 0
		}
		at = end
	}
	return h
}

// withoutTransform returns the file with an Adobe marker that says CMYK. So image/jpeg returns the samples of YCCK as they are,
// and accepts a file without the marker.
func (h jpegHeader) withoutTransform(data []byte) []byte {
	if h.adobe == 0 {
		return append([]byte("\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"), data[2:]...)
	}
	data = bytes.Clone(data)
	data[h.adobe] = 0
	return data
}

// fromYCbCr converts to RGB with libjpeg's rounding.
func fromYCbCr(img *image.YCbCr) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	across, down := 1, 1
	switch img.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		across = 2
	case image.YCbCrSubsampleRatio420:
		across, down = 2, 2
	case image.YCbCrSubsampleRatio440:
		down = 2
	case image.YCbCrSubsampleRatio411:
		across = 4
	case image.YCbCrSubsampleRatio410:
		across, down = 4, 2
	}
	cb := newPlane(img.Cb, img.CStride, w, h, across, down)
	cr := newPlane(img.Cr, img.CStride, w, h, across, down)
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		blue, red := cb.row(y), cr.row(y)
		luma, out := img.Y[y*img.YStride:][:w], dst.Pix[y*dst.Stride:]
		for x, l := range luma {
			r, g, b := ycc(l, blue[x], red[x])
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = r, g, b, 255
		}
	}
	return dst
}

// fromCMYK converts to RGB as Pillow's convert("RGB") does. Samples are inverted, 255 being no ink. The result reuses the
// memory of img.
func fromCMYK(img *image.CMYK, header jpegHeader) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	step := 1
	if header.subsampled {
		step = 2
	}
	samples := func(channel int) *plane { // before image/jpeg repeated and inverted them
		cw, ch := (w+step-1)/step, (h+step-1)/step
		pix := make([]byte, cw*ch)
		for i := range pix {
			pix[i] = 255 - img.Pix[i/cw*step*img.Stride+i%cw*step*4+channel]
		}
		return newPlane(pix, cw, w, h, step, step)
	}
	second, third := samples(1), samples(2)
	for y := range h {
		s, t, line := second.row(y), third.row(y), img.Pix[y*img.Stride:]
		for x := range w {
			pixel := line[4*x : 4*x+4 : 4*x+4]
			c, m, y := 255-pixel[0], s[x], t[x]
			if header.ycck {
				r, g, b := ycc(c, m, y)
				c, m, y = 255-r, 255-g, 255-b
			}
			k := 255 - pixel[3]
			pixel[0], pixel[1], pixel[2], pixel[3] = k-scale(255-c, k), k-scale(255-m, k), k-scale(255-y, k), 255
		}
	}
	return &image.RGBA{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}
}

// ycc is libjpeg's conversion (jdcolor.c), in 16-bit fixed point.
func ycc(y, cb, cr byte) (r, g, b byte) {
	l, u, v := int32(y), int32(cb)-128, int32(cr)-128
	return clip(l + (91881*v+1<<15)>>16), clip(l + (-22554*u-46802*v+1<<15)>>16), clip(l + (116130*u+1<<15)>>16)
}

func clip(x int32) byte { return byte(min(max(x, 0), 255)) }

// scale returns a·b/255, rounded.
func scale(a, b byte) byte {
	t := uint32(a)*uint32(b) + 128
	return byte((t + t>>8) >> 8)
}
