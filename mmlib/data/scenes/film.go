package scenes

import (
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"slices"
	"strings"

	"gomm/mmlib/data/captions"
	"gomm/mmlib/data/picture"
)

// Films is one split. It is safe for concurrent use.
type Films struct {
	still   Set // for its digits, languages and random numbers
	source  FilmSource
	prepare picture.Preprocess
}

// Mover is a digit of a film.
type Mover struct {
	Digit     int    `json:"digit"`
	Color     string `json:"color,omitempty"` // in English; empty for grey
	Direction string `json:"direction"`       // where it starts to, in English: "left", "up and right"
	Speed     string `json:"speed,omitempty"` // in English: "slowly", "steadily", "quickly"; empty where captions do not say it

	color, heading, speed int
	picture, x, y, dx, dy int
}

// heading is a direction: its names, and the pixels that a digit moves a frame, times its speed.
type heading struct {
	en, zh string
	dx, dy int
}

// headings are the directions, of which a source has the first four or all.
var headings = [8]heading{
	{"left", "左", -1, 0}, {"right", "右", 1, 0}, {"up", "上", 0, -1}, {"down", "下", 0, 1},
	{"up and left", "左上", -1, -1}, {"up and right", "右上", 1, -1}, {"down and left", "左下", -1, 1}, {"down and right", "右下", 1, 1},
}

// pace is a speed: its names, and the pixels that a digit moves a frame along each axis.
type pace struct {
	en, zh string
	pixels int
}

var paces = [3]pace{{"slowly", "慢速", 2}, {"steadily", "中速", 3}, {"quickly", "快速", 4}}

// margin is how far from every edge a digit starts, so that it is seen to move before it turns back: by 4 pixels a frame for two
// frames. It is the same on all sides: where a digit starts does not tell where to.
const margin = 8

// Len is the number of films.
func (f *Films) Len() int { return f.still.scenes }

// Shape is the shape of what Picture writes.
func (f *Films) Shape() (frames, height, width, channels int) {
	return f.prepare.Frames, FilmSide, FilmSide, f.prepare.Channels
}

// Preprocess is what makes of a film file what Picture makes of an example.
func (f *Films) Preprocess() picture.Preprocess { return f.prepare }

// Movers returns the digits of film i as they start.
func (f *Films) Movers(i int) []Mover {
	if uint(i) >= uint(f.Len()) {
		panic(fmt.Sprintf("scenes: there is no film %d among %d", i, f.Len())) // as an index out of range
	}
	r := f.still.random(i, forScene)
	movers := make([]Mover, f.source.Digits)
	start := func() int { return margin + r.IntN(FilmSide-Side+1-2*margin) }
	for k := range movers {
		at := r.IntN(f.still.digits.Len())
		m := f.mover(f.still.digits.Class(at), r.IntN(len(inks)), r.IntN(f.source.Directions), r.IntN(len(paces)))
		m.picture, m.x, m.y = at, start(), start()
		movers[k] = m
	}
	return movers
}

// mover describes a digit; what the source's films do not show, it leaves out.
func (f *Films) mover(digit, color, to, speed int) Mover {
	h, p := headings[to], paces[speed]
	m := Mover{Digit: digit, Direction: h.en, color: color, heading: to, speed: speed, dx: h.dx * p.pixels, dy: h.dy * p.pixels}
	if f.source.Colors {
		m.Color = english.colors[color]
	}
	if f.source.Speeds {
		m.Speed = p.en
	}
	return m
}

// step moves a digit by a frame; at an edge it turns back.
func (m *Mover) step() {
	bounce := func(x, dx int) (int, int) {
		const most = FilmSide - Side
		if x += dx; x < 0 {
			return -x, -dx
		} else if x > most {
			return 2*most - x, -dx
		}
		return x, dx
	}
	m.x, m.dx = bounce(m.x, m.dx)
	m.y, m.dy = bounce(m.y, m.dy)
}

// draw gives of film i every frame that is asked for: of each digit, where it is and what ink it has.
func (f *Films) draw(i int, wanted func(frame int) bool, pixel func(frame, at int, ink [channels]byte)) {
	movers := f.Movers(i)
	for n := range FilmFrames {
		for k := range movers {
			m := &movers[k]
			if wanted(n) {
				ink := [channels]byte{255, 255, 255}
				if f.source.Colors {
					c := brightInks[m.color]
					ink = [channels]byte{c.R, c.G, c.B}
				}
				for j, v := range f.still.digits.Image(m.picture) {
					if v == 0 {
						continue
					}
					var scaled [channels]byte
					for c, x := range ink {
						scaled[c] = byte((int(x)*int(v) + 127) / 255)
					}
					pixel(n, (m.y+j/Side)*FilmSide+m.x+j%Side, scaled)
				}
			}
			m.step()
		}
	}
}

// brightInks are inks as they are drawn on black: as bright as can be.
var brightInks = [len(inks)]color.RGBA{ // red blue green purple brown
	{255, 0, 0, 255}, {0, 96, 255, 255}, {0, 255, 0, 255}, {224, 0, 224, 255}, {176, 104, 40, 255},
}

