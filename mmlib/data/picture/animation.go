package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"io"
)

// animation is a GIF whose frames are put together one after another, on a canvas that is transparent at first.
type animation struct {
	r       *bytes.Reader
	palette color.Palette // the file's own; nil for none
	found   []gifFound
	drawn   int
	canvas  *image.RGBA
	dispose func() // what becomes of the last frame before the next one is drawn
}

// gifFound is a frame whose pixels have not been read.
type gifFound struct {
	gifHeader
	at int64 // where its colour table or else its pixels begin
}

// How a frame is disposed of; whatever else a file says means that it stays.
const (
	toTransparent = 2
	toPrevious    = 3
)

// openAnimation finds all frames, without decoding any, and checks their number and sizes.
func openAnimation(data []byte, limit int) (film, error) {
	a := &animation{r: bytes.NewReader(data[6:]), dispose: func() {}}
	var screen gifScreen
	if err := binary.Read(a.r, binary.LittleEndian, &screen); err != nil {
		return nil, err
	}
	var err error
	if a.palette, err = gifPalette(a.r, screen.Flags); err != nil {
		return nil, err
	}
	pixels := 0
	for {
		header, err := gifFrame(a.r)
		if err != nil && len(a.found) > 0 {
			break // the end, or what stands in its place
		}
		if err != nil {
			return nil, err
		}
		if len(a.found) == MaxFrames {
			return nil, frameError(fmt.Sprintf("has more than %d frames", MaxFrames))
		}
		at := a.r.Size() - int64(a.r.Len())
		a.found = append(a.found, gifFound{header, at})
		if pixels += int(header.Width) * int(header.Height); pixels > MaxFilmPixels {
			return nil, frameError(fmt.Sprintf("has frames of more than %d pixels in all", MaxFilmPixels))
		}
		if err := skipFrame(a.r, header); err != nil {
			break // the last frame ends early; whether all of its pixels are there is seen when they are decoded
		}
	}
	// The canvas holds the first frame, as that of a GIF which is read as a picture; what of later frames lies beyond it is not seen.
	place := a.found[0].place()
	canvas := image.Rect(0, 0, max(int(screen.Width), place.Max.X), max(int(screen.Height), place.Max.Y))
	if err := checkSize(canvas.Dx(), canvas.Dy(), limit); err != nil {
		return nil, err
	}
	for _, f := range a.found {
		if place := f.place(); !place.Empty() {
			if err := checkSize(place.Dx(), place.Dy(), limit); err != nil {
				return nil, err
			}
		}
	}
	a.canvas = image.NewRGBA(canvas)
	return a, nil
}

// skipFrame goes on to behind the pixels of a frame.
func skipFrame(r *bytes.Reader, h gifHeader) error {
	skip := int64(1) // the number of bits
	if h.Flags&0x80 != 0 {
		skip += 3 << (h.Flags&7 + 1)
	}
	if _, err := r.Seek(skip, io.SeekCurrent); err != nil {
		return err
	}
	for {
		length, err := r.ReadByte()
		if err != nil || length == 0 {
			return err
		}
		if _, err := r.Seek(int64(length), io.SeekCurrent); err != nil {
			return err
		}
	}
}

// frameError reports films that are refused for their number of frames or pixels.
type frameError string

func (e frameError) Error() string { return string(e) + "; make it shorter" }

// frames implements film.
func (a *animation) frames() int { return len(a.found) }

