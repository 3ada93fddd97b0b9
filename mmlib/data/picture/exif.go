package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"image"
	"image/color"
	"io"
	"regexp"
)

// metadata holds the parts of a file that may give its orientation.
type metadata struct{ exif, xmp []byte }

var (
	exifHeader     = []byte("Exif\x00\x00")
	xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)
)

// orientation returns EXIF's number, of which 2 to 8 ask for a change. As in Pillow, XMP counts where EXIF has no orientation.
// Damaged metadata is ignored.
func (m metadata) orientation() int {
	if o, ok := exifOrientation(m.exif); ok {
		return o
	}
	if match := xmpOrientation.FindSubmatch(m.xmp); match != nil {
		return int(match[1][0] - '0')
	}
	return 1
}

// exifOrientation searches the first directory of EXIF data, which has the form of a TIFF file.
func exifOrientation(exif []byte) (orientation int, ok bool) {
	exif = bytes.TrimPrefix(bytes.TrimPrefix(exif, exifHeader), exifHeader)
	if len(exif) < 8 {
		return 0, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(exif[:2]) {
	case "II":
	case "MM":
		order = binary.BigEndian
	default:
		return 0, false
	}
	start := int64(order.Uint32(exif[4:]))
	if start+2 > int64(len(exif)) {
		return 0, false
	}
	entries := exif[start+2:]
	for range order.Uint16(exif[start:]) {
		if len(entries) < 12 {
			break
		}
		tag, kind, count, value := order.Uint16(entries), order.Uint16(entries[2:]), order.Uint32(entries[4:]), entries[8:12]
		entries = entries[12:]
		if tag != 0x0112 || count != 1 {
			continue
		}
		switch kind {
		case 1: // a byte
			orientation, ok = int(value[0]), true
		case 3: // a short
			orientation, ok = int(order.Uint16(value)), true
		case 4: // a long
			orientation, ok = int(order.Uint32(value)), true
		}
	}
	return orientation, ok
}

// orient applies an orientation: 2 to 4 flip a picture across, both ways, and down; 5 to 8 also exchange rows and columns.
func orient(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	var pix []byte
	var size, stride int
	b := img.Bounds()
	switch src := img.(type) {
	case *image.RGBA:
		pix, size, stride = src.Pix, 4, src.Stride
	case *image.Gray:
		pix, size, stride = src.Pix, 1, src.Stride
	default:
		nrgba := toNRGBA(img)
		img, pix, size, stride = nrgba, nrgba.Pix, 4, nrgba.Stride
	}
	w, h := b.Dx(), b.Dy()
	first, right, down := 0, size, stride // offset of the result's first pixel, and steps to those right of it and below it
	flipAcross := func() { first, right = first+right*(w-1), -right }
	flipDown := func() { first, down = first+down*(h-1), -down }
	switch orientation {
	case 2:
		flipAcross()
	case 3:
		flipAcross()
		flipDown()
	case 4:
		flipDown()
	case 6:
		flipDown()
	case 7:
		flipAcross()
		flipDown()
	case 8:
		flipAcross()
	}
	if orientation >= 5 {
		w, h, right, down = h, w, down, right
	}
	out := make([]byte, w*h*size)
	for y := range h {
		at := first + y*down
		for to := y * w * size; to < (y+1)*w*size; to += size {
			copy(out[to:to+size], pix[at:at+size])
			at += right
		}
	}
	rect := image.Rect(0, 0, w, h)
	switch img.(type) {
	case *image.RGBA:
		return &image.RGBA{Pix: out, Stride: 4 * w, Rect: rect}
	case *image.Gray:
		return &image.Gray{Pix: out, Stride: w, Rect: rect}
	}
	return &image.NRGBA{Pix: out, Stride: 4 * w, Rect: rect}
}

func toNRGBA(img image.Image) *image.NRGBA {
	if nrgba, ok := img.(*image.NRGBA); ok {
		return nrgba
	}
	b := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.SetNRGBA(x, y, color.NRGBAModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA))
		}
	}
	return out
}

// maxText is as much of a compressed text as is read.
const maxText = 1 << 20

// pngMetadata reads the chunk eXIf and the texts in which ImageMagick stores EXIF, and Adobe XMP. Of several texts the last
// counts and only that one is decompressed, so that thousands of them take no more time than one.
func pngMetadata(data []byte) (m metadata) {
	var profile, xmp []byte
	var profilePacked, xmpPacked bool
	for data = data[8:]; len(data) >= 12; {
		length := int64(binary.BigEndian.Uint32(data))
		if length > int64(len(data)-12) {
			break
		}
		kind, chunk := string(data[4:8]), data[8:8+length]
		data = data[length+12:]
		key, text, _ := bytes.Cut(chunk, []byte{0})
		switch {
		case kind == "eXIf":
			m.exif = chunk
		case kind == "tEXt" && string(key) == "Raw profile type exif":
			profile, profilePacked = text, false
		case kind == "zTXt" && string(key) == "Raw profile type exif" && len(text) > 0:
			profile, profilePacked = text[1:], true
		case kind == "iTXt" && string(key) == "XML:com.adobe.xmp" && len(text) >= 2:
			xmpPacked = text[0] != 0
			_, text, _ = bytes.Cut(text[2:], []byte{0}) // language
			_, xmp, _ = bytes.Cut(text, []byte{0})      // translated keyword
		}
	}
	if profilePacked {
		profile = inflate(profile)
	}
	if xmpPacked {
		xmp = inflate(xmp)
	}
	if m.exif == nil {
		m.exif = rawProfile(profile)
	}
	m.xmp = xmp
	return m
}

// rawProfile decodes ImageMagick's form of binary data: an empty line, the kind, the length, then lines of hexadecimal digits.
func rawProfile(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	if len(lines) < 4 {
		return nil
	}
	profile, err := hex.AppendDecode(nil, bytes.Join(lines[3:], nil))
	if err != nil {
		return nil
	}
	return profile
}

// inflate returns nil for damaged data.
func inflate(data []byte) []byte {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, maxText))
	if err != nil {
		return nil
	}
	return text
}
