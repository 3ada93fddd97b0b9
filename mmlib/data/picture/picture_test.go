package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCropEqualsPIL compares with goldens made by testdata/golden.py. One level is the tolerance: PIL's weights are
// integers, ours are not, so a sum may be rounded differently.
func TestCropEqualsPIL(t *testing.T) {
	for _, test := range []struct {
		input, golden  string
		size, channels int
	}{
		{"wide", "wide-16", 16, 3},
		{"wide", "wide-28", 28, 3},
		{"wide", "wide-64", 64, 3},
		{"tall", "tall-32", 32, 3},
		{"tall", "tall-9", 9, 3},
		{"wide", "wide-28-grey", 28, 1},
	} {
		t.Run(test.golden, func(t *testing.T) {
			p := Preprocess{Size: test.size, Channels: test.channels}
			got, err := p.Load(filepath.Join("testdata", test.input+".png"))
			if err != nil {
				t.Fatal(err)
			}
			golden, err := Open(filepath.Join("testdata", test.golden+".png"))
			if err != nil {
				t.Fatal(err)
			}
			different := 0
			for i, x := range got {
				pixel := i / test.channels
				r, g, b, _ := golden.At(pixel%test.size, pixel/test.size).RGBA()
				want := float32([]uint32{r, g, b}[i%test.channels] >> 8)
				if math.Abs(float64(x*255-want)) > 1.01 {
					t.Fatalf("pixel %d, channel %d: %.1f; want %.0f", pixel, i%test.channels, x*255, want)
				}
				if math.Abs(float64(x*255-want)) > 0.01 {
					different++
				}
			}
			if different*200 > len(got) {
				t.Errorf("%d of %d values differ by a level; want at most one in 200", different, len(got))
			}
		})
	}
}

func TestFormats(t *testing.T) {
	want, err := Open("testdata/small.png")
	if err != nil {
		t.Fatal(err)
	}
	for ext, tolerance := range map[string]float64{"bmp": 0, "webp": 0, "gif": 40, "jpg": 90} {
		img, err := Open("testdata/small." + ext)
		if err != nil {
			t.Error(err)
			continue
		}
		p := Preprocess{Size: 8, Channels: 1}
		a, b := make([]float32, p.Len()), make([]float32, p.Len())
		if err := p.Apply(a, img); err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(b, want); err != nil {
			t.Fatal(err)
		}
		for i := range a {
			if d := math.Abs(float64(a[i]-b[i])) * 255; d > tolerance+0.01 {
				t.Errorf("%s: value %d is off by %.0f levels", ext, i, d)
				break
			}
		}
	}
}

// grey is a picture of one grey.
func grey(w, h int, level uint8) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.NewUniform(color.Gray{level}), image.Point{}, draw.Src)
	return img
}

func TestNormaliseAndInvert(t *testing.T) {
	p := Preprocess{Size: 2, Channels: 1, Mean: []float32{0.5}, Std: []float32{0.25}}
	got := make([]float32, 4)
	for _, test := range []struct {
		level  uint8
		invert bool
		want   float32
	}{{255, false, 2}, {0, false, -2}, {255, true, -2}, {51, true, 1.2}} {
		p.Invert = test.invert
		if err := p.Apply(got, grey(5, 3, test.level)); err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(got[3]-test.want)) > 1e-6 {
			t.Errorf("level %d, invert %v: %v; want %v", test.level, test.invert, got[3], test.want)
		}
	}
}

// TestMNISTStaysAsItIs: a picture that has the right size already comes out level by level.
func TestMNISTStaysAsItIs(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 28, 28))
	for i := range img.Pix {
		img.Pix[i] = byte(i * 7)
	}
	p := Preprocess{Size: 28, Channels: 1}
	got := make([]float32, p.Len())
	if err := p.Apply(got, img); err != nil {
		t.Fatal(err)
	}
	for i, x := range got {
		if x != float32(img.Pix[i])/255 {
			t.Fatalf("value %d is %v; want %d/255", i, x, img.Pix[i])
		}
	}
}

