package picture

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// FromTransformers reads how a CLIPImageProcessor of Hugging Face's transformers prepares pictures, from its preprocessor_config.json, or
// from the processor_config.json of later versions. What the file leaves out has the value that transformers gives it. A setting that
// Preprocess cannot express is refused by its name. Half a pixel at the crop is dropped, as there.
func FromTransformers(file []byte) (Preprocess, error) {
	var outer struct {
		Image json.RawMessage `json:"image_processor"`
	}
	if err := json.Unmarshal(file, &outer); err == nil && outer.Image != nil {
		file = outer.Image
	}
	c := struct {
		Resize   *bool           `json:"do_resize"`
		Size     json.RawMessage `json:"size"`
		Filter   *int            `json:"resample"`
		Crop     *bool           `json:"do_center_crop"`
		CropSize json.RawMessage `json:"crop_size"`
		Rescale  *bool           `json:"do_rescale"`
		Factor   *float64        `json:"rescale_factor"`
		Norm     *bool           `json:"do_normalize"`
		Mean     []float32       `json:"image_mean"`
		Std      []float32       `json:"image_std"`
	}{Mean: slices.Clone(CLIPMean[:]), Std: slices.Clone(CLIPStd[:])} // clones, for they are decoded into
	if err := json.Unmarshal(file, &c); err != nil {
		return Preprocess{}, fmt.Errorf("picture: the image processor's file: %w", err)
	}
	on := func(b *bool) bool { return b == nil || *b }
	edge, err := edgeOf(c.Size, 224)
	if err != nil {
		return Preprocess{}, fmt.Errorf("picture: size: %w", err)
	}
	crop, err := edgeOf(c.CropSize, 224)
	if err != nil {
		return Preprocess{}, fmt.Errorf("picture: crop_size: %w", err)
	}
	resampling, ok := Bicubic, true
	if c.Filter != nil { // Pillow's numbers
		resampling, ok = map[int]string{0: Nearest, 1: Lanczos, 2: Bilinear, 3: Bicubic, 4: Box}[*c.Filter], *c.Filter >= 0 && *c.Filter < 5
	}
	switch {
	case !on(c.Resize):
		return Preprocess{}, errors.New("picture: do_resize is false: a model reads pictures of one size")
	case !on(c.Crop):
		return Preprocess{}, errors.New("picture: do_center_crop is false: gomm cuts the square out of the middle")
	case edge != crop:
		return Preprocess{}, fmt.Errorf("picture: size is %d and crop_size %d: gomm has only equal ones", edge, crop)
	case !ok:
		return Preprocess{}, fmt.Errorf("picture: resample is %d: it must be 0 to 4", *c.Filter)
	case !on(c.Rescale) || c.Factor != nil && math.Abs(*c.Factor*255-1) > 1e-6:
		return Preprocess{}, errors.New("picture: rescale_factor is not 1/255")
	}
	p := Preprocess{Size: edge, Channels: 3, Resampling: resampling, CropRounding: Floor, Mean: c.Mean, Std: c.Std}
	if !on(c.Norm) {
		p.Mean, p.Std = nil, nil
	}
	return p, p.Validate()
}

// edgeOf reads a size: 224, {"shortest_edge": 224} or {"height": 224, "width": 224}.
func edgeOf(raw json.RawMessage, otherwise int) (int, error) {
	if raw == nil || string(raw) == "null" {
		return otherwise, nil
	}
	var edge int
	if err := json.Unmarshal(raw, &edge); err == nil {
		return edge, nil
	}
	var s struct {
		Shortest int `json:"shortest_edge"`
		Height   int `json:"height"`
		Width    int `json:"width"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return 0, err
	}
	if s.Shortest == 0 && s.Height == s.Width {
		s.Shortest = s.Height
	}
	if s.Shortest == 0 {
		return 0, fmt.Errorf("it is %s: it must be a number, or have shortest_edge, or an equal height and width", raw)
	}
	return s.Shortest, nil
}

// FromOpenCLIP reads how a model of open_clip prepares pictures of size×size pixels, from the preprocess_cfg of its
// open_clip_config.json. What the file leaves out has the value that open_clip gives it.
func FromOpenCLIP(file []byte, size int) (Preprocess, error) {
	var outer struct {
		Preprocess struct {
			Size          json.RawMessage `json:"size"`
			Mode          string          `json:"mode"`
			Mean          []float32       `json:"mean"`
			Std           []float32       `json:"std"`
			Interpolation string          `json:"interpolation"`
			Resize        string          `json:"resize_mode"`
			Fill          int             `json:"fill_color"`
		} `json:"preprocess_cfg"`
	}
	c := &outer.Preprocess
	c.Mode, c.Mean, c.Std, c.Interpolation, c.Resize = "RGB", slices.Clone(CLIPMean[:]), slices.Clone(CLIPStd[:]), "bicubic", "shortest"
	if err := json.Unmarshal(file, &outer); err != nil {
		return Preprocess{}, fmt.Errorf("picture: open_clip_config.json: %w", err)
	}
	resampling, known := map[string]string{"bicubic": Bicubic, "bilinear": Bilinear}[c.Interpolation]
	resize, ok := map[string]string{"shortest": Crop, "squash": Squash, "longest": Pad}[c.Resize]
	switch {
	case c.Mode != "RGB":
		return Preprocess{}, fmt.Errorf("picture: preprocess_cfg.mode is %q: it must be \"RGB\"", c.Mode)
	case !known:
		return Preprocess{}, fmt.Errorf("picture: preprocess_cfg.interpolation is %q: gomm has \"bicubic\" and \"bilinear\"", c.Interpolation)
	case !ok:
		return Preprocess{}, fmt.Errorf("picture: preprocess_cfg.resize_mode is %q: gomm has \"shortest\", \"squash\" and \"longest\"", c.Resize)
	case resize == Pad && c.Fill != 0:
		return Preprocess{}, fmt.Errorf("picture: preprocess_cfg.fill_color is %d: gomm fills with 0", c.Fill)
	}
	if c.Size != nil && !sameSize(c.Size, size) {
		return Preprocess{}, fmt.Errorf("picture: preprocess_cfg.size is %s, and the model reads pictures of %d×%d", c.Size, size, size)
	}
	p := Preprocess{Size: size, Channels: 3, Resampling: resampling, Resize: resize, CropRounding: Round, Mean: c.Mean, Std: c.Std}
	return p, p.Validate()
}

// sameSize reports whether raw is null, size, or [size, size].
func sameSize(raw json.RawMessage, size int) bool {
	var one int
	var two [2]int
	return string(raw) == "null" || json.Unmarshal(raw, &one) == nil && one == size ||
		json.Unmarshal(raw, &two) == nil && two == [2]int{size, size}
}
