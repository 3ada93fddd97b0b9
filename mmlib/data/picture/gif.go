package picture

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"
)

// decodeGIF places the first frame on the canvas. It does not use image/gif, which leaves out the canvas and refuses files that
// viewers show: with a frame larger than the canvas, data after the last pixel, or no palette.
func decodeGIF(data []byte, limit int) (image.Image, error) {
	r := bytes.NewReader(data[6:])
	var screen gifScreen
	if err := binary.Read(r, binary.LittleEndian, &screen); err != nil {
		return nil, err
	}
	palette, err := gifPalette(r, screen.Flags)
	if err != nil {
		return nil, err
	}
	frame, err := gifFrame(r)
	if err != nil {
		return nil, err
	}
	if palette, err = framePalette(r, frame.Flags, palette); err != nil {
		return nil, err
	}
	background := uint8(0)
	if transparent := frame.transparent; transparent >= 0 {
		background = uint8(transparent)
		for len(palette) <= transparent {
			palette = append(palette, color.RGBA{})
		}
		palette[transparent] = color.RGBA{}
	}

	place := frame.place()
	canvas := image.Rect(0, 0, max(int(screen.Width), place.Max.X), max(int(screen.Height), place.Max.Y))
	if err := checkSize(canvas.Dx(), canvas.Dy(), limit); err != nil {
		return nil, err
	}
	img := image.NewPaletted(canvas, palette)
	for i := range img.Pix {
		img.Pix[i] = background
	}
	return img, gifPixels(r, img.SubImage(place).(*image.Paletted), frame.Flags&0x40 != 0)
}

// gifPalette reads the colour table that flags announce, if any.
func gifPalette(r io.Reader, flags byte) (color.Palette, error) {
	if flags&0x80 == 0 {
		return nil, nil
	}
	table := make([]byte, 3<<(flags&7+1))
	if _, err := io.ReadFull(r, table); err != nil {
		return nil, err
	}
	palette := make(color.Palette, len(table)/3, 256)
	for i := range palette {
		palette[i] = color.RGBA{table[3*i], table[3*i+1], table[3*i+2], 255}
	}
	return palette, nil
}

// framePalette is the palette of a frame: its own, which flags announce, or the file's, or else greys.
func framePalette(r io.Reader, flags byte, global color.Palette) (color.Palette, error) {
	palette, err := gifPalette(r, flags)
	if err != nil || palette != nil {
		return palette, err
	}
	if global != nil {
		return global, nil
	}
	palette = make(color.Palette, 256)
	for i := range palette {
		palette[i] = color.Gray{uint8(i)}
	}
	return palette, nil
}

// gifScreen is what a GIF begins with.
type gifScreen struct {
	Width, Height             uint16
	Flags, Background, Aspect byte
}

type gifDescriptor struct {
	Left, Top, Width, Height uint16
	Flags                    byte
}

// place is where the frame lies on the canvas.
func (d gifDescriptor) place() image.Rectangle {
	return image.Rect(0, 0, int(d.Width), int(d.Height)).Add(image.Pt(int(d.Left), int(d.Top)))
}

// gifHeader is what stands before the colour table and the pixels of a frame.
type gifHeader struct {
	gifDescriptor
	transparent int // the index of that colour; -1 for none
	disposal    byte
}

// gifFrame reads up to the next frame.
func gifFrame(r *bytes.Reader) (h gifHeader, err error) {
	for h.transparent = -1; ; {
		kind, err := r.ReadByte()
		if err != nil {
			return h, err
		}
		switch kind {
		case ',':
			return h, binary.Read(r, binary.LittleEndian, &h.gifDescriptor)
		case ';':
			return h, errors.New("it holds no frame")
		case '!':
			label, err := r.ReadByte()
			if err != nil {
				return h, err
			}
			block, err := gifBlocks(r)
			if err != nil {
				return h, err
			}
			if label == 0xf9 && len(block) >= 4 {
				h.disposal = block[0] >> 2 & 7
				if block[0]&1 != 0 {
					h.transparent = int(block[3])
				}
			}
		}
	}
}

// gifBlocks reads data that is split into blocks of at most 255 bytes and ends with an empty one.
func gifBlocks(r *bytes.Reader) (data []byte, err error) {
	for {
		length, err := r.ReadByte()
		if err != nil || length == 0 {
			return data, err
		}
		at := len(data)
		data = append(data, make([]byte, length)...)
		if n, err := io.ReadFull(r, data[at:]); err != nil {
			return data[:at+n], err
		}
	}
}

// gifPixels reads the frame's pixels. Whatever follows the last pixel is ignored, even if it is damaged.
func gifPixels(r *bytes.Reader, frame *image.Paletted, interlaced bool) error {
	bits, err := r.ReadByte()
	if err != nil {
		return err
	}
	if bits < 2 || bits > 8 {
		return errors.New("its pixels do not have 2 to 8 bits")
	}
	data, _ := gifBlocks(r)
	pixels := lzw.NewReader(bytes.NewReader(data), lzw.LSB, int(bits))
	defer pixels.Close()
	w, h := frame.Rect.Dx(), frame.Rect.Dy()
	passes := []struct{ first, step int }{{0, 1}}
	if interlaced {
		passes = []struct{ first, step int }{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	for _, pass := range passes {
		for y := pass.first; y < h; y += pass.step {
			if _, err := io.ReadFull(pixels, frame.Pix[y*frame.Stride:][:w]); err != nil {
				return err
			}
		}
	}
	return nil
}
