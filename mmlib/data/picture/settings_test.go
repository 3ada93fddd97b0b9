package picture

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"math"
	"reflect"
	"slices"
	"testing"

	_ "golang.org/x/image/tiff" // registers itself, and must not be reached

	"gomm/mmlib/internal/check"
)

// TestJSON: what belongs to the model is written and read back; what is unknown or wrong is refused.
func TestJSON(t *testing.T) {
	p := Preprocess{
		Size: 30, Channels: 1, Resampling: Lanczos, Resize: Squash, CropRounding: Floor, Mean: []float32{0.5}, Std: []float32{0.25},
		Invert: true, KeepOrientation: true,
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"size":30,"channels":1,"resampling":"lanczos","resize":"squash","crop_rounding":"floor","mean":[0.5],"std":[0.25]}`
	if string(data) != want {
		t.Errorf("%s; want %s", data, want)
	}
	var back Preprocess
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	p.Invert, p.KeepOrientation = false, false
	if !reflect.DeepEqual(back, p) {
		t.Errorf("%+v; want %+v", back, p)
	}

	chosen := Preprocess{Size: 1, Mean: []float32{9}, Invert: true}
	if err := json.Unmarshal([]byte(`{"size": 8, "channels": 3}`), &chosen); err != nil {
		t.Fatal(err)
	}
	if !chosen.Invert || chosen.Mean != nil || chosen.Size != 8 {
		t.Errorf("%+v", chosen)
	}
	for data, part := range map[string]string{
		`{"size": 8, "channels": 3, "invert": true}`:             `unknown field "invert"`,
		`{"size": 8, "channels": 3, "interpolation": "bicubic"}`: `unknown field "interpolation"`,
		`{"size": 8, "channels": 3, "resampling": "cubic"}`:      `resampling is "cubic"; want one of bicubic, bilinear`,
		`{"size": 8, "channels": 3, "resize": "stretch"}`:        `resize is "stretch"; want one of crop, squash, pad`,
		`{"size": 8, "channels": 3, "crop_rounding": "up"}`:      `crop_rounding is "up"; want one of round, floor`,
		`{"size": "8", "channels": 3}`:                           "size",
		`{"channels": 3}`:                                        "size is 0",
		`{"size": 8, "channels": 3, "mean": [1e9, 0, 0]}`:        "mean of channel 0 is 1e+09",
		`{"size": 8, "channels": 3, "std": [1, 0, 1]}`:           "std of channel 1 is 0",
		`{"size": 8, "channels": 1, "mean": [0.5, 0.5, 0.5]}`:    "mean has 3 values for 1 channels",
	} {
		p := Preprocess{Size: 5, Channels: 1}
		check.Error(t, json.Unmarshal([]byte(data), &p), "picture: ", part)
		if p.Size != 5 || p.Channels != 1 {
			t.Errorf("%s was refused and changed the settings to %+v", data, p)
		}
	}
}

// TestZeroValue: the defaults are what this package has always done.
func TestZeroValue(t *testing.T) {
	short := Preprocess{Size: 17, Channels: 3}
	long := Preprocess{Size: 17, Channels: 3, Resampling: Bicubic, Resize: Crop, CropRounding: Round}
	a, err := short.Load("testdata/wide.png")
	if err != nil {
		t.Fatal(err)
	}
	b, err := long.Load("testdata/wide.png")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a, b) {
		t.Error("the defaults are not bicubic, crop and round")
	}
}

// TestKeepOrientation: pictures are turned unless that is switched off.
func TestKeepOrientation(t *testing.T) {
	files := unzip(t, "testdata/formats.zip")
	for name, turned := range map[string]bool{
		"exif1.jpg": false, "exif2.jpg": false, "exif4.jpg": false, "exif5.jpg": true, "exif8.jpg": true, "exif9.jpg": false,
		"exif6.png": true, "exif6.webp": true, "xmp8.jpg": true,
	} {
		for _, keep := range []bool{false, true} {
			img, err := Options{KeepOrientation: keep}.Decode(bytes.NewReader(files[name]), name)
			if err != nil {
				t.Fatal(err)
			}
			want := image.Pt(24, 17)
			if turned && !keep {
				want = image.Pt(17, 24)
			}
			if got := img.Bounds().Size(); got != want {
				t.Errorf("%s, keep %v: %v; want %v", name, keep, got, want)
			}
		}
	}
	p := Preprocess{Size: 8, Channels: 3}
	turned, err := p.Read(bytes.NewReader(files["exif3.jpg"]), "exif3.jpg")
	if err != nil {
		t.Fatal(err)
	}
	p.KeepOrientation = true
	kept, err := p.Read(bytes.NewReader(files["exif3.jpg"]), "exif3.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(turned, kept) {
		t.Error("KeepOrientation changes nothing")
	}
}

// TestDamagedEXIF: damaged metadata is ignored.
func TestDamagedEXIF(t *testing.T) {
	whole := "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
	for exif, want := range map[string]int{
		whole:                  6,
		"Exif\x00\x00" + whole: 6,
		whole[:21]:             1, // cut off in the value
		whole[:9]:              1,
		"":                     1,
		"XX" + whole[2:]:       1, // no order of bytes
		whole[:4] + "\xff\xff\xff\xff" + whole[8:]: 1, // a table that is not there
		whole[:8] + "\xff\xff" + whole[10:]:        6, // more entries than there are: those before count
		whole[:12] + "\x02" + whole[13:]:           1, // a text
		whole[:14] + "\x02" + whole[15:]:           1, // two values
		whole[:18] + "\x00" + whole[19:]:           0, // no such orientation
	} {
		if got := (metadata{exif: []byte(exif)}).orientation(); got != want {
			t.Errorf("%q: %d; want %d", exif, got, want)
		}
	}
	img := uniform(3, 2, 9)
	for _, orientation := range []int{-1, 0, 1, 9, 1 << 30} {
		if orient(img, orientation) != image.Image(img) {
			t.Errorf("orientation %d turns the picture", orientation)
		}
	}
}

// stroke is a picture of a slanted stroke with soft edges.
func stroke(ink uint8, transparent bool) image.Image {
	paper := color.NRGBA{255, 255, 255, 255}
	if transparent {
		paper = color.NRGBA{} // in which a colour is hidden: black
	}
	img := image.NewNRGBA(image.Rect(0, 0, 40, 40))
	draw.Draw(img, img.Rect, image.NewUniform(paper), image.Point{}, draw.Src)
	for y := 4; y < 36; y++ {
		for i, cover := range []uint8{77, 255, 255, 128} {
			c := color.NRGBA{ink, ink, ink, cover}
			if !transparent {
				level := scale(ink, cover) + 255 - cover
				c = color.NRGBA{level, level, level, 255}
			}
			img.SetNRGBA(y/2+10+i, y, c)
		}
	}
	return img
}

// TestInvertTransparent: transparent pixels are paper, and ink stays visible.
func TestInvertTransparent(t *testing.T) {
	p := Preprocess{Size: 28, Channels: 1, Invert: true}
	apply := func(p Preprocess, img image.Image) []float32 {
		values := make([]float32, p.Len())
		if err := p.Apply(values, img); err != nil {
			t.Fatal(err)
		}
		return values
	}
	onWhite, onNothing := apply(p, stroke(0, false)), apply(p, stroke(0, true))
	if !slices.Equal(onWhite, onNothing) {
		t.Error("black on nothing and black on white differ")
	}
	if slices.Max(onNothing) < 0.9 || onNothing[0] != 0 {
		t.Errorf("the brightest ink is %v, the paper %v", slices.Max(onNothing), onNothing[0])
	}
	light := apply(p, stroke(255, true))
	for i := range light {
		if math.Abs(float64(light[i]-onNothing[i])) > 1.01/255 { // a level, because resizing rounds
			t.Fatalf("value %d: white on nothing gives %v, black on nothing %v, both with Invert", i, light[i], onNothing[i])
		}
	}
	if !slices.Equal(light, apply(Preprocess{Size: 28, Channels: 1}, stroke(255, true))) {
		t.Error("white on nothing is not what it is without Invert")
	}

	// A page with transparent corners is white paper, a blank one too.
	page := image.NewNRGBA(image.Rect(0, 0, 40, 40))
	draw.Draw(page, image.Rect(1, 1, 39, 39), image.White, image.Point{}, draw.Src)
	if blank := apply(p, page); slices.Max(blank) != 0 {
		t.Errorf("a blank page has ink of %v", slices.Max(blank))
	}
	// Padding is no ink.
	p.Resize = Pad
	if added := apply(p, uniform(40, 20, 255)); slices.Max(added) != 0 {
		t.Errorf("the added paper is %v", slices.Max(added))
	}
}

// TestOpaqueAnimation: around the frame of an animation without alpha the canvas is black, not transparent.
func TestOpaqueAnimation(t *testing.T) {
	files := unzip(t, "testdata/formats.zip")
	for name, opaque := range map[string]bool{"animated-offset-opaque.webp": true, "animated-offset.webp": false} {
		img, err := Decode(bytes.NewReader(files[name]), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, alpha := img.At(0, 0).RGBA(); (alpha == 0xffff) != opaque {
			t.Errorf("%s: alpha %d; want opaque %v", name, alpha, opaque)
		}
	}
}

// TestRegisteredFormats: decoders registered with the image package are not used.
func TestRegisteredFormats(t *testing.T) {
	tiff := []byte("II*\x00\x08\x00\x00\x00")
	if _, kind, err := image.DecodeConfig(bytes.NewReader(tiff)); kind == "" && err == image.ErrFormat {
		t.Fatal("no TIFF decoder is registered")
	}
	_, err := Decode(bytes.NewReader(tiff), "x.png")
	check.Error(t, err, "picture: x.png is TIFF, which is not read; convert it to PNG")
}
