package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
)

// Limits on what is decoded. A few bytes can announce a picture that fills the memory, so they are checked before any is
// allocated.
//
// Within them, reading a file takes at most 1.5 GB. Measured for 49 million pixels that also had to be turned: an ordinary
// JPEG 0.5 GB, a progressive JPEG 1.1 GB and in CMYK 1.45 GB, a 16-bit PNG 1.4 GB, WebP 0.6 GB.
const (
	MaxBytes  = 64 << 20
	MaxPixels = 50_000_000
	MaxSide   = 1 << 20 // pixels on either side
)

// Options control decoding. [Open] and [Decode] use the zero value.
type Options struct {
	KeepOrientation bool // leave the picture as it is stored: see "Rotation" in the package comment
}

// Decode reads a picture: PNG, JPEG, GIF, WebP or BMP. The name is for errors only.
func Decode(r io.Reader, name string) (image.Image, error) { return Options{}.Decode(r, name) }

// Open decodes a file.
func Open(path string) (image.Image, error) { return Options{}.Open(path) }

// Open decodes a file.
func (o Options) Open(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	defer f.Close()
	return o.Decode(f, path)
}

// Decode reads a picture. The name is for errors only.
func (o Options) Decode(r io.Reader, name string) (image.Image, error) {
	data, err := readAll(r, name)
	if err != nil {
		return nil, err
	}
	img, err := o.decode(data, MaxPixels)
	if err != nil {
		return nil, fmt.Errorf("picture: %s %w", name, err)
	}
	return img, nil
}

// readAll reads a file of at most MaxBytes.
func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("picture: %s cannot be read: %w", name, err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("picture: %s has more than %d bytes; make it smaller", name, MaxBytes)
	}
	return data, nil
}

// decode decodes a file of at most limit pixels. Its errors continue a sentence that begins with the file's name.
func (o Options) decode(data []byte, limit int) (img image.Image, err error) {
	defer guard(&err)
	f, err := recognise(data)
	if err != nil {
		return nil, err
	}
	img, err = f.decode(data, limit)
	if err != nil {
		return nil, f.explain(err)
	}
	if p, ok := img.(*image.Paletted); ok {
		for _, index := range p.Pix {
			if int(index) >= len(p.Palette) {
				return nil, fmt.Errorf("is a damaged %s: colour %d of a palette of %d", f.name, index, len(p.Palette))
			}
		}
	}
	if !o.KeepOrientation && f.metadata != nil {
		img = orient(img, f.metadata(data).orientation())
	}
	return img, nil
}

// guard turns a panic into an error. Decoders have panicked on damaged files, and so have the images that they returned; a
// file must not end the program.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("is damaged: its decoder failed: %v", p)
	}
}

// format is a kind of file that is read. The list is our own, not that of image.RegisterFormat, to which any package of the
// program can add: gonum/plot registers TIFF, whose decoder has allocated 8 GB for a file of 8 bytes.
type format struct {
	name     string
	magic    string // the first bytes of the file; ? matches any byte
	decode   func(data []byte, limit int) (image.Image, error)
	metadata func(data []byte) metadata // nil for a format without any

	film     func(data []byte, limit int) (film, error) // nil for a format whose animations are not read
	animated func(data []byte) bool                     // reports an animation that is not read; nil for a format without any
}

var formats = []format{
	{"PNG", "\x89PNG\r\n\x1a\n", decodePNG, pngMetadata, nil, animatedPNG},
	{"JPEG", "\xff\xd8\xff", decodeJPEG, jpegMetadata, nil, nil},
	{"GIF", "GIF8?a", decodeGIF, nil, openAnimation, nil},
	{"WebP", "RIFF????WEBP", decodeWebP, webpMetadata, nil, animatedWebP},
	{"BMP", "BM", decodeBMP, nil, nil, nil},
}

// errUnsupported is wrapped by errors about files that are not damaged but not read either. It is the remedy.
var errUnsupported = errors.New("save it as PNG")

// errEarly is what io.ErrUnexpectedEOF means to a reader of the error.
var errEarly = errors.New("it ends early")

// explain turns a decoder's error into the rest of a sentence that begins with the file's name.
func (f format) explain(err error) error {
	var jpegUnsupported jpeg.UnsupportedError
	var pngUnsupported png.UnsupportedError
	var jpegFormat jpeg.FormatError
	var pngFormat png.FormatError
	var size sizeError
	var frames frameError
	switch {
	case errors.As(err, &size):
		return err
	case errors.As(err, &frames):
		return err
	case errors.As(err, &jpegUnsupported), errors.As(err, &pngUnsupported):
		return fmt.Errorf("is a %s of a kind that is not read (%v); %w", f.name, err, errUnsupported)
	case errors.Is(err, errUnsupported):
		return fmt.Errorf("is a %s of a kind that is not read: %w", f.name, err)
	case errors.As(err, &jpegFormat):
		return fmt.Errorf("is a damaged %s: %s", f.name, string(jpegFormat))
	case errors.As(err, &pngFormat):
		return fmt.Errorf("is a damaged %s: %s", f.name, string(pngFormat))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("is a damaged %s: %w", f.name, errEarly)
	}
	return fmt.Errorf("is a damaged %s: %w", f.name, err)
}

// sizeError reports a size that is refused.
type sizeError struct{ width, height, limit int }

func (e sizeError) Error() string {
	if e.width < 1 || e.height < 1 {
		return fmt.Sprintf("has a size of %d×%d pixels; want at least 1×1", e.width, e.height)
	}
	return fmt.Sprintf("has %d×%d pixels; want at most %d in all and %d a side", e.width, e.height, e.limit, MaxSide)
}

// checkSize is called before memory is allocated for the pixels.
func checkSize(width, height, limit int) error {
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide || width > limit/height {
		return sizeError{width, height, limit}
	}
	return nil
}

func decodePNG(data []byte, limit int) (image.Image, error) {
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if err := checkSize(config.Width, config.Height, limit); err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(data))
}
