package main

import (
	"bytes"
	"image"
	"image/png"

	"github.com/spf13/pflag"

	"gomm/mmlib/models"
)

// pictureFlags are what a user says of picture files; the rest of their preparation is the run's.
type pictureFlags struct{ invert, keepOrientation bool }

func (p *pictureFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&p.invert, "invert", false, "invert black and white: for dark ink on light paper (transparent pixels count as paper)")
	flags.BoolVar(&p.keepOrientation, "keep-orientation", false,
		"leave photos as the camera stored them, without the rotation in their EXIF data")
}

// apply puts them into the model's preparation of pictures.
func (p pictureFlags) apply(m *models.Model) {
	m.Preprocess.Invert, m.Preprocess.KeepOrientation = p.invert, p.keepOrientation
}

// writePNG writes a picture file, whole or not at all.
func writePNG(path string, img image.Image) error {
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		return err
	}
	return writeBeside(path, file.Bytes())
}
