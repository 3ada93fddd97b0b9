package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"os"

	// The formats that Decode knows. TIFF is not among them: its decoder takes whatever memory a few bytes of header ask for.
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// The largest file and the largest picture that are decoded. A few bytes can promise a picture that fills the memory, so
// both are checked before.
const (
	MaxBytes  = 64 << 20
	MaxPixels = 50_000_000
)

// Decode reads a picture: PNG, JPEG, GIF (its first frame), WebP or BMP. The name is for errors only. JPEG's note of
// how the camera was held (Exif) is not looked at.
func Decode(r io.Reader, name string) (image.Image, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("picture: %s cannot be read: %w", name, err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("picture: %s has more than %d bytes; make it smaller", name, MaxBytes)
	}
	img, err := decode(data)
	if errors.Is(err, image.ErrFormat) {
		return nil, fmt.Errorf("picture: %s is no picture, or of a format other than PNG, JPEG, GIF, WebP and BMP", name)
	}
	if err != nil {
		return nil, fmt.Errorf("picture: %s: %w", name, err)
	}
	return img, nil
}

// decode turns a decoder's panic into an error: those of rarer formats have had some, and a damaged file must not end
// the program.
func decode(data []byte) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			img, err = nil, fmt.Errorf("damaged: the decoder failed: %v", p)
		}
	}()
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	w, h := config.Width, config.Height
	if w <= 0 || h <= 0 {
		return nil, fmt.Errorf("a size of %d×%d pixels; want at least 1×1", w, h)
	}
	if w > MaxPixels/h {
		return nil, fmt.Errorf("%d×%d pixels are more than %d; make it smaller", w, h, MaxPixels)
	}
	img, _, err = image.Decode(bytes.NewReader(data))
	return img, err
}

// Open decodes a file.
func Open(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	defer f.Close()
	return Decode(f, path)
}
