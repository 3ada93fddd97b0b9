package experiment_test

import (
	"image"
	"image/color"
	"testing"

	"gomm/mmlib/experiment"
)

// TestDrawn: one channel gives a gray picture, three a coloured one, and what leaves 0 to 1 is cut off.
func TestDrawn(t *testing.T) {
	gray := experiment.Drawn([]float32{-0.5, 0.5, 1, 7}, 2, 2, 1)
	if _, ok := gray.(*image.Gray); !ok {
		t.Errorf("one channel gives a %T", gray)
	}
	rgb := experiment.Drawn([]float32{0, 0.5, 1, 2, -1, 0.2}, 1, 2, 3)
	for _, x := range []struct {
		m    image.Image
		x, y int
		want color.RGBA
	}{
		{gray, 0, 0, color.RGBA{0, 0, 0, 255}}, {gray, 1, 0, color.RGBA{128, 128, 128, 255}}, {gray, 1, 1, color.RGBA{255, 255, 255, 255}},
		{rgb, 0, 0, color.RGBA{0, 128, 255, 255}}, {rgb, 1, 0, color.RGBA{255, 0, 51, 255}},
	} {
		if got := color.RGBAModel.Convert(x.m.At(x.x, x.y)); got != x.want {
			t.Errorf("%T at (%d, %d) is %v, want %v", x.m, x.x, x.y, got, x.want)
		}
	}
}
