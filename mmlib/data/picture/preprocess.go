package picture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The mean and the standard deviation of the colours red, green and blue on which CLIP was trained.
var (
	CLIPMean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	CLIPStd  = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// Values of Preprocess.Resampling, by Pillow's names.
const (
	Bicubic  = "bicubic" // the default
	Bilinear = "bilinear"
	Lanczos  = "lanczos"
	Box      = "box"
	Nearest  = "nearest"
)

// Values of Preprocess.Resize.
const (
	Crop   = "crop"   // the default: the shorter side becomes Size, and the square in the middle is kept
	Squash = "squash" // both sides become Size, whatever the shape
	Pad    = "pad"    // the longer side becomes Size, and black is added at both ends of the shorter; open_clip's "longest"
)

// Values of Preprocess.CropRounding, for a square that cannot lie exactly in the middle: what becomes of half a pixel.
const (
	Round = "round" // the default: rounded to the even pixel, as in torchvision and open_clip
	Floor = "floor" // dropped, as in transformers
)

// Preprocess describes how a model wants its pictures. Its JSON form is stored with a model: it holds what the model was
// trained with and leaves out what a user chooses for a picture. An unknown key in it is an error.
type Preprocess struct {
	Size         int       `json:"size"`                    // rows and columns
	Channels     int       `json:"channels"`                // 1 for grey, 3 for red, green and blue
	Resampling   string    `json:"resampling,omitempty"`    // Bicubic, Bilinear, Lanczos, Box or Nearest; empty for Bicubic
	Resize       string    `json:"resize,omitempty"`        // Crop, Squash or Pad; empty for Crop
	CropRounding string    `json:"crop_rounding,omitempty"` // Round or Floor; empty for Round
	Mean         []float32 `json:"mean,omitempty"`          // of each channel, black being 0 and white 1; empty for 0
	Std          []float32 `json:"std,omitempty"`           // of each channel; empty for 1
	Frames       int       `json:"frames,omitempty"`        // T, of a film, evenly spaced (see [Frame]); 0 for a model that reads pictures

	Invert          bool `json:"-"` // white becomes black: for dark ink on light paper
	KeepOrientation bool `json:"-"` // leave pictures as they are stored, whatever their EXIF data says
}

// CLIP is the preprocessing of OpenAI's CLIP models for pictures of size×size pixels.
func CLIP(size int) Preprocess {
	return Preprocess{Size: size, Channels: 3, Mean: CLIPMean[:], Std: CLIPStd[:]}
}

// maxFrames is well above what any model reads (CLIP4Clip: 12, and 64 of long films).
const maxFrames = 1024

// maxSize is well above what any model reads (CLIP's largest: 336).
const maxSize = 4096

// maxValue keeps (x - mean) / std finite.
const maxValue = 1e6

// Validate reports the first setting that makes no sense.
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
	for _, setting := range []struct {
		key, value string
		known      []string
	}{
		{"resampling", p.Resampling, []string{Bicubic, Bilinear, Lanczos, Box, Nearest}},
		{"resize", p.Resize, []string{Crop, Squash, Pad}},
		{"crop_rounding", p.CropRounding, []string{Round, Floor}},
	} {
		if setting.value != "" && !slices.Contains(setting.known, setting.value) {
			return fmt.Errorf("picture: %s is %q; want one of %s", setting.key, setting.value, strings.Join(setting.known, ", "))
		}
	}
	if p.Frames < 0 || p.Frames > maxFrames {
		return fmt.Errorf("picture: frames is %d; want 1 to %d, or 0 for pictures", p.Frames, maxFrames)
	}
	for c, mean := range p.Mean {
		if !(mean >= -maxValue && mean <= maxValue) {
			return fmt.Errorf("picture: mean of channel %d is %v; want about 0 to 1", c, mean)
		}
	}
	for c, std := range p.Std {
		if !(std >= 1/maxValue && std <= maxValue) {
			return fmt.Errorf("picture: std of channel %d is %v; want more than 0, about 0 to 1", c, std)
		}
	}
	return nil
}

// UnmarshalJSON refuses unknown keys and values that make no sense. It leaves Invert and KeepOrientation as they are.
func (p *Preprocess) UnmarshalJSON(data []byte) error {
	type plain Preprocess // without this method
	q := plain{Invert: p.Invert, KeepOrientation: p.KeepOrientation}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return fmt.Errorf("picture: preprocessing: %w", err)
	}
	if err := Preprocess(q).Validate(); err != nil {
		return err
	}
	*p = Preprocess(q)
	return nil
}

// Len returns the number of values of a picture, Size·Size·Channels, or of a film, Frames·Size·Size·Channels.
func (p Preprocess) Len() int { return max(p.Frames, 1) * p.frame() }

// frame is the number of values of one picture.
func (p Preprocess) frame() int { return p.Size * p.Size * p.Channels }

// table returns the normalised value of each level of a channel.
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
