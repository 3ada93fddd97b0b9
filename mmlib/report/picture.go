package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math"

	xdraw "golang.org/x/image/draw"
)

// overlayScale is how many pixels an overlay has for each of the picture's.
const overlayScale = 8

// Overlay colours a picture by a grid of attention weights laid over it, row 0 on top: what the model looks at glows
// orange, the rest stays dim and grey. The picture's own light and dark are kept, the largest weight of the grid glows
// most, and the result is eight times as wide and high as the picture.
func Overlay(img image.Image, weights [][]float64) (image.Image, error) {
	top, err := largestWeight(weights)
	if err != nil {
		return nil, err
	}
	if img == nil || img.Bounds().Empty() {
		return nil, errors.New("report: the picture under the attention weights is empty")
	}
	size := image.Rect(0, 0, overlayScale*img.Bounds().Dx(), overlayScale*img.Bounds().Dy())
	grey := image.NewGray(size)
	xdraw.NearestNeighbor.Scale(grey, size, img, img.Bounds(), xdraw.Src, nil)
	var (
		dimDark, dimLight   = color.NRGBA{0x12, 0x14, 0x1c, 0xff}, color.NRGBA{0x8d, 0x94, 0xa1, 0xff}
		glowDark, glowLight = color.NRGBA{0xa6, 0x45, 0x00, 0xff}, color.NRGBA{0xff, 0xf0, 0xd0, 0xff}
	)
	out := image.NewNRGBA(size)
	for y := range size.Dy() {
		row := weights[y*len(weights)/size.Dy()]
		for x := range size.Dx() {
			glow := row[x*len(row)/size.Dx()] / top
			light := float64(grey.GrayAt(x, y).Y) / 255
			out.SetNRGBA(x, y, mix(mix(dimDark, glowDark, glow), mix(dimLight, glowLight, glow), light))
		}
	}
	return out, nil
}

// largestWeight checks a grid of weights and returns its maximum.
func largestWeight(weights [][]float64) (float64, error) {
	if len(weights) == 0 || len(weights[0]) == 0 {
		return 0, errors.New("report: the grid of attention weights is empty")
	}
	top := 0.0
	for i, row := range weights {
		if len(row) != len(weights[0]) {
			return 0, fmt.Errorf("report: attention weights: row %d has %d values but row 0 has %d", i, len(row), len(weights[0]))
		}
		for j, w := range row {
			if math.IsNaN(w) || math.IsInf(w, 0) || w < 0 {
				return 0, fmt.Errorf("report: attention weight [%d][%d] is %v; weights are finite and not negative", i, j, w)
			}
			top = max(top, w)
		}
	}
	if top == 0 {
		return 0, errors.New("report: all attention weights are 0; there is nothing to show")
	}
	return top, nil
}

// dataURI returns the picture as a PNG inside an address, so that the page needs no other file.
func dataURI(name string, img image.Image) (template.URL, error) {
	if img == nil || img.Bounds().Empty() {
		return "", fmt.Errorf("report: %s is empty", name)
	}
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&file, img); err != nil {
		return "", fmt.Errorf("report: %s: encoding as PNG: %w", name, err)
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(file.Bytes())), nil
}