// next implements film.
func (a *animation) next() (image.Image, error) {
	if a.drawn == len(a.found) {
		return nil, io.EOF
	}
	f := a.found[a.drawn]
	a.drawn++
	a.dispose()
	if _, err := a.r.Seek(f.at, io.SeekStart); err != nil {
		return nil, err
	}
	palette, err := framePalette(a.r, f.Flags, a.palette)
	if err != nil {
		return nil, err
	}
	place := f.place()
	seen := place.Intersect(a.canvas.Rect)
	a.dispose = a.disposal(f.disposal, seen)
	if place.Empty() {
		return a.canvas, nil
	}
	frame := image.NewPaletted(place, palette)
	if err := gifPixels(a.r, frame, f.Flags&0x40 != 0); err != nil {
		return nil, err
	}
	colors := make([]color.RGBA, len(palette))
	for i, c := range palette {
		colors[i] = color.RGBAModel.Convert(c).(color.RGBA)
	}
	for y := seen.Min.Y; y < seen.Max.Y; y++ {
		from := frame.Pix[frame.PixOffset(seen.Min.X, y):][:seen.Dx()]
		to := a.canvas.Pix[a.canvas.PixOffset(seen.Min.X, y):]
		for x, index := range from {
			if int(index) == f.transparent {
				continue
			}
			if int(index) >= len(colors) {
				return nil, fmt.Errorf("colour %d of a palette of %d", index, len(colors))
			}
			c := colors[index]
			to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = c.R, c.G, c.B, c.A
		}
	}
	return a.canvas, nil
}

// disposal returns what is to be done with a part of the canvas before the next frame.
func (a *animation) disposal(how byte, seen image.Rectangle) func() {
	var before []byte
	if how == toPrevious {
		for y := seen.Min.Y; y < seen.Max.Y; y++ {
			before = append(before, a.canvas.Pix[a.canvas.PixOffset(seen.Min.X, y):][:4*seen.Dx()]...)
		}
	} else if how != toTransparent {
		return func() {}
	}
	return func() {
		for y := seen.Min.Y; y < seen.Max.Y; y++ {
			row := a.canvas.Pix[a.canvas.PixOffset(seen.Min.X, y):][:4*seen.Dx()]
			clear(row)
			if how == toPrevious {
				copy(row, before[(y-seen.Min.Y)*len(row):])
			}
		}
	}
}

// EncodeGIF writes an animated GIF that repeats for ever. delay is how long each frame is shown, in hundredths of a second. The
// frames are of one size; colors are kept as they are if all frames together have at most 256, and else lose as many of their
// lowest bits as it takes.
func EncodeGIF(w io.Writer, frames []image.Image, delay int) error {
	if len(frames) == 0 {
		return errors.New("picture: a film without frames cannot be written")
	}
	for n, f := range frames {
		if f.Bounds().Size() != frames[0].Bounds().Size() {
			return fmt.Errorf("picture: frame %d has %v pixels, and the first frame %v", n, f.Bounds().Size(), frames[0].Bounds().Size())
		}
	}
	var palette color.Palette
	index := map[color.RGBA]uint8{}
	var mask uint8 = 255
	for !collect(frames, mask, &palette, index) {
		mask <<= 1
	}
	out := &gif.GIF{}
	for _, f := range frames {
		b := f.Bounds()
		img := image.NewPaletted(image.Rectangle{Max: b.Size()}, palette)
		for i := range img.Pix {
			img.Pix[i] = index[masked(f, b.Min.X+i%b.Dx(), b.Min.Y+i/b.Dx(), mask)]
		}
		out.Image, out.Delay = append(out.Image, img), append(out.Delay, delay)
	}
	return gif.EncodeAll(w, out)
}

// collect numbers the colors of all frames, and reports whether there are at most 256.
func collect(frames []image.Image, mask uint8, palette *color.Palette, index map[color.RGBA]uint8) bool {
	*palette = (*palette)[:0]
	clear(index)
	for _, f := range frames {
		b := f.Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				c := masked(f, x, y, mask)
				if _, ok := index[c]; ok {
					continue
				}
				if len(*palette) == 256 {
					return false
				}
				index[c] = uint8(len(*palette))
				*palette = append(*palette, c)
			}
		}
	}
	return true
}

// masked is a pixel's color without its lowest bits; what is transparent is black.
func masked(img image.Image, x, y int, mask uint8) color.RGBA {
	c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
	return color.RGBA{c.R & mask, c.G & mask, c.B & mask, 255}
}
