package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gomm/mmlib/internal/check"
)

// animated writes a GIF on a canvas of 2×2 pixels: black, white, red and a transparent color.
func animated(t testing.TB, frames ...part) []byte {
	t.Helper()
	g := &gif.GIF{Config: image.Config{Width: 2, Height: 2}}
	palette := color.Palette{color.Black, color.White, color.RGBA{255, 0, 0, 255}, color.Transparent}
	for _, f := range frames {
		img := image.NewPaletted(f.place, palette)
		copy(img.Pix, f.pixels)
		g.Image, g.Delay, g.Disposal = append(g.Image, img), append(g.Delay, 5), append(g.Disposal, f.disposal)
	}
	var out bytes.Buffer
	check.Must(t, gif.EncodeAll(&out, g))
	return out.Bytes()
}

// part is a frame, its pixels numbers of the palette.
type part struct {
	place    image.Rectangle
	pixels   []uint8
	disposal byte
}

var whole = image.Rect(0, 0, 2, 2)

// read reads a film of 2×2 grey pixels, as a digit each: 0 black, 9 white, 3 red.
func read(t testing.TB, data []byte, frames int) string {
	t.Helper()
	p := Preprocess{Size: 2, Channels: 1, Frames: frames, Resampling: Nearest}
	values, err := p.Read(bytes.NewReader(data), "film.gif")
	check.Must(t, err)
	var b strings.Builder
	for i, v := range values {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.0f", 9*v)
	}
	return b.String()
}

