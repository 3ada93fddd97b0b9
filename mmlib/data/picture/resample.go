package picture

import "math"

// axis describes the resizing of a picture's rows or columns.
type axis struct {
	n       int // pixels of the picture
	resized int // pixels after resizing
	offset  int // the first of them that is kept
	count   int // the number that is kept
	place   int // the position of the first in the result
}

// axes returns how a picture of w×h pixels becomes one of Size×Size.
func (p Preprocess) axes(w, h int) (columns, rows axis) {
	one := func(n int) axis {
		switch p.Resize {
		case Squash:
			return axis{n: n, resized: p.Size, count: p.Size}
		case Pad:
			long := max(w, h)
			resized := max(1, int(math.RoundToEven(float64(n)*float64(p.Size)/float64(long))))
			return axis{n: n, resized: resized, count: resized, place: (p.Size - resized) / 2}
		}
		resized := p.Size * n / min(w, h)
		offset := int(math.RoundToEven(float64(resized-p.Size) / 2))
		if p.CropRounding == Floor {
			offset = (resized - p.Size) / 2
		}
		return axis{n: n, resized: resized, offset: offset, count: p.Size}
	}
	return one(w), one(h)
}

// taps are the weights of the source pixels from first on that add up to one pixel of the result. They are integers in units
// of 2⁻²², as Pillow's are, so that sums agree to the last bit.
type taps struct {
	first   int
	weights []int32
}

const precision = 22

// end is one more than the last source pixel.
func (t taps) end() int { return t.first + len(t.weights) }

// filter holds the taps of each pixel of the result along one axis.
type filter []taps

// kernel gives the weight of a source pixel by its distance from the centre; it is 0 beyond support.
type kernel struct {
	support float64
	weight  func(x float64) float64
}

var kernels = map[string]kernel{
	Bicubic: {2, func(x float64) float64 { // Catmull-Rom
		const a = -0.5
		x = math.Abs(x)
		switch {
		case x < 1:
			return ((a+2)*x-(a+3))*x*x + 1
		case x < 2:
			return (((x-5)*x+8)*x - 4) * a
		}
		return 0
	}},
	Bilinear: {1, func(x float64) float64 { return max(0, 1-math.Abs(x)) }},
	Lanczos: {3, func(x float64) float64 {
		if x < -3 || x >= 3 {
			return 0
		}
		return sinc(x) * sinc(x/3)
	}},
	Box: {0.5, func(x float64) float64 {
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	}},
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(x*math.Pi) / (x * math.Pi)
}

// filter returns the taps of an axis, by the rules of Pillow's resize.
//
// Pixel i of the result is at (i + ½)·n/resized in the source. Where the picture shrinks, the kernel is widened in proportion,
// so that every source pixel counts (antialiasing).
func (a axis) filter(resampling string) filter {
	f := make(filter, a.count)
	scale := float64(a.n) / float64(a.resized)
	if resampling == Nearest { // positions are added up as in Pillow, rounding errors and all
		at := scale * 0.5
		for i := range a.offset + a.count {
			if i >= a.offset {
				f[i-a.offset] = taps{min(int(at), a.n-1), []int32{1 << precision}}
			}
			at += scale
		}
		return f
	}
	k := kernels[resampling]
	stretch := max(scale, 1)
	support, inverse := k.support*stretch, 1/stretch
	for i := range f {
		centre := (float64(a.offset+i) + 0.5) * scale
		first := max(0, int(centre-support+0.5))
		end := min(a.n, int(centre+support+0.5))
		weights := make([]float64, end-first)
		var total float64
		for j := range weights {
			weights[j] = k.weight((float64(first+j) - centre + 0.5) * inverse)
			total += weights[j]
		}
		f[i] = taps{first, make([]int32, len(weights))}
		for j, w := range weights {
			f[i].weights[j] = int32(math.Round(w / total * (1 << precision)))
		}
	}
	return f
}

// span returns the range of source pixels that a filter needs.
func (f filter) span() (first, end int) {
	return f[0].first, f[len(f)-1].end()
}

// resize resizes a line of pixels. The line begins with pixel number from.
func (f filter) resize(dst, line []byte, from, channels int) {
	for x, t := range f {
		for c := range channels {
			sum, at := int32(1<<(precision-1)), (t.first-from)*channels+c
			for _, w := range t.weights {
				sum += w * int32(line[at])
				at += channels
			}
			dst[x*channels+c] = clip(sum >> precision)
		}
	}
}

// vertical resizes a column of lines that come in one after another. It holds the sums for all lines of the result, and none
// of the lines that come in, of which there may be a million.
type vertical struct {
	filter filter
	width  int
	sums   []int32
	begin  int // the first line of the result that is not complete
}

func newVertical(f filter, width int) *vertical {
	v := &vertical{filter: f, width: width, sums: make([]int32, len(f)*width)}
	for i := range v.sums {
		v.sums[i] = 1 << (precision - 1)
	}
	return v
}

// needs reports whether line y counts. Lines must come in order.
func (v *vertical) needs(y int) bool {
	for v.begin < len(v.filter) && v.filter[v.begin].end() <= y {
		v.begin++
	}
	return v.begin < len(v.filter) && v.filter[v.begin].first <= y
}

// add adds line y.
func (v *vertical) add(y int, line []byte) {
	for i := v.begin; i < len(v.filter) && v.filter[i].first <= y; i++ {
		t := v.filter[i]
		if y >= t.end() {
			continue
		}
		w := t.weights[y-t.first]
		sums := v.sums[i*v.width : (i+1)*v.width]
		for x, level := range line {
			sums[x] += w * int32(level)
		}
	}
}

// line writes a line of the result.
func (v *vertical) line(dst []byte, i int) {
	for x, sum := range v.sums[i*v.width : (i+1)*v.width] {
		dst[x] = clip(sum >> precision)
	}
}
