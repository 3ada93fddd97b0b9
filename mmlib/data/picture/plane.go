package picture

// plane holds the samples of one component of a JPEG, each for across×down pixels.
type plane struct {
	pix           []byte
	stride        int
	width, height int // in samples; pix may have more, which fill up blocks
	across, down  int
	sums          []int32
	line          []byte
}

func newPlane(pix []byte, stride, width, height, across, down int) *plane {
	w, h := (width+across-1)/across, (height+down-1)/down
	return &plane{pix, stride, w, h, across, down, make([]int32, w), make([]byte, w*across)}
}

// row returns a sample for each pixel of row y, interpolated as libjpeg does ("fancy upsampling", jdsample.c): where two pixels
// share a sample, each gets ¾ of it and ¼ of the next nearest one. The result is valid until the next call.
func (p *plane) row(y int) []byte {
	near := p.pix[y/p.down*p.stride:][:p.width]
	if p.across > 2 || p.across == 2 && p.width <= 2 || p.across == 1 && p.down == 1 { // libjpeg repeats these samples
		for x := range p.line {
			p.line[x] = near[x/p.across]
		}
		return p.line
	}
	far, weight := near, int32(0)
	if p.down == 2 {
		other := y/2 - 1 + y%2*2 // the row above for an even row, below for an odd one
		far, weight = p.pix[min(max(other, 0), p.height-1)*p.stride:][:p.width], 3
	}
	for x := range p.sums {
		p.sums[x] = weight*int32(near[x]) + int32(far[x]) // 4 times a sample, or the sample itself
	}
	// Halves are rounded up for one pixel and down for the next, so that the picture does not become brighter.
	switch {
	case p.across == 1:
		for x, sum := range p.sums {
			p.line[x] = byte((sum + 1 + int32(y%2)) >> 2)
		}
	case p.down == 1:
		p.interpolate(1, 2, 2)
	default:
		p.interpolate(8, 7, 4)
	}
	return p.line
}

// interpolate makes two pixels of each sum.
func (p *plane) interpolate(halfLeft, halfRight int32, shift int) {
	for x, sum := range p.sums {
		left, right := p.sums[max(x-1, 0)], p.sums[min(x+1, len(p.sums)-1)]
		p.line[2*x] = byte((3*sum + left + halfLeft) >> shift)
		p.line[2*x+1] = byte((3*sum + right + halfRight) >> shift)
	}
}