// TestAnimation puts frames together as viewers show them: partial and transparent ones, by every disposal.
func TestAnimation(t *testing.T) {
	corner, white := image.Rect(1, 1, 2, 2), part{whole, []uint8{1, 1, 1, 1}, gif.DisposalNone}
	for name, c := range map[string]struct {
		frames []part
		want   string
	}{
		"whole frames":    {[]part{white, {whole, []uint8{0, 1, 0, 1}, 0}}, "9999 0909"},
		"a partial frame": {[]part{white, {corner, []uint8{0}, 0}, {corner, []uint8{2}, 0}}, "9999 9990 9993"},
		"transparent pixels": {
			[]part{white, {whole, []uint8{3, 0, 3, 3}, 0}, {whole, []uint8{0, 3, 3, 3}, 0}}, "9999 9099 0099",
		},
		"to the background": {
			[]part{white, {corner, []uint8{2}, gif.DisposalBackground}, {image.Rect(0, 0, 1, 1), []uint8{0}, 0}}, "9999 9993 0990",
		},
		"to the previous": {
			[]part{white, {corner, []uint8{2}, gif.DisposalPrevious}, {image.Rect(0, 0, 1, 1), []uint8{0}, 0}}, "9999 9993 0999",
		},
		"to the previous, twice": {
			[]part{white, {corner, []uint8{2}, gif.DisposalPrevious}, {corner, []uint8{0}, gif.DisposalPrevious}, {corner, []uint8{3}, 0}},
			"9999 9993 9990 9999",
		},
		"one frame": {[]part{white}, "9999"},
	} {
		if got := read(t, animated(t, c.frames...), len(c.frames)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestFrameAt: frames are evenly spaced, and come twice where there are too few.
func TestFrameAt(t *testing.T) {
	film := animated(t, part{whole, []uint8{1, 0, 0, 0}, 0}, part{whole, []uint8{0, 1, 0, 0}, 0}, part{whole, []uint8{0, 0, 1, 0}, 0},
		part{whole, []uint8{0, 0, 0, 1}, 0})
	for frames, want := range map[int]string{
		1: "9000", 2: "9000 0090", 3: "9000 0900 0090", 4: "9000 0900 0090 0009", 6: "9000 9000 0900 0090 0090 0009",
	} {
		if got := read(t, film, frames); got != want {
			t.Errorf("%d of 4 frames: %s, want %s", frames, got, want)
		}
	}
	// What lies behind the last frame that is read may be damaged; what is read may not.
	cut := film[:len(film)-4]
	if got := read(t, cut, 2); got != "9000 0090" {
		t.Errorf("a film whose end is missing: %s", got)
	}
	_, err := Preprocess{Size: 2, Channels: 1, Frames: 4}.Read(bytes.NewReader(film[:len(film)-6]), "film.gif")
	check.Error(t, err, "film.gif is a damaged GIF: it ends early")
	if got := read(t, film[:len(film)-1], 4); got != "9000 0900 0090 0009" { // no trailer
		t.Errorf("a film without a trailer: %s", got)
	}
}

// TestFilmFolder: pictures in the natural order of their names; other files are no frames.
func TestFilmFolder(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"f1.png", "f2.PNG", "f10.png"} {
		img := image.NewGray(image.Rect(0, 0, 2, 2))
		img.Pix[i] = 255
		var file bytes.Buffer
		check.Must(t, png.Encode(&file, img))
		check.Must(t, os.WriteFile(filepath.Join(dir, name), file.Bytes(), 0o600))
	}
	for _, name := range []string{"notes.txt", ".hidden.png", "Thumbs.db"} {
		check.Must(t, os.WriteFile(filepath.Join(dir, name), []byte("no picture"), 0o600))
	}
	check.Must(t, os.Mkdir(filepath.Join(dir, "folder.png"), 0o700))
	p := Preprocess{Size: 2, Channels: 1, Frames: 3}
	values, err := p.Load(dir)
	check.Must(t, err)
	if want := []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}; !slices.Equal(values, want) {
		t.Errorf("the film is %v, want %v", values, want)
	}
	values, err = p.Load(filepath.Join(dir, "f2.PNG")) // a film in which nothing moves
	check.Must(t, err)
	if want := []float32{0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0}; !slices.Equal(values, want) {
		t.Errorf("a picture as a film is %v, want %v", values, want)
	}
	p.Frames = 5
	values, err = p.Load(dir)
	check.Must(t, err)
	if !slices.Equal(values[:4], values[4:8]) || slices.Equal(values[8:12], values[4:8]) {
		t.Errorf("5 of 3 frames are %v", values)
	}

	_, err = p.Load(t.TempDir())
	check.Error(t, err, "has no pictures", ".png, .jpg")
	_, err = p.Load(filepath.Join(dir, "none"))
	check.Error(t, err, "none: no such file")
	_, err = Preprocess{Size: 2, Channels: 1}.Film(dir)
	check.Error(t, err, "cannot be read as a film: frames is 0")
	check.Must(t, os.WriteFile(filepath.Join(dir, "f3.gif"), []byte("GIF89a"), 0o600))
	_, err = p.Load(dir)
	check.Error(t, err, "f3.gif is a damaged GIF")
}

func TestNatural(t *testing.T) {
	want := []string{"01.png", "1.png", "2.png", "10.png", "10a2.png", "10a10.png", "a.png", "a1", "a1b", "b", "b0"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, natural)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// hostileFilms are damaged and malicious films, with a part of the error that each must give.
var hostileFilms = []struct{ name, data, want string }{
	{"too many frames", gifOf(1, 1, strings.Repeat(gifPart(1, 1), MaxFrames+1)), "has more than 10000 frames; make it shorter"},
	{"too many pixels", gifOf(10000, 4000, strings.Repeat(gifPart(10000, 4000), 13)), "has frames of more than 500000000 pixels in all"},
	{"a gigantic canvas", gifOf(65535, 65535, gifPart(1, 1)), "has 65535×65535 pixels"},
	{"a gigantic second frame", gifOf(1, 1, gifPart(1, 1)+gifPart(20000, 20000)), "has 20000×20000 pixels"},
	{"pixels that are missing", gifOf(100, 100, gifPart(100, 100)), "it ends early"},
	{"a color out of range", "GIF89a\x01\x00\x01\x00\x80\x00\x00AAABBB,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x5c\x01\x00;",
		"colour 3 of a palette of 2"},
	{"an animated WebP", riff("VP8X", "\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "is an animated WebP, which is not read as a film"},
	{"an animated PNG", pngHead(1, 1) + "\x00\x00\x00\x08acTL", "is an animated PNG"},
	{"no film at all", "<!doctype html>", "is no picture"},
	{"nothing", "", "is empty"},
}

// gifOf is a GIF of that canvas with a palette of two colors; gifPart is a frame with one byte of pixels.
func gifOf(w, h uint16, parts string) string {
	return "GIF89a" + string([]byte{byte(w), byte(w >> 8), byte(h), byte(h >> 8)}) + "\x80\x00\x00AAABBB" + parts + ";"
}

func gifPart(w, h uint16) string {
	return ",\x00\x00\x00\x00" + string([]byte{byte(w), byte(w >> 8), byte(h), byte(h >> 8)}) + "\x00\x02\x02\x4c\x01\x00"
}

// TestHostileFilms: each is refused by an error of one line, before memory is allocated for what it promises.
func TestHostileFilms(t *testing.T) {
	for _, h := range hostileFilms {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Preprocess{Size: 2, Channels: 1, Frames: 3}.Read(strings.NewReader(h.data), "film")
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: no error, want %q", h.name, h.want)
			continue
		}
		check.Error(t, err, "picture: film ", h.want)
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: %d bytes", h.name, used)
		}
	}
}

// TestEncodeGIF: what is written is read again, exactly while there are no more than 256 colors.
func TestEncodeGIF(t *testing.T) {
	frames := func(colors int) (list []image.Image) {
		for n := range 2 {
			img := image.NewRGBA(image.Rect(3, 3, 35, 35)) // not at the origin
			for i := range 32 * 32 {
				c := (i + n) % colors
				img.SetRGBA(3+i%32, 3+i/32, color.RGBA{uint8(c), uint8(c / 256 * 16), 7, 255})
			}
			list = append(list, img)
		}
		return list
	}
	for colors, most := range map[int]float32{256: 0, 1000: 64} {
		var file bytes.Buffer
		check.Must(t, EncodeGIF(&file, frames(colors), 5))
		p := Preprocess{Size: 32, Channels: 3, Frames: 2}
		got, err := p.Read(&file, "film.gif")
		check.Must(t, err)
		for n, f := range frames(colors) {
			want := make([]float32, 32*32*3)
			check.Must(t, Preprocess{Size: 32, Channels: 3}.Apply(want, f))
			for i, x := range want {
				if d := 255 * (x - got[n*len(want)+i]); d > most || d < -most {
					t.Fatalf("%d colors, frame %d: value %d is off by %g levels", colors, n, i, d)
				}
			}
		}
	}
	check.Error(t, EncodeGIF(&bytes.Buffer{}, nil, 5), "without frames")
	check.Error(t, EncodeGIF(&bytes.Buffer{}, []image.Image{image.NewGray(whole), image.NewGray(image.Rect(0, 0, 1, 2))}, 5), "frame 1")
}

// FuzzFilm decodes films: the result is an error of one line, or as many frames as are wanted.
func FuzzFilm(f *testing.F) {
	f.Add(animated(f, part{whole, []uint8{1, 1, 1, 1}, 0}, part{whole, []uint8{3, 0, 3, 3}, gif.DisposalPrevious}), 3)
	f.Add(animated(f, part{image.Rect(1, 1, 2, 2), []uint8{1}, gif.DisposalBackground}, part{whole, []uint8{3, 0, 3, 3}, 0}), 1)
	for _, h := range hostileFilms {
		if len(h.data) < 1000 {
			f.Add([]byte(h.data), 2)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, frames int) {
		p := Preprocess{Size: 2, Channels: 3, Frames: 1 + int(uint(frames)%8)}
		values, err := p.decodeFilm(data, 1<<16)
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("more than a line: %q", err)
		}
		if err == nil && len(values) != p.Len() {
			t.Errorf("%d values of %d", len(values), p.Len())
		}
	})
}
