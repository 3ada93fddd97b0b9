package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gomm/mmlib/internal/check"
)

// TestResizeEqualsPillow compares with goldens made by testdata/resize.py, to the last bit.
func TestResizeEqualsPillow(t *testing.T) {
	goldens, err := filepath.Glob("testdata/*-*.png")
	if err != nil || len(goldens) < 25 {
		t.Fatalf("%d goldens, %v", len(goldens), err)
	}
	for _, path := range goldens {
		name := strings.TrimSuffix(filepath.Base(path), ".png")
		t.Run(name, func(t *testing.T) {
			words := strings.Split(name, "-") // INPUT-SIZE[-SETTING]
			size, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatal(err)
			}
			p := Preprocess{Size: size, Channels: 3}
			if len(words) > 2 {
				switch word := words[2]; word {
				case "grey":
					p.Channels = 1
				case Floor:
					p.CropRounding = word
				case Squash, Pad:
					p.Resize = word
				default:
					p.Resampling = word
				}
			}
			got, err := p.Load(filepath.Join("testdata", words[0]+".png"))
			if err != nil {
				t.Fatal(err)
			}
			golden, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			for i, x := range got {
				pixel := i / p.Channels
				r, g, b, _ := golden.At(pixel%size, pixel/size).RGBA()
				if want := []uint32{r, g, b}[i%p.Channels] >> 8; x != float32(want)/255 {
					t.Fatalf("pixel %d, channel %d: %.0f; want %d", pixel, i%p.Channels, x*255, want)
				}
			}
		})
	}
}

// uniform is a picture of one grey.
func uniform(w, h int, level uint8) *image.Gray {
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
		if err := p.Apply(got, uniform(5, 3, test.level)); err != nil {
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
	whole := uniform(60, 60, 0)
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
	if err := p.Apply(got, uniform(1, 1_000_000, 255)); err != nil {
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
		check.Error(t, p.Validate(), part)
		_, err := p.Load("testdata/wide.png")
		check.Error(t, err, part)
	}
	p := CLIP(224)
	check.Error(t, p.Apply(make([]float32, 5), uniform(2, 2, 0)), "5 values", "150528")
	check.Error(t, p.Apply(make([]float32, p.Len()), uniform(0, 2, 0)), "0×2")
}

func TestDecodeRefuses(t *testing.T) {
	good, err := os.ReadFile("testdata/wide.png")
	if err != nil {
		t.Fatal(err)
	}
	for part, data := range map[string][]byte{
		"no picture":  []byte("<html>"),
		"damaged PNG": good[:len(good)/2],
		"60000×60000": promise(good, 60000, 60000),
	} {
		_, err := Decode(bytes.NewReader(data), "cat.png")
		check.Error(t, err, "cat.png", part)
	}
	_, err = Decode(bytes.NewReader(nil), "empty.png")
	check.Error(t, err, "empty.png is empty")
	_, err = Open("testdata/none.png")
	check.Error(t, err, "testdata/none.png")
	_, err = Open("testdata")
	check.Error(t, err, "testdata", "cannot be read")
	_, err = Decode(zeros{}, "endless.png")
	check.Error(t, err, "endless.png", fmt.Sprint(MaxBytes))
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
