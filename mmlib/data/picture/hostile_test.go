package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"runtime"
	"strings"
	"testing"

	"gomm/mmlib/internal/check"
)

// hostile are damaged and malicious files, with a part of the error that each must give.
var hostile = []struct{ name, format, data, want string }{
	{"empty", "", "", "is empty"},
	{"one byte", "", "\x89", "is no picture"},
	{"a web page", "", "<!doctype html><html></html>", "is no picture"},
	{"a TIFF that asks for 8 GB", "", "II*\x00\x08\x00\x00\x00", "is TIFF, which is not read; convert it to PNG"},
	{"HEIC", "", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "is HEIC"},
	{"AVIF", "", "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00", "is AVIF"},
	{"SVG", "", "<?xml version=\"1.0\"?>\n<!-- a drawing -->\n<svg></svg>", "is SVG"},
	{"SVG with BOM", "", "\xef\xbb\xbf  <svg/>", "is SVG"},
	{"PDF", "", "%PDF-1.7", "is PDF"},
	{"ICO", "", "\x00\x00\x01\x00\x01\x00", "is ICO"},
	{"JPEG 2000", "", "\x00\x00\x00\x0cjP  \r\n\x87\n", "is JPEG 2000"},
	{"JPEG XL", "", "\xff\x0a\x00", "is JPEG XL"},

	{"only magic", "PNG", pngMagic, "is a damaged PNG: it ends early"},
	{"gigantic", "PNG", pngHead(60000, 60000), "has 60000×60000 pixels; want at most 50000000"},
	{"no width", "PNG", pngHead(0, 9), "is a damaged PNG"},
	{"a strip too long", "PNG", pngHead(2<<20, 1), "1048576 a side"},
	{"no pixels", "PNG", pngHead(9, 9), "is a damaged PNG"},

	{"only magic", "JPEG", "\xff\xd8\xff", "is a damaged JPEG: it ends early"},
	{"gigantic", "JPEG", jpegHead(0xc0, 8, 65535, 65535), "has 65535×65535 pixels"},
	{"no height", "JPEG", jpegHead(0xc0, 8, 9, 0), "has a size of 9×0"},
	{"12 bits", "JPEG", jpegHead(0xc1, 12, 9, 9), "of a kind that is not read"},
	{"arithmetic coding", "JPEG", jpegHead(0xc9, 8, 9, 9), "of a kind that is not read"},
	{"without loss", "JPEG", jpegHead(0xc3, 8, 9, 9), "of a kind that is not read"},

	{"a thousand scans", "JPEG",
		jpegHead(0xc2, 8, 9, 9) + strings.Repeat("\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00\x7f", 1000), "1001 scans"},

	{"only magic", "GIF", "GIF89a", "is a damaged GIF: it ends early"},
	{"no frame", "GIF", "GIF89a\x01\x00\x01\x00\x00\x00\x00;", "it holds no frame"},
	{"gigantic", "GIF",
		"GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02", "has 65535×65535 pixels"},
	{"gigantic frame", "GIF",
		"GIF89a\x01\x00\x01\x00\x00\x00\x00,\xff\xff\xff\xff\xff\xff\xff\xff\x00\x02", "has 131070×131070 pixels"},
	{"12 bits", "GIF", "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x0c", "its pixels do not have 2 to 8 bits"},
	{"colour out of range", "GIF",
		"GIF89a\x01\x00\x01\x00\x80\x00\x00AAABBB,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x5c\x01\x00;", "colour 3 of a palette of 2"},
	{"few pixels", "GIF",
		"GIF89a\xff\x00\xff\x00\x80\x00\x00AAABBB,\x00\x00\x00\x00\xff\x00\xff\x00\x00\x02\x02\x4c\x01\x00;", "it ends early"},

	{"only magic", "WebP", "RIFF\x04\x00\x00\x00WEBP", "it holds no frame"},
	{"cut off", "WebP", "RIFF\xff\x00\x00\x00WEBPVP8 ", "it ends early"},
	{"gigantic", "WebP", riff("VP8X", "\x02\x00\x00\x00\xff\xff\xff\xff\xff\xff", "ANMF",
		strings.Repeat("\x00", 16)+"VP8L\x05\x00\x00\x00\x2f\x00\x00\x00\x00\x00"), "has 16777216×16777216 pixels"},
	{"gigantic frame", "WebP", riff("VP8L", "\x2f\xff\xff\xff\x0f"), "has 16384×16384 pixels"},
	{"other size", "WebP",
		riff("VP8X", "\x00\x00\x00\x00\x09\x00\x00\x09\x00\x00", "VP8L", "\x2f\x00\x00\x00\x00"), "not those of its header"},
	{"frame beyond its canvas", "WebP", riff("VP8X", "\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00", "ANMF",
		"\x05\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00VP8L\x05\x00\x00\x00\x2f\x00\x00\x00\x00\x00"), "is not in its canvas"},

	{"only magic", "BMP", "BM", "is a damaged BMP: it ends early"},
	{"gigantic", "BMP", bmp(1<<30, 1<<30, 8, 0, 1), "has 1073741824×1073741824 pixels"},
	{"most negative height", "BMP", bmp(1, -1<<31, 8, 0, 1), "pixels"},
	{"negative width", "BMP", bmp(-5, 5, 8, 0, 1), "has a size of -5×5"},
	{"colour out of range", "BMP", bmp(1, 1, 8, 0, 1) + "\x01\x00\x00\x00", "colour 1 of a palette of 1"},
	{"colour out of range in a run", "BMP", bmp(1, 1, 8, 1, 1) + "\x01\x07\x00\x01", "colour 7 of a palette of 1"},
	{"few runs", "BMP", bmp(9, 9, 8, 1, 1) + "\x09\x00", "it ends early"},
	{"few pixels", "BMP", bmp(9, 9, 8, 0, 1) + "\x00", "it ends early"},
	{"a JPEG inside", "BMP", bmp(9, 9, 24, 4, 0), "of a kind that is not read"},
	{"3 bits", "BMP", bmp(9, 9, 3, 0, 1), "of a kind that is not read"},
	{"a palette of 2³¹ colours", "BMP", bmp(9, 9, 8, 0, 1<<31), "a palette of 2147483648 colours"},
}

