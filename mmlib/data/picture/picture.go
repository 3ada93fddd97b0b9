// Package picture turns image files into the numbers that a model reads.
//
// A model wants pictures of one size, as an array [H, W, C] (rows, columns, channels) of numbers around zero. [Preprocess]
// makes them as CLIP does (Radford et al., 2021; the function _transform of its clip.py):
//
//  1. resize so that the shorter side has Size pixels, by bicubic interpolation;
//  2. cut the Size×Size square out of the middle;
//  3. normalise each channel: (x - Mean) / Std, where x is 0 for none of the colour and 1 for all of it.
//
// The same three steps with one channel make an MNIST-like picture of any file. MNIST's digits are white on black. A digit
// written with a pen on paper is the other way round, and a model trained on MNIST takes it for something else: say so by
// Invert. Nothing here guesses it.
//
// Files are not trusted: [Decode] refuses what is too large before it takes memory for it, and names the file.
package picture

import (
	"fmt"
	"image"
	"image/draw"
	"math"
)

// The mean and the standard deviation of the colours red, green and blue on which CLIP was trained.
var (
	CLIPMean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	CLIPStd  = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// Preprocess says how a model wants its pictures.
type Preprocess struct {
	Size     int       `json:"size"`     // rows and columns
	Channels int       `json:"channels"` // 1 for grey, 3 for red, green and blue
	Mean     []float32 `json:"mean"`     // of each channel, black being 0 and white 1; empty for 0
	Std      []float32 `json:"std"`      // of each channel; empty for 1
	Invert   bool      `json:"invert"`   // white becomes black: for dark digits on light paper
}

// CLIP is the preprocessing of OpenAI's CLIP models for pictures of size×size pixels.
func CLIP(size int) Preprocess {
	return Preprocess{Size: size, Channels: 3, Mean: CLIPMean[:], Std: CLIPStd[:]}
}

// maxSize is well above what any model reads (CLIP's largest: 336).
const maxSize = 4096

// Validate reports a setting that makes no sense.
func (p Preprocess) Validate() error {
	switch {
	case p.Size < 1 || p.Size > maxSize:
		return fmt.Errorf("picture: size is %d; want 1 to %d", p.Size, maxSize)
	case p.Channels != 1 && p.Channels != 3:
		return fmt.Errorf("picture: channels is %d; want 1 (grey) or 3 (red, green, blue)", p.Channels)
	case len(p.Mean) != 0 && len(p.Mean) != p.Channels:
		return fmt.Errorf("picture: mean has %d values for %d channels", len(p.Mean), p.Channels)
	case len(p.Std) != 0 && len(p.Std) != p.Channels:
		return fmt.Errorf("picture: std has %d values for %d channels", len(p.Std), p.Channels)
	}
	for c, std := range p.Std {
		if !(std > 0) {
			return fmt.Errorf("picture: std of channel %d is %v; want more than 0", c, std)
		}
	}
	return nil
}

// Len is the number of values of a picture: Size·Size·Channels.
func (p Preprocess) Len() int { return p.Size * p.Size * p.Channels }

// Load decodes a file and applies p to it.
func (p Preprocess) Load(path string) ([]float32, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	img, err := Open(path)
	if err != nil {
		return nil, err
	}
	values := make([]float32, p.Len())
	return values, p.Apply(values, img)
}

// Apply writes a picture to dst, [Size, Size, Channels]. What is transparent in it counts as black.
func (p Preprocess) Apply(dst []float32, img image.Image) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if len(dst) != p.Len() {
		return fmt.Errorf("picture: room for %d values; want %d·%d·%d = %d", len(dst), p.Size, p.Size, p.Channels, p.Len())
	}
	b := img.Bounds()
	if b.Empty() || b.Dx() > MaxPixels/b.Dy() {
		return fmt.Errorf("picture: a size of %d×%d pixels; want 1 to %d in all", b.Dx(), b.Dy(), MaxPixels)
	}
	pixels := p.crop(img)
	for c := range p.Channels {
		table := p.table(c)
		for i := c; i < len(dst); i += p.Channels {
			dst[i] = table[pixels[i]]
		}
	}
	return nil
}

// table holds the normalised value of each of a channel's 256 levels.
func (p Preprocess) table(channel int) (table [256]float32) {
	mean, std := float32(0), float32(1)
	if len(p.Mean) > 0 {
		mean = p.Mean[channel]
	}
	if len(p.Std) > 0 {
		std = p.Std[channel]
	}
	for level := range table {
		x := float32(level) / 255
		if p.Invert {
			x = 1 - x
		}
		table[level] = (x - mean) / std
	}
	return table
}

