package report

import (
	"image"
	"image/draw"

	xdraw "golang.org/x/image/draw"
)

// Sheet lays pictures out in rows on white. Every place is as large as the largest picture, enlarged so many times; a smaller
// picture is enlarged by the largest whole number that fits, so that pixels stay square.
func Sheet(pictures []image.Image, columns, enlarge int) image.Image {
	const gap = 8
	width, height := 0, 0
	for _, p := range pictures {
		width, height = max(width, p.Bounds().Dx()*enlarge), max(height, p.Bounds().Dy()*enlarge)
	}
	columns = max(1, min(columns, len(pictures)))
	rows := (len(pictures) + columns - 1) / columns
	sheet := image.NewNRGBA(image.Rect(0, 0, columns*(width+gap)-gap, rows*(height+gap)-gap))
	draw.Draw(sheet, sheet.Rect, image.White, image.Point{}, draw.Src)
	for i, p := range pictures {
		b := p.Bounds()
		times := min(width/max(b.Dx(), 1), height/max(b.Dy(), 1))
		place := image.Rect(0, 0, b.Dx()*times, b.Dy()*times).Add(image.Pt(i%columns*(width+gap), i/columns*(height+gap)))
		xdraw.NearestNeighbor.Scale(sheet, place, p, b, xdraw.Src, nil)
	}
	return sheet
}
