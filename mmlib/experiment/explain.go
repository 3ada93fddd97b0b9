package experiment

import (
	"context"
	"fmt"
	"image"
	"image/color"

	"github.com/gomlx/compute"

	"gomm/mmlib/data/picture"
	"gomm/mmlib/eval"
	"gomm/mmlib/models"
	"gomm/mmlib/report"
)

// Explain draws for each picture file, in a row of its own, what the model saw of it and what it looked at: the attention
// of the class token in the last block, the mean of its heads.
func Explain(ctx context.Context, b compute.Backend, m *models.Model, files []string) (image.Image, error) {
	f, ok := m.Func("attention")
	if !ok {
		return nil, fmt.Errorf("experiment: a %s has no attention to draw", m.Settings.Kind)
	}
	layers, heads, grid := f.Out[0].Dim(0), f.Out[0].Dim(1), f.Out[0].Dim(2)
	seen := make([]image.Image, len(files))
	weights, err := onFiles(ctx, b, m, "attention", files, func(i int, pixels []float32) { seen[i] = view(pixels, m.Preprocess) })
	if err != nil {
		return nil, err
	}
	var pictures []image.Image
	for i := range files {
		last := weights.Row(i)[(layers-1)*heads*grid*grid:]
		glow, err := report.Overlay(seen[i], eval.MeanHeads(last, grid))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
		pictures = append(pictures, seen[i], glow)
	}
	return report.Sheet(pictures, 2, 1), nil
}

// view turns the pixels that a model reads back into a picture.
func view(pixels []float32, p picture.Preprocess) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, p.Size, p.Size))
	level := func(i, channel int) uint8 {
		x := pixels[i*p.Channels+channel]
		if len(p.Std) > 0 {
			x *= p.Std[channel]
		}
		if len(p.Mean) > 0 {
			x += p.Mean[channel]
		}
		return uint8(min(max(255*x+0.5, 0), 255))
	}
	for i := range p.Size * p.Size {
		c := color.NRGBA{level(i, 0), level(i, 0), level(i, 0), 255}
		if p.Channels == 3 {
			c.G, c.B = level(i, 1), level(i, 2)
		}
		img.SetNRGBA(i%p.Size, i/p.Size, c)
	}
	return img
}
