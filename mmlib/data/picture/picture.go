// Package picture turns image files into the numbers that a model reads.
//
// A model wants pictures of one size, as an array [H, W, C] (rows, columns, channels) of numbers around zero. [Preprocess]
// makes them as CLIP does (Radford et al., 2021; the function _transform of its clip.py):
//
//  1. resize so that the shorter side has Size pixels, by bicubic interpolation;
//  2. cut the Size×Size square out of the middle;
//  3. normalise each channel: (x - Mean) / Std, where x is 0 for none of the colour and 1 for all of it.
//
// Other models resize in other ways, so the settings are part of a model and can be stored with it as JSON.
//
// Most models were trained on pictures that Pillow (PIL, the Python library) decoded and resized, so this package gives the
// same values: tests compare 128 files of all kinds with Pillow 13. Resizing and PNG, GIF, BMP and WebP agree exactly, JPEG
// within 3 of 255 levels and 0.1 on average.
//
// # What is read
//
// PNG, JPEG, GIF, WebP and BMP, recognised by their first bytes; the file's name does not matter. Of an animation the first
// frame is read, placed on the canvas of the GIF or WebP; of an animated PNG, the picture shown by programs that know no
// animation. 16-bit levels lose their low byte. (Pillow cuts 16-bit grey off at 255 instead, which turns most of it white.)
// Colour profiles and gamma are not applied, as in Pillow.
//
// Everything else is refused. Other formats (TIFF, HEIC, AVIF, SVG, PDF, JPEG XL …) are named in the error: convert them to
// PNG. So are JPEGs that are lossless, arithmetic-coded or of 12 bits, damaged files, and files of more than [MaxBytes] bytes
// or [MaxPixels] pixels. The error is one line with the file's name. A decoder's panic becomes such an error too.
//
// # Films
//
// For a model that reads films, Frames of them, [Preprocess.Load] reads an animated GIF, all its frames put together as viewers do, or
// a folder of pictures in the order of their names: see [Preprocess.Film]. [EncodeGIF] writes such a file.
//
// # Rotation
//
// A camera held upright stores its picture lying on its side, with a note of how to turn it: EXIF's orientation, 1 to 8, or
// the same in XMP. The note is followed for JPEG, PNG and WebP, as PIL.ImageOps.exif_transpose and transformers' load_image
// do. A damaged note is ignored. KeepOrientation leaves pictures as they are stored, to compare with programs that ignore it.
//
// # Transparency
//
// Transparent pixels are black, and half-transparent ones are blended with black. (Pillow's convert("RGB") drops the alpha
// channel instead, which brings out whatever colours an editor left where nothing is visible.)
//
// # Ink on paper
//
// MNIST's digits are white on black. A digit written with a pen on paper is the other way round, and a model trained on MNIST
// takes it for something else: set Invert for such pictures. It is never guessed. With Invert, transparent pixels are paper:
// white, and so black after inversion. Black strokes on a transparent canvas thus give the same values as on white paper.
//
// White strokes on a transparent canvas would vanish on white paper, but they are already white on black. So where more than
// half of a picture is transparent and nothing on it is darker than mid grey, Invert does nothing.
//
// # CMYK
//
// CMYK and YCCK JPEGs are converted as Pillow does, without a colour profile: red is (255-C)·(255-K)/255, and green and blue
// likewise. Samples are taken to be inverted, as Adobe writes them, whether or not the file has Adobe's marker.
package picture

import (
	"errors"
	"fmt"
	"image"
	"io"
)

// Load decodes a file and applies p to it. For a model of films it may be a folder of pictures too; see [Preprocess.Film].
func (p Preprocess) Load(path string) ([]float32, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.Frames > 0 {
		return p.Film(path)
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
	if p.Frames > 0 {
		return p.readFilm(r, name)
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

// Apply writes a picture to dst, [Size, Size, Channels]. For a model of films it is one in which nothing moves: every frame of
// [Frames, Size, Size, Channels] is the picture.
func (p Preprocess) Apply(dst []float32, img image.Image) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != p.Len() {
		return fmt.Errorf("picture: room for %d values; want %d·%d·%d·%d = %d", len(dst), max(p.Frames, 1), p.Size, p.Size, p.Channels,
			p.Len())
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
func (p Preprocess) apply(dst []float32, img image.Image) error {
	size := p.frame()
	if err := p.one(dst[:size], img); err != nil {
		return err
	}
	for k := 1; k < p.Frames; k++ {
		copy(dst[k*size:], dst[:size])
	}
	return nil
}

// one writes one picture or frame.
func (p Preprocess) one(dst []float32, img image.Image) (err error) {
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
