// Package picture turns image files into the numbers that a model reads.
//
// A model wants pictures of one size, as an array [H, W, C] (rows, columns, channels) of numbers around zero. [Preprocess]
// makes them as CLIP does (Radford et al., 2021; the function _transform of its clip.py):
//
//  1. resize so that the shorter side has Size pixels, by bicubic interpolation;
//  2. cut the Size×Size square out of the middle;
//  3. normalise each channel: (x - Mean) / Std, where x is 0 for none of the colour and 1 for all of it.
//
// Models were trained on pictures that Pillow (PIL) decoded and resized, so its values are the measure: they are the same
// for PNG, GIF, BMP, WebP and for resizing, and within 3 levels of 255 for JPEG (testdata/pillow.py compares 80 files).
//
// # What is read
//
// PNG, JPEG, GIF, WebP and BMP, told apart by their first bytes and not by their names. Of an animation the first picture is
// read: it is placed on the whole canvas of a GIF or WebP, and for an animated PNG it is the one that programs show which
// know no animation. Levels of 16 bits lose their low byte; grey ones too, which PIL cuts off at 255. Colour profiles and
// gamma are not applied, as in PIL.
//
// Other formats (TIFF, HEIC, AVIF, SVG, PDF, JPEG XL …) are refused by name: convert them to PNG. So are damaged files, those
// with more than [MaxBytes] bytes or [MaxPixels] pixels, and JPEGs with arithmetic coding, 12 bits or without loss. An error
// is one line that names the file, and never a panic: decoding and resizing stand behind one guard.
//
// # Rotation
//
// A camera that is held upright stores its picture lying, with a note of how to turn it (EXIF's orientation, 1 to 8, or the
// same in XMP). The note is followed, as PIL.ImageOps.exif_transpose and transformers' load_image do, for JPEG, PNG and WebP;
// a damaged one is ignored. KeepOrientation leaves the picture as stored: for comparing with programs that do not look.
//
// # Transparency
//
// What is transparent counts as black, half transparent as half black. (PIL's convert("RGB") shows instead whatever colour
// a pixel has that cannot be seen; nobody chose those colours.)
//
// # Ink on paper
//
// MNIST's digits are white on black. A digit written with a pen on paper is the other way round, and a model trained on MNIST
// takes it for something else: say so by Invert. Nothing here guesses it. With Invert, what is transparent counts as paper,
// that is as white before inversion: black strokes on a transparent canvas give what black strokes on white paper give.
// Where a canvas is mostly transparent and all strokes on it are lighter than mid grey, white paper would hide them. They are
// white on black already, so such a picture comes out as without Invert.
//
// # CMYK
//
// CMYK and YCCK JPEGs become red, green and blue as in PIL: (255-C)·(255-K)/255 and so on, without a colour profile. Samples
// are taken for inverted, as Adobe's are, whether the file says so or not.
package picture

import (
	"errors"
	"fmt"
	"image"
	"io"
)

// Load decodes a file and applies p to it.
func (p Preprocess) Load(path string) ([]float32, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	img, err := Options{p.KeepOrientation}.Open(path)
	if err != nil {
		return nil, err
	}
	return p.named(img, path)
}

// Read decodes a picture and applies p to it. The name is for errors only.
func (p Preprocess) Read(r io.Reader, name string) ([]float32, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	img, err := Options{p.KeepOrientation}.Decode(r, name)
	if err != nil {
		return nil, err
	}
	return p.named(img, name)
}

func (p Preprocess) named(img image.Image, name string) ([]float32, error) {
	values := make([]float32, p.Len())
	if err := p.apply(values, img); err != nil {
		return nil, fmt.Errorf("picture: %s %w", name, err)
	}
	return values, nil
}

// Apply writes a picture to dst, [Size, Size, Channels].
func (p Preprocess) Apply(dst []float32, img image.Image) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != p.Len() {
		return fmt.Errorf("picture: room for %d values; want %d·%d·%d = %d", len(dst), p.Size, p.Size, p.Channels, p.Len())
	}
	if img == nil {
		return errors.New("picture: the picture is nil")
	}
	if err := p.apply(dst, img); err != nil {
		return fmt.Errorf("picture: the picture %w", err)
	}
	return nil
}

// apply is Apply for settings that are known to be good. Its errors continue a sentence about the picture.
func (p Preprocess) apply(dst []float32, img image.Image) (err error) {
	defer guard(&err)
	b := img.Bounds()
	if err := checkSize(b.Dx(), b.Dy(), MaxPixels); err != nil {
		return err
	}
	p.Invert = p.Invert && hasDarkInk(img)
	pixels := p.square(&reader{img: img, channels: p.Channels, paper: p.Invert})
	for c := range p.Channels {
		table := p.table(c)
		for i := c; i < len(dst); i += p.Channels {
			dst[i] = table[pixels[i]]
		}
	}
	return nil
}
