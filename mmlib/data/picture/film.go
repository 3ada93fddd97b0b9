package picture

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Limits on films, besides those on the file and on each of its frames. They are checked before any frame is decoded.
const (
	MaxFrames     = 10_000      // in a file, or pictures in a folder
	MaxFilmPixels = 500_000_000 // of all frames of a file together
)

// FrameAt is the k-th of t frames that are evenly spaced in a film of n, all counted from 0: ⌊k·n/t⌋. With fewer frames than are
// wanted, some come twice.
func FrameAt(k, t, n int) int { return k * n / t }

// Film reads a film as a model of films wants it, [Frames, Size, Size, Channels]: Frames of its frames, evenly spaced by their
// number (see [FrameAt]; how long each is shown does not matter), each of them prepared as a picture. A film is
//
//   - an animated GIF, whose frames are put together as viewers show them: each one drawn upon what those before have left;
//   - a folder of pictures (.png, .jpg, .jpeg, .gif, .webp, .bmp), in the natural order of their names: 2.png before 10.png. Other
//     and hidden files in it are ignored, as are folders;
//   - any other picture: one in which nothing moves.
//
// An animated WebP or PNG is refused, and so is what has more than [MaxFrames] frames or [MaxFilmPixels] pixels.
func (p Preprocess) Film(path string) ([]float32, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if p.Frames < 1 {
		return nil, fmt.Errorf("picture: %s cannot be read as a film: frames is %d, the settings are of a model that reads pictures", path,
			p.Frames)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	if info.IsDir() {
		return p.folder(path, f)
	}
	return p.readFilm(f, path)
}

// readFilm reads a film from a file's bytes.
func (p Preprocess) readFilm(r io.Reader, name string) ([]float32, error) {
	file, err := readAll(r, name)
	if err != nil {
		return nil, err
	}
	values, err := p.decodeFilm(file, MaxPixels)
	if err != nil {
		return nil, fmt.Errorf("picture: %s %w", name, err)
	}
	return values, nil
}

// decodeFilm is readFilm with frames of at most limit pixels. Its errors continue a sentence that begins with the file's name.
func (p Preprocess) decodeFilm(file []byte, limit int) (values []float32, err error) {
	defer guard(&err)
	f, err := recognise(file)
	if err != nil {
		return nil, err
	}
	values = make([]float32, p.Len())
	if f.film == nil {
		if f.animated != nil && f.animated(file) {
			return nil, fmt.Errorf("is an animated %s, which is not read as a film; convert it to GIF, or to a folder of pictures", f.name)
		}
		img, err := Options{p.KeepOrientation}.decode(file, limit)
		if err != nil {
			return nil, err
		}
		return values, p.apply(values, img)
	}
	film, err := f.film(file, limit)
	if err != nil {
		return nil, f.explain(err)
	}
	written := 0 // frames of values
	for n := range film.frames() {
		img, err := film.next()
		if err != nil {
			return nil, f.explain(fmt.Errorf("frame %d: %w", n+1, err))
		}
		for first := written; written < p.Frames && FrameAt(written, p.Frames, film.frames()) == n; written++ {
			dst := values[written*p.frame():][:p.frame()]
			if written > first {
				copy(dst, values[first*p.frame():])
			} else if err := p.one(dst, img); err != nil {
				return nil, err
			}
		}
		if written == p.Frames {
			break // what comes after the last frame that is wanted is not decoded
		}
	}
	return values, nil
}

// folder reads a film from a folder of pictures, which is open.
func (p Preprocess) folder(path string, folder *os.File) ([]float32, error) {
	var names []string
	for {
		entries, err := folder.ReadDir(1000)
		for _, e := range entries {
			if ext := strings.ToLower(filepath.Ext(e.Name())); !e.IsDir() && e.Name()[0] != '.' && slices.Contains(extensions, ext) {
				names = append(names, e.Name())
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("picture: %w", err)
		}
		if len(names) > MaxFrames {
			return nil, fmt.Errorf("picture: the folder %s has more than %d pictures: leave some out", path, MaxFrames)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("picture: the folder %s has no pictures, which would be the frames of a film: files ending in %s", path,
			strings.Join(extensions, ", "))
	}
	slices.SortFunc(names, natural)
	values := make([]float32, p.Len())
	for k, last := 0, -1; k < p.Frames; k++ {
		dst, n := values[k*p.frame():][:p.frame()], FrameAt(k, p.Frames, len(names))
		if n == last {
			copy(dst, values[(k-1)*p.frame():])
			continue
		}
		last = n
		name := filepath.Join(path, names[n])
		img, err := Options{p.KeepOrientation}.Open(name)
		if err != nil {
			return nil, err
		}
		if err := p.one(dst, img); err != nil {
			return nil, fmt.Errorf("picture: %s %w", name, err)
		}
	}
	return values, nil
}

// extensions are those of a folder's files that are frames.
var extensions = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}

// natural compares names as people do: where both have a number, the smaller number comes first.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		i, j := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(i), len(j)), cmp.Compare(i, j)); c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b)) // 1.png and 01.png are two files
}

// digits is the number of digits that a text begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// animatedPNG reports whether a PNG has the chunk of an animation, which stands before the pixels.
func animatedPNG(file []byte) bool {
	head, _, _ := bytes.Cut(file, []byte("IDAT"))
	return bytes.Contains(head, []byte("acTL"))
}

// animatedWebP reports whether a WebP's header announces an animation.
func animatedWebP(file []byte) bool {
	return len(file) > 20 && string(file[12:16]) == "VP8X" && file[20]&2 != 0
}

// film is a file of several frames, which come one after another.
type film interface {
	frames() int
	next() (image.Image, error) // valid up to the next call
}
