package report

import (
	"image"
	"image/color"
	"testing"
)

// TestSheet: pictures of one bright pixel each are where they belong, enlarged, a small one as much as fits.
func TestSheet(t *testing.T) {
	dot := func(side, at int) image.Image {
		img := image.NewGray(image.Rect(0, 0, side, side))
		img.Pix[at] = 255
		return img
	}
	sheet := Sheet([]image.Image{dot(3, 0), dot(3, 4), dot(1, 0)}, 2, 2) // places of 6 pixels, 8 between them
	if b := sheet.Bounds(); b.Dx() != 20 || b.Dy() != 20 {
		t.Fatalf("the sheet has %v", b)
	}
	white, black := color.NRGBA{255, 255, 255, 255}, color.NRGBA{0, 0, 0, 255}
	for at, want := range map[image.Point]color.NRGBA{
		{0, 0}: white, {1, 1}: white, {2, 0}: black, // the first picture
		{7, 0}:   white, // between them
		{14, 0}:  black, // the second, whose middle is bright
		{16, 2}:  white,
		{0, 14}:  white, // the third, one pixel that fills its place
		{5, 19}:  white,
		{14, 19}: white, // no picture
	} {
		if got := sheet.At(at.X, at.Y); got != want {
			t.Errorf("%v is %v, want %v", at, got, want)
		}
	}
}
