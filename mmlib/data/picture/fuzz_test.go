package picture

import (
	"path"
	"strings"
	"testing"
)

// Each of the fuzz tests decodes files of one format. The result must be an error of one line, or a picture that Apply can
// read. To run one: go test -fuzz FuzzWebP -fuzztime 5m ./mmlib/data/picture

func FuzzPNG(f *testing.F)  { fuzz(f, "PNG", ".png") }
func FuzzJPEG(f *testing.F) { fuzz(f, "JPEG", ".jpg") }
func FuzzGIF(f *testing.F)  { fuzz(f, "GIF", ".gif") }
func FuzzWebP(f *testing.F) { fuzz(f, "WebP", ".webp") }
func FuzzBMP(f *testing.F)  { fuzz(f, "BMP", ".bmp") }

func fuzz(f *testing.F, format, ext string) {
	for name, data := range unzip(f, "testdata/formats.zip") {
		if path.Ext(name) == ext {
			f.Add(data)
			f.Add(data[:len(data)*2/3])
		}
	}
	for _, h := range hostile {
		if h.format == format {
			f.Add([]byte(h.data))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if known, err := recognise(data); err != nil || known.name != format {
			return
		}
		img, err := Options{}.decode(data, 1<<16)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("more than a line: %q", err)
			}
			return
		}
		for _, resize := range []string{Crop, Squash, Pad} {
			p := Preprocess{Size: 4, Channels: 3, Resize: resize, Invert: true}
			if err := p.Apply(make([]float32, p.Len()), img); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzOrientation reads damaged metadata.
func FuzzOrientation(f *testing.F) {
	xmp := []byte(`tiff:Orientation="6"`)
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"), xmp)
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\xff\xff"), xmp)
	f.Fuzz(func(t *testing.T, exif, xmp []byte) {
		metadata{exif, xmp}.orientation()
		pngMetadata(append([]byte("\x89PNG\r\n\x1a\n"), exif...))
		readJPEGHeader(append([]byte("\xff\xd8"), exif...))
	})
}
