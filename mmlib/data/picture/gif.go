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
	var screen struct {
		Width, Height             uint16
		Flags, Background, Aspect byte
	}
	if err := binary.Read(r, binary.LittleEndian, &screen); err != nil {
		return nil, err
	}
	palette, err := gifPalette(r, screen.Flags)
	if err != nil {
		return nil, err
	}
	frame, transparent, err := gifFrame(r)
	if err != nil {
		return nil, err
	}
	if local, err := gifPalette(r, frame.Flags); err != nil {
		return nil, err
	} else if local != nil {
		palette = local
	}
	if palette == nil {
		palette = make(color.Palette, 256)
		for i := range palette {
			palette[i] = color.Gray{uint8(i)}
		}
	}
	background := uint8(0)
	if transparent >= 0 {
		background = uint8(transparent)
		for len(palette) <= transparent {
			palette = append(palette, color.RGBA{})
		}
		palette[transparent] = color.RGBA{}
	}

	place := image.Rect(0, 0, int(frame.Width), int(frame.Height)).Add(image.Pt(int(frame.Left), int(frame.Top)))
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

type gifDescriptor struct {
	Left, Top, Width, Height uint16
	Flags                    byte
}

// gifFrame reads up to the first frame. The index of the transparent colour is -1 if there is none.
func gifFrame(r *bytes.Reader) (frame gifDescriptor, transparent int, err error) {
	for transparent = -1; ; {
		kind, err := r.ReadByte()
		if err != nil {
			return frame, transparent, err
		}
		switch kind {
		case ',':
			return frame, transparent, binary.Read(r, binary.LittleEndian, &frame)
		case ';':
			return frame, transparent, errors.New("it holds no frame")
		case '!':
			label, err := r.ReadByte()
			if err != nil {
				return frame, transparent, err
			}
			block, err := gifBlocks(r)
			if err != nil {
				return frame, transparent, err
			}
			if label == 0xf9 && len(block) >= 4 && block[0]&1 != 0 {
				transparent = int(block[3])
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