// TestPartOfAPicture: a picture whose bounds do not start at (0, 0) is the same picture.
func TestPartOfAPicture(t *testing.T) {
	whole := grey(60, 60, 0)
	part := whole.SubImage(image.Rect(10, 20, 40, 50)).(*image.Gray)
	draw.Draw(part, part.Rect, image.NewUniform(color.Gray{200}), image.Point{}, draw.Src)
	p := Preprocess{Size: 7, Channels: 1}
	got := make([]float32, p.Len())
	if err := p.Apply(got, part); err != nil {
		t.Fatal(err)
	}
	for i, x := range got {
		if x != float32(200)/255 {
			t.Errorf("value %d is %v; want 200/255", i, x)
		}
	}
}

// TestStrip: a very long picture costs no memory to speak of.
func TestStrip(t *testing.T) {
	p := CLIP(224)
	got := make([]float32, p.Len())
	if err := p.Apply(got, grey(1, 1_000_000, 255)); err != nil {
		t.Fatal(err)
	}
	if want := (1 - CLIPMean[0]) / CLIPStd[0]; math.Abs(float64(got[0]-want)) > 1e-5 {
		t.Errorf("white is %v; want %v", got[0], want)
	}
}

func TestValidate(t *testing.T) {
	for part, p := range map[string]Preprocess{
		"size is 0":       {Size: 0, Channels: 1},
		"size is 99999":   {Size: 99999, Channels: 1},
		"channels is 2":   {Size: 8, Channels: 2},
		"mean has 1":      {Size: 8, Channels: 3, Mean: []float32{1}},
		"std has 2":       {Size: 8, Channels: 3, Std: []float32{1, 1}},
		"channel 0 is 0":  {Size: 8, Channels: 1, Std: []float32{0}},
		"channel 0 is Na": {Size: 8, Channels: 1, Std: []float32{float32(math.NaN())}},
	} {
		wantError(t, p.Validate(), part)
		_, err := p.Load("testdata/wide.png")
		wantError(t, err, part)
	}
	p := CLIP(224)
	wantError(t, p.Apply(make([]float32, 5), grey(2, 2, 0)), "5 values", "150528")
	wantError(t, p.Apply(make([]float32, p.Len()), grey(0, 2, 0)), "0×2")
}

func TestDecodeRefuses(t *testing.T) {
	good, err := os.ReadFile("testdata/wide.png")
	if err != nil {
		t.Fatal(err)
	}
	for part, data := range map[string][]byte{
		"no picture":       []byte("<html>"),
		"not enough pixel": good[:len(good)/2],
		"60000×60000":      promise(good, 60000, 60000),
	} {
		_, err := Decode(bytes.NewReader(data), "cat.png")
		wantError(t, err, "cat.png", part)
	}
	_, err = Decode(bytes.NewReader(nil), "empty.png")
	wantError(t, err, "empty.png", "no picture")
	_, err = Open("testdata/none.png")
	wantError(t, err, "testdata/none.png")
	_, err = Open("testdata")
	wantError(t, err, "testdata", "cannot be read")
	_, err = Decode(zeros{}, "endless.png")
	wantError(t, err, "endless.png", fmt.Sprint(MaxBytes))
}

// promise is a PNG file with another size in its header.
func promise(file []byte, w, h uint32) []byte {
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], w)
	binary.BigEndian.PutUint32(file[20:], h)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

// FuzzDecode decodes anything; what decodes must be of the promised size and fit for Apply.
func FuzzDecode(f *testing.F) {
	img := grey(3, 2, 77)
	for _, encode := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return png.Encode(b, img) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) },
		func(b *bytes.Buffer) error { return gif.Encode(b, img, nil) },
	} {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	for _, name := range []string{"small.webp", "small.bmp"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	p := Preprocess{Size: 4, Channels: 3}
	f.Fuzz(func(t *testing.T, data []byte) {
		if config, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && config.Width > 1<<20/max(config.Height, 1) {
			return // allowed, but slow
		}
		img, err := Decode(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		if err := p.Apply(make([]float32, p.Len()), img); err != nil && !img.Bounds().Empty() {
			t.Error(err)
		}
	})
}

func BenchmarkCLIP(b *testing.B) {
	img := image.NewYCbCr(image.Rect(0, 0, 1920, 1080), image.YCbCrSubsampleRatio420)
	p := CLIP(224)
	dst := make([]float32, p.Len())
	for b.Loop() {
		if err := p.Apply(dst, img); err != nil {
			b.Fatal(err)
		}
	}
}
