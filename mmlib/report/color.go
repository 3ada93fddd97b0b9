package report

import (
	"image/color"
	"math"
)

// viridis is the colour scale of that name at eleven even steps from 0 to 1. It grows evenly in lightness, so it reads the
// same for the colour-blind and in print.
var viridis = [...]color.NRGBA{
	{0x44, 0x01, 0x54, 0xff}, {0x48, 0x25, 0x76, 0xff}, {0x41, 0x44, 0x87, 0xff}, {0x35, 0x60, 0x8d, 0xff},
	{0x2a, 0x78, 0x8e, 0xff}, {0x21, 0x91, 0x8c, 0xff}, {0x22, 0xa8, 0x84, 0xff}, {0x44, 0xbf, 0x70, 0xff},
	{0x7a, 0xd1, 0x51, 0xff}, {0xbd, 0xdf, 0x26, 0xff}, {0xfd, 0xe7, 0x25, 0xff},
}

// viridisAt returns the scale's colour at t in [0, 1].
func viridisAt(t float64) color.NRGBA {
	t = min(max(t, 0), 1) * float64(len(viridis)-1)
	i := min(int(t), len(viridis)-2)
	return mix(viridis[i], viridis[i+1], t-float64(i))
}

// mix goes from a to b as t goes from 0 to 1.
func mix(a, b color.NRGBA, t float64) color.NRGBA {
	between := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-t) + float64(y)*t)) }
	return color.NRGBA{between(a.R, b.R), between(a.G, b.G), between(a.B, b.B), between(a.A, b.A)}
}

// inkOn returns the colour of letters that reads best on the given one: nearly black or white.
func inkOn(c color.NRGBA) color.NRGBA {
	if 0.2126*linear(c.R)+0.7152*linear(c.G)+0.0722*linear(c.B) > 0.2 {
		return color.NRGBA{0x11, 0x11, 0x11, 0xff}
	}
	return color.NRGBA{0xff, 0xff, 0xff, 0xff}
}

// linear undoes the gamma of sRGB.
func linear(channel uint8) float64 { return math.Pow(float64(channel)/255, 2.2) }