// Picture writes film i to dst, [frames, height, width, channels], black 0 and white 1; where digits overlap, the brighter pixel is
// seen. Nothing is changed at random.
func (f *Films) Picture(dst []float32, i int, _ *rand.Rand) {
	clear(dst)
	frames, c := f.prepare.Frames, f.prepare.Channels
	var places [FilmFrames][]int // of each frame, those that the model reads: more than one where it wants more than there are
	for k := range frames {
		n := picture.FrameAt(k, frames, FilmFrames)
		places[n] = append(places[n], k)
	}
	f.draw(i, func(n int) bool { return len(places[n]) > 0 }, func(n, at int, ink [channels]byte) {
		for _, k := range places[n] {
			to := dst[(k*FilmSide*FilmSide+at)*c:][:c]
			for j := range to {
				to[j] = max(to[j], float32(ink[j])/255)
			}
		}
	})
}

// Frames are the pictures of film i, all that there are.
func (f *Films) Frames(i int) []image.Image {
	var frames [FilmFrames]*image.RGBA
	list := make([]image.Image, len(frames))
	for n := range frames {
		frames[n] = image.NewRGBA(image.Rect(0, 0, FilmSide, FilmSide))
		for j := 3; j < len(frames[n].Pix); j += 4 {
			frames[n].Pix[j] = 255
		}
		list[n] = frames[n]
	}
	f.draw(i, func(int) bool { return true }, func(n, at int, ink [channels]byte) {
		for c, v := range ink {
			p := &frames[n].Pix[4*at+c]
			*p = max(*p, v)
		}
	})
	return list
}

// Original is film i as people see it on paper: its frames side by side.
func (f *Films) Original(i int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, FilmFrames*FilmSide, FilmSide))
	for n, frame := range f.Frames(i) {
		from := frame.(*image.RGBA)
		for y := range FilmSide {
			copy(img.Pix[img.PixOffset(n*FilmSide, y):], from.Pix[from.PixOffset(0, y):][:4*FilmSide])
		}
	}
	return img
}

// Caption says what moves where in film i, in one of the languages. Without r it is always the same one.
func (f *Films) Caption(i int, r *rand.Rand) string {
	if r == nil {
		r = f.still.random(i, forCaption)
	}
	return f.say(f.still.tongue(r), f.Movers(i))
}

// say is a caption: "the red digit 7 moves up and left slowly and the digit …".
func (f *Films) say(l *language, movers []Mover) string {
	var parts []string
	for _, m := range movers {
		var b strings.Builder
		if l == &chinese {
			if f.source.Colors {
				b.WriteString(l.colors[m.color])
			}
			fmt.Fprintf(&b, "数字%d", m.Digit)
			if f.source.Speeds {
				b.WriteString(paces[m.speed].zh)
			}
			fmt.Fprintf(&b, "向%s移动", headings[m.heading].zh)
		} else {
			b.WriteString("the ")
			if f.source.Colors {
				b.WriteString(l.colors[m.color] + " ")
			}
			fmt.Fprintf(&b, "digit %d moves %s", m.Digit, m.Direction)
			if f.source.Speeds {
				b.WriteString(" " + m.Speed)
			}
		}
		parts = append(parts, b.String())
	}
	return strings.Join(parts, map[bool]string{false: " and ", true: "，"}[l == &chinese])
}

// Meaning is what the captions of film i say, whatever the language and the order of the digits: equal for films of the same
// captions.
func (f *Films) Meaning(i int) string { return f.meaning(f.Movers(i)) }

// meaning says of each digit what captions say, in an order that the words alone decide.
func (f *Films) meaning(movers []Mover) string {
	said := make([]string, len(movers))
	for k, m := range movers {
		said[k] = f.say(&english, []Mover{m})
	}
	slices.Sort(said)
	return strings.Join(said, " and ")
}

// Foils are captions that say of film i the same digits and colors as its own, in the same words, but all ways to move: what a
// single frame cannot tell apart. The film's own caption is the first; those of the same meaning are left out.
func (f *Films) Foils(i int) []string {
	l, movers := f.still.tongue(f.still.random(i, forCaption)), f.Movers(i)
	list, seen := []string{f.say(l, movers)}, map[string]bool{f.meaning(movers): true}
	speeds := 1
	if f.source.Speeds {
		speeds = len(paces)
	}
	ways := f.source.Directions * speeds
	all := 1
	for range movers {
		all *= ways
	}
	for n := range all {
		other := make([]Mover, len(movers))
		for k, m := range movers {
			way := n % ways
			n /= ways
			other[k] = f.mover(m.Digit, m.color, way%f.source.Directions, way/f.source.Directions)
		}
		if meaning := f.meaning(other); !seen[meaning] {
			seen[meaning] = true
			list = append(list, f.say(l, other))
		}
	}
	return list
}

// Texts are captions with all words that there are, the longest ones among them.
func (f *Films) Texts() ([]string, error) {
	var texts []string
	for _, l := range f.still.tongues {
		for digit := range 10 {
			for c := range inks {
				for to := range f.source.Directions {
					for speed := range paces {
						texts = append(texts, f.say(l, slices.Repeat([]Mover{f.mover(digit, c, to, speed)}, f.source.Digits)))
					}
				}
			}
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts), nil
}

// Pairs are the films with their captions; films of the same meaning share their target mass.
func (f *Films) Pairs(encode captions.Encode) (*captions.Pairs, error) {
	return captions.Drawn(f, f.Caption, f.Meaning, encode)
}
