package picture

import "math"

// axis is what becomes of a picture's rows or columns.
type axis struct {
	n       int // of the picture
	resized int // after resizing
	offset  int // the first of the resized that is kept
	count   int // how many are kept
	place   int // where the first of them comes to lie in the result
}

// axes says how a picture of w×h pixels becomes one of Size×Size.
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

// taps are the weights of the pixels from first on, of which one pixel of the result is the sum. They are integers in units
// of 1/2²², as PIL has them: so sums are the same to the last bit.
type taps struct {
	first   int
	weights []int32
}

const precision = 22

// end is the pixel behind the last that counts.
func (t taps) end() int { return t.first + len(t.weights) }

// filter holds the taps of each pixel of the result, along one axis.
type filter []taps

// kernel is a weight for each distance from the centre, and the distance behind which all are 0.
type kernel struct {
	support float64
	weight  func(x float64) float64
}

var kernels = map[string]kernel{
	Bicubic: {2, func(x float64) float64 { // Catmull and Rom's: Keys's with a = -½
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

// filter makes the taps of an axis.
//
// A result's pixel is at (i + ½)·n/resized in the original. Where the picture shrinks, the kernel is made as much wider,
// so that every pixel of the original counts (antialiasing). These are the rules of PIL's resize.
func (a axis) filter(resampling string) filter {
	f := make(filter, a.count)
	scale := float64(a.n) / float64(a.resized)
	if resampling == Nearest { // PIL adds up the positions, and so does this
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

// span is the range of pixels that a filter needs.
func (f filter) span() (first, end int) {
	return f[0].first, f[len(f)-1].end()
}

// across resizes a line of pixels with so many channels, which begins with pixel number from.
func (f filter) across(dst, line []byte, from, channels int) {
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

// down resizes lines that come one after another. It keeps the sums of all lines of the result and none of the lines that
// come in, of which there may be a million.
type down struct {
	filter filter
	width  int
	sums   []int32
	begin  int // the first line of the result that is not complete yet
}

func newDown(f filter, width int) *down {
	d := &down{filter: f, width: width, sums: make([]int32, len(f)*width)}
	for i := range d.sums {
		d.sums[i] = 1 << (precision - 1)
	}
	return d
}

// needs reports whether line number y counts. The numbers must not fall from one call to the next.
func (d *down) needs(y int) bool {
	for d.begin < len(d.filter) && d.filter[d.begin].end() <= y {
		d.begin++
	}
	return d.begin < len(d.filter) && d.filter[d.begin].first <= y
}

// add adds line number y.
func (d *down) add(y int, line []byte) {
	for i := d.begin; i < len(d.filter) && d.filter[i].first <= y; i++ {
		t := d.filter[i]
		if y >= t.end() {
			continue
		}
		w := t.weights[y-t.first]
		sums := d.sums[i*d.width : (i+1)*d.width]
		for x, v := range line {
			sums[x] += w * int32(v)
		}
	}
}

// line writes a line of the result.
func (d *down) line(dst []byte, i int) {
	for x, sum := range d.sums[i*d.width : (i+1)*d.width] {
		dst[x] = clip(sum >> precision)
	}
}