const pngMagic = "\x89PNG\r\n\x1a\n"

func pngHead(w, h uint32) string {
	return string(promise([]byte(pngMagic+"\x00\x00\x00\x0dIHDR\x00\x00\x00\x00\x00\x00\x00\x00\x08\x02\x00\x00\x00\x00\x00\x00\x00"), w, h))
}

func jpegHead(sof, bits byte, w, h uint16) string {
	segment := []byte{0xff, 0xd8, 0xff, sof, 0, 11, bits, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 1, 1, 0x11, 0}
	return string(append(segment, "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"...))
}

func riff(chunks ...string) string {
	body := "WEBP"
	for i := 0; i < len(chunks); i += 2 {
		body += chunks[i] + string(binary.LittleEndian.AppendUint32(nil, uint32(len(chunks[i+1])))) + chunks[i+1]
		body += strings.Repeat("\x00", len(chunks[i+1])%2)
	}
	return "RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body
}

// bmp is a file up to its pixels. A palette is black.
func bmp(w, h int32, bits uint16, compression, colours uint32) string {
	var b bytes.Buffer
	b.WriteString("BM")
	for _, field := range []any{
		uint32(0), uint32(0), 54 + 4*colours&0xffff, uint32(40), w, h, uint16(1), bits, compression, uint32(0), uint64(0), colours, uint32(0),
	} {
		if err := binary.Write(&b, binary.LittleEndian, field); err != nil {
			panic(err)
		}
	}
	return b.String() + strings.Repeat("\x00", int(4*colours&0xffff))
}

func TestHostileFiles(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.format+" "+h.name, func(t *testing.T) {
			img, err := Decode(strings.NewReader(h.data), "cat.png")
			if err == nil {
				t.Fatalf("%T of %v; want an error with %q", img, img.Bounds(), h.want)
			}
			check.Error(t, err, "picture: cat.png ", h.want)
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// TestCutOff truncates files of every kind: none panics, and no file without its second half is a picture.
func TestCutOff(t *testing.T) {
	for name, data := range unzip(t, "testdata/formats.zip") {
		for length := 0; length < len(data); length += max(1, len(data)/40) {
			img, err := Decode(bytes.NewReader(data[:length]), name)
			if err == nil && length < len(data)/2 {
				t.Errorf("%s: %d of %d bytes are a picture of %v", name, length, len(data), img.Bounds())
			} else if err != nil && !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestNoMemoryForPromises: a file is refused before memory is allocated for what it announces.
func TestNoMemoryForPromises(t *testing.T) {
	var before, after runtime.MemStats
	for _, h := range hostile {
		runtime.ReadMemStats(&before)
		_, _ = Decode(strings.NewReader(h.data), "cat")
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s %s: %d bytes", h.format, h.name, used)
		}
	}
}

// TestStrips: a strip of a million pixels takes little memory, however it is resized.
func TestStrips(t *testing.T) {
	for _, size := range []image.Point{{1, 1_000_000}, {1_000_000, 1}, {1, 1}, {1_000_000, 9}} {
		img := uniform(size.X, size.Y, 200)
		for _, resize := range []string{Crop, Squash, Pad} {
			for _, resampling := range []string{Bicubic, Nearest} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				p := Preprocess{Size: 224, Channels: 3, Resize: resize, Resampling: resampling}
				values := make([]float32, p.Len())
				if err := p.Apply(values, img); err != nil {
					t.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				if used := after.TotalAlloc - before.TotalAlloc; used > 200<<20 {
					t.Errorf("%v %s %s: %d MB", img.Bounds(), resize, resampling, used>>20)
				}
				if middle := values[(112*224+112)*3]; resize != Pad && middle != float32(200)/255 {
					t.Errorf("%v %s %s: %v", img.Bounds(), resize, resampling, middle)
				}
			}
		}
	}
}

// broken is a picture whose pixels cannot be read; decoders have returned such.
type broken struct{}

func (broken) ColorModel() color.Model { return color.RGBAModel }
func (broken) Bounds() image.Rectangle { return image.Rect(0, 0, 5, 5) }
func (broken) At(int, int) color.Color { panic("index out of range") }

// TestGuard: a panic while pixels are read is an error.
func TestGuard(t *testing.T) {
	p := Preprocess{Size: 4, Channels: 1}
	for _, p.Invert = range []bool{false, true} {
		err := p.Apply(make([]float32, p.Len()), broken{})
		check.Error(t, err, "damaged", "index out of range")
		paletted := image.NewPaletted(image.Rect(0, 0, 5, 5), color.Palette{color.Black})
		paletted.Pix[7] = 9
		check.Error(t, p.Apply(make([]float32, p.Len()), paletted), "damaged")
	}
	check.Error(t, p.Apply(make([]float32, p.Len()), nil), "nil")
	_, err := p.Read(errReader{}, "pipe")
	check.Error(t, err, "pipe cannot be read", "broken pipe")
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken pipe") }