// crop resizes the shorter side of a picture to Size and returns the square in the middle, [Size, Size, Channels].
//
// Only the pixels that the square depends on are read, so a long strip of a picture costs no more than a square one.
func (p Preprocess) crop(img image.Image) []byte {
	b := img.Bounds()
	short := min(b.Dx(), b.Dy())
	columns := newFilter(b.Dx(), p.Size*b.Dx()/short, p.Size)
	rows := newFilter(b.Dy(), p.Size*b.Dy()/short, p.Size)

	// Each row of the picture, first across. Then the results down.
	first, end := rows.span()
	left, right := columns.span()
	line := image.NewRGBA(image.Rect(0, 0, right-left, 1))
	narrow := make([]byte, (end-first)*p.Size*p.Channels) // [rows, Size, Channels]
	for y := first; y < end; y++ {
		draw.Draw(line, line.Rect, img, image.Pt(b.Min.X+left, b.Min.Y+y), draw.Src)
		source := channels(line.Pix, p.Channels)
		out := narrow[(y-first)*p.Size*p.Channels:]
		for x, t := range columns {
			for c := range p.Channels {
				out[x*p.Channels+c] = t.sum(source[c:], t.first-left, p.Channels)
			}
		}
	}
	square := make([]byte, p.Len())
	width := p.Size * p.Channels
	for y, t := range rows {
		for i := range width {
			square[y*width+i] = t.sum(narrow[i:], t.first-first, width)
		}
	}
	return square
}

// channels keeps red, green and blue of pixels with four bytes each, or makes grey of them: the weights are those of
// ITU-R 601, as in color.GrayModel and in PIL. It works in place.
func channels(rgba []byte, n int) []byte {
	out := rgba[:len(rgba)/4*n]
	for i, j := 0, 0; i < len(rgba); i, j = i+4, j+n {
		r, g, b := rgba[i], rgba[i+1], rgba[i+2]
		if n == 1 {
			out[j] = byte((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
		} else {
			out[j], out[j+1], out[j+2] = r, g, b
		}
	}
	return out
}

// filter says, for each pixel of the result, which pixels of one axis it is the weighted sum of.
type filter []taps

// taps are the weights of the pixels from first on.
type taps struct {
	first   int
	weights []float32
}

// newFilter resizes an axis of n pixels to resized pixels and keeps size of them, those in the middle.
//
// A result's pixel is at (i + ½)·n/resized in the original. Where the picture shrinks, the kernel is made as much wider,
// so that every pixel of the original counts (antialiasing). These are PIL's rules, on which CLIP was trained; they let
// the values be compared with it level by level, so the sums are rounded to bytes after each axis as there.
func newFilter(n, resized, size int) filter {
	f := make(filter, size)
	offset := int(math.RoundToEven(float64(resized-size) / 2))
	scale := float64(n) / float64(resized)
	stretch := max(scale, 1)
	for i := range f {
		centre := (float64(offset+i) + 0.5) * scale
		first := max(0, int(centre-2*stretch+0.5))
		end := min(n, int(centre+2*stretch+0.5))
		weights := make([]float32, end-first)
		var total float32
		for j := range weights {
			weights[j] = cubic((float64(first+j) + 0.5 - centre) / stretch)
			total += weights[j]
		}
		for j := range weights {
			weights[j] /= total
		}
		f[i] = taps{first, weights}
	}
	return f
}

// cubic is the kernel of bicubic interpolation, Catmull and Rom's (Keys's with a = -½).
func cubic(x float64) float32 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return float32((1.5*x-2.5)*x*x + 1)
	case x < 2:
		return float32(((-0.5*x+2.5)*x-4)*x + 2)
	}
	return 0
}

// span is the range of pixels that a filter needs.
func (f filter) span() (first, end int) {
	last := f[len(f)-1]
	return f[0].first, last.first + len(last.weights)
}

// sum is the weighted sum of pixels that are stride bytes apart, of which the first to count is number from.
func (t taps) sum(pixels []byte, from, stride int) byte {
	var total float32
	at := from * stride
	for _, w := range t.weights {
		total += w * float32(pixels[at])
		at += stride
	}
	return byte(min(max(total+0.5, 0), 255))
}
