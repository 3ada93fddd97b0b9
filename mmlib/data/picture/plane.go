package picture

// plane holds the samples of one colour of a JPEG, of which there may be fewer than pixels: one for across × down of them.
type plane struct {
	pix           []byte
	stride        int
	width, height int // of the samples; behind them there may be others, which only fill up a block
	across, down  int
	sums          []int32
	line          []byte
}

func newPlane(pix []byte, stride, width, height, across, down int) *plane {
	w, h := (width+across-1)/across, (height+down-1)/down
	return &plane{pix, stride, w, h, across, down, make([]int32, w), make([]byte, w*across)}
}

// row returns the samples of the pixels of row y, interpolated as libjpeg does ("fancy upsampling", jdsample.c): where
// there is a sample for two pixels, each pixel gets ¾ of the nearer sample and ¼ of the next. The result is valid until
// the next call.
func (p *plane) row(y int) []byte {
	near := p.pix[y/p.down*p.stride:][:p.width]
	if p.across > 2 || p.across == 2 && p.width <= 2 || p.across == 1 && p.down == 1 { // libjpeg interpolates none of these
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
	// Halves are rounded up for one pixel and down for its neighbour, so that the picture gets no brighter.
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
